"""Settling mints by their outcomes, which may come twice, late, and in any order.

Every outcome says how often one of its mint was taken back before it: of what is known and what is told, that with the
most reversals counts, and what it supersedes is booked back first, be it that nobody has told of the reversal yet.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from prometheus_client import Histogram

from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.ledger.model import NUMBER_RETIRED, OutcomeContradicts, OutcomeUnknown, Requested, State
from cashback.ledger.rules import failed, minted, reopened, reverted, settles
from cashback.ledger.service.posting import post
from cashback.ledger.store import mints, retirements, reversals

ACTOR: Final = "minting"
BLOCK_REPLACED: Final = "block_replaced"
"""Why a cashback goes back to `mint_requested`."""
REFUNDED: Final = "refunded"
"""Why a cashback is reversed as soon as it is minted: all of it was returned meanwhile."""

MINTED_AFTER: Final = Histogram(
    "cashback_ledger_mint_duration_seconds",
    "From the request of a mint to its being settled as minted, by the clock that business is done by.",
    buckets=(1, 2, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400),
)

Told: TypeAlias = TokenMinted | TokenMintFailed | TokenMintReverted


class _Moves(msgspec.Struct, frozen=True):
    """What outcomes change, by cashback: taken back from what, then minted where, stuck why, or failed in passing.

    And which, being stuck, have a number that is retired by now.
    """

    reopened: dict[str, tuple[Requested, int]]
    minted: dict[str, tuple[Requested, TokenMinted]]
    stuck: dict[str, tuple[Requested, str]]
    waiting: dict[str, str]
    retired: set[str]


async def settle(tx: Tx, outcomes: Sequence[Told], *, now: datetime) -> None:
    """Mark as minted what was in flight or stuck, and as stuck what is in flight and will not be retried.

    First what was minted, reversed or stuck is put in flight again when that is void; what was returned while it was in
    flight is reversed as soon as it is minted. What is minted already stays as it is, whatever failed beside it; a mint
    that is to be retried only keeps the reason. What became of a number that its cashback has given up since is passed
    over, unless it is a mint. Cashbacks and accounts are each locked once, in order: two batches never wait for each
    other in a circle.

    Raises:
        OutcomeUnknown: a number was never requested.
        OutcomeContradicts: a number was requested for something else, or is minted although it was retired.
    """
    moves = _moves(await _locked(tx, outcomes), outcomes)
    if moves.reopened:
        counts = {cashback_id: reversals for cashback_id, (_, reversals) in moves.reopened.items()}
        await mints.mark_reopened(tx, counts, actor=ACTOR, cause=BLOCK_REPLACED, at=now)
    if moves.minted:
        places = {
            cashback_id: (outcome.transaction_hash, int(outcome.block_number), outcome.block_hash)
            for cashback_id, (_, outcome) in moves.minted.items()
        }
        await mints.mark_minted(tx, places, actor=ACTOR, at=now)
        _time(moves, now)
    if returned := [cashback.id for cashback, _ in moves.minted.values() if cashback.is_returned]:
        await reversals.mark_reversed(tx, returned, actor=ACTOR, cause=REFUNDED, at=now)
    if moves.stuck:
        reasons = {cashback_id: reason for cashback_id, (_, reason) in moves.stuck.items()}
        await mints.mark_stuck(tx, reasons, actor=ACTOR, at=now)
    if moves.retired:
        await mints.note_retired(tx, sorted(moves.retired), failure=NUMBER_RETIRED)
    if moves.waiting:
        await mints.note_failures(tx, moves.waiting)
    taken_back = [before for before, _ in moves.reopened.values() if before.state is not State.MINT_REQUESTED]
    postings = [reverted(cashback) for cashback in taken_back]
    postings += [minted(cashback) for cashback, _ in moves.minted.values()]
    postings += [failed(cashback) for cashback, _ in moves.stuck.values()]
    await post(tx, postings, at=now)
    if postings:
        reach("settlement.posting")


def _moves(known: Mapping[int, Requested], outcomes: Sequence[Told]) -> _Moves:
    """Return what the outcomes change; of one cashback a mint outdoes a failure, and a final failure a passing one.

    Raises:
        OutcomeContradicts: a number was requested for something else.
    """
    moves = _Moves({}, {}, {}, {}, set())
    found = dict(known)
    told = [outcome for outcome in outcomes if int(outcome.mint_number) in known]
    for outcome in told:
        number = int(outcome.mint_number)
        found[number] = reopened(found[number], reversals=outcome.reversals)
        if found[number].reversals > known[number].reversals:
            moves.reopened[found[number].id] = (known[number], found[number].reversals)
    for outcome in sorted(told, key=_weight):
        _move(moves, found[int(outcome.mint_number)], outcome)
    return moves


def _weight(outcome: Told) -> int:
    """Return where an outcome stands among those of one cashback: what outdoes others comes first."""
    if isinstance(outcome, TokenMintFailed):
        return 2 if outcome.will_retry else 1
    return 0


def _move(moves: _Moves, cashback: Requested, outcome: Told) -> None:
    """Add to `moves` what an outcome changes besides the reversals that it tells of; one that is void changes nothing.

    Raises:
        OutcomeContradicts: the number was requested for something else.
    """
    to = State.MINTED if isinstance(outcome, TokenMinted) else State.STUCK
    units = int(outcome.token_units) if isinstance(outcome, TokenMinted) else None
    is_open = settles(cashback, cashback_id=outcome.cashback_id, token_units=units, to=to)
    if outcome.reversals < cashback.reversals or cashback.id in moves.minted:
        return
    if isinstance(outcome, TokenMintFailed) and outcome.reason == NUMBER_RETIRED:
        moves.retired.add(cashback.id)
    if not is_open or cashback.id in moves.stuck:
        return
    match outcome:
        case TokenMinted():
            moves.minted[cashback.id] = (cashback, outcome)
        case TokenMintFailed(will_retry=True):
            moves.waiting[cashback.id] = outcome.reason
        case TokenMintFailed():
            moves.stuck[cashback.id] = (cashback, outcome.reason)
        case TokenMintReverted():
            pass


def _time(moves: _Moves, now: datetime) -> None:
    """Note how long after their requests mints were settled."""
    for cashback, _ in moves.minted.values():
        if cashback.requested_at is not None:
            MINTED_AFTER.observe(max(0, (now - cashback.requested_at).total_seconds()))


async def _locked(tx: Tx, outcomes: Sequence[Told]) -> dict[int, Requested]:
    """Return the cashback of every outcome, locked; those of numbers that were given up are left out.

    Raises:
        OutcomeUnknown: there is none for one of them.
        OutcomeContradicts: a number is minted that was given up because it was retired.
    """
    numbers = {int(outcome.mint_number) for outcome in outcomes}
    found = await mints.lock_requested(tx, sorted(numbers))
    missing = numbers - found.keys()
    if not missing:
        return found
    given_up = await retirements.among(tx, sorted(missing))
    if unknown := missing - given_up.keys():
        raise OutcomeUnknown("an outcome of a mint that was never requested", mint_number=min(unknown))
    for outcome in outcomes:
        number = int(outcome.mint_number)
        is_void = number in given_up and outcome.reversals < given_up[number]
        if number in given_up and isinstance(outcome, TokenMinted) and not is_void:
            raise OutcomeContradicts("a mint under a number that was retired", mint_number=number)
    return found
