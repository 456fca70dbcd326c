"""Settling mints by their outcomes, which may come twice, late, and in any order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.events.minting import TokenMinted, TokenMintFailed
from cashback.kernel.db import Tx
from cashback.ledger.model import NUMBER_RETIRED, OutcomeContradicts, OutcomeUnknown, Requested, State
from cashback.ledger.rules import failed, minted, settles
from cashback.ledger.service.posting import post
from cashback.ledger.store import mints, retirements

ACTOR: Final = "minting"


class _Moves(msgspec.Struct, frozen=True):
    """What outcomes change, by cashback: minted where, stuck why, in flight still though something failed.

    And which, being stuck, have a number that is retired by now.
    """

    minted: dict[str, tuple[Requested, TokenMinted]]
    stuck: dict[str, tuple[Requested, str]]
    waiting: dict[str, str]
    retired: set[str]


async def settle(
    tx: Tx, *, minted_outcomes: Sequence[TokenMinted], failed_outcomes: Sequence[TokenMintFailed], now: datetime
) -> None:
    """Mark as minted what was in flight or stuck, and as stuck what is in flight and will not be retried.

    What is minted already stays as it is, whatever failed beside it; a mint that is to be retried only keeps the
    reason. That a number failed which its cashback has given up since is passed over. Cashbacks and accounts are each
    locked once, in order: two batches never wait for each other in a circle.

    Raises:
        OutcomeUnknown: a number was never requested.
        OutcomeContradicts: a number was requested for something else, or is minted although it was retired.
    """
    found = await _locked(tx, minted_outcomes, failed_outcomes)
    moves = _moves(found, minted_outcomes, failed_outcomes)
    if moves.minted:
        places = {
            cashback_id: (outcome.transaction_hash, int(outcome.block_number), outcome.block_hash)
            for cashback_id, (_, outcome) in moves.minted.items()
        }
        await mints.mark_minted(tx, places, actor=ACTOR, at=now)
    if moves.stuck:
        reasons = {cashback_id: reason for cashback_id, (_, reason) in moves.stuck.items()}
        await mints.mark_stuck(tx, reasons, actor=ACTOR, at=now)
    if moves.retired:
        await mints.note_retired(tx, sorted(moves.retired), failure=NUMBER_RETIRED)
    if moves.waiting:
        await mints.note_failures(tx, moves.waiting)
    postings = [minted(cashback) for cashback, _ in moves.minted.values()]
    postings += [failed(cashback) for cashback, _ in moves.stuck.values()]
    await post(tx, postings, at=now)


def _moves(
    found: Mapping[int, Requested], minted_outcomes: Sequence[TokenMinted], failed_outcomes: Sequence[TokenMintFailed]
) -> _Moves:
    """Return what the outcomes change; of one cashback a mint outdoes a failure, and a final failure a passing one.

    Raises:
        OutcomeContradicts: a number was requested for something else.
    """
    moves = _Moves({}, {}, {}, set())
    for outcome in minted_outcomes:
        cashback, units = found[int(outcome.mint_number)], int(outcome.token_units)
        if settles(cashback, cashback_id=outcome.cashback_id, token_units=units, to=State.MINTED):
            moves.minted[cashback.id] = (cashback, outcome)
    for failure in failed_outcomes:
        if int(failure.mint_number) not in found:
            continue
        cashback = found[int(failure.mint_number)]
        is_open = settles(cashback, cashback_id=failure.cashback_id, token_units=None, to=State.STUCK)
        if cashback.id in moves.minted:
            continue
        if failure.reason == NUMBER_RETIRED:
            moves.retired.add(cashback.id)
        if not is_open:
            continue
        if failure.will_retry:
            moves.waiting[cashback.id] = failure.reason
        else:
            moves.stuck[cashback.id] = (cashback, failure.reason)
    for cashback_id in moves.stuck:
        moves.waiting.pop(cashback_id, None)
    return moves


async def _locked(
    tx: Tx, minted_outcomes: Sequence[TokenMinted], failed_outcomes: Sequence[TokenMintFailed]
) -> dict[int, Requested]:
    """Return the cashback of every outcome, locked; those of numbers that were given up, and failed, are left out.

    Raises:
        OutcomeUnknown: there is none for one of them.
        OutcomeContradicts: a number is minted that was given up because it was retired.
    """
    minted_numbers = {int(outcome.mint_number) for outcome in minted_outcomes}
    numbers = minted_numbers | {int(outcome.mint_number) for outcome in failed_outcomes}
    found = await mints.lock_requested(tx, sorted(numbers))
    missing = numbers - found.keys()
    if not missing:
        return found
    given_up = await retirements.among(tx, sorted(missing))
    if unknown := missing - given_up.keys():
        raise OutcomeUnknown("an outcome of a mint that was never requested", mint_number=min(unknown))
    if impossible := minted_numbers & given_up.keys():
        raise OutcomeContradicts("a mint under a number that was retired", mint_number=min(impossible))
    return found
