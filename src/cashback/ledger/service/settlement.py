"""Settling mints by their outcomes, which may come twice, late, and in any order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.events.minting import TokenMinted, TokenMintFailed
from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.ledger.model import OutcomeUnknown, Requested, State
from cashback.ledger.rules import failed, minted, settles
from cashback.ledger.service.posting import post
from cashback.ledger.store import mints

ACTOR: Final = "minting"


class _Moves(msgspec.Struct, frozen=True):
    """What outcomes change, by cashback: minted where, stuck why, in flight still though something failed."""

    minted: dict[str, tuple[Requested, TokenMinted]]
    stuck: dict[str, tuple[Requested, str]]
    waiting: dict[str, str]


async def settle(
    tx: Tx, *, minted_outcomes: Sequence[TokenMinted], failed_outcomes: Sequence[TokenMintFailed], now: datetime
) -> None:
    """Mark as minted what was in flight or stuck, and as stuck what is in flight and will not be retried.

    What is minted already stays as it is, whatever failed beside it; a mint that is to be retried only keeps the
    reason. Cashbacks and accounts are each locked once, in order: two batches never wait for each other in a circle.

    Raises:
        OutcomeUnknown: a number was never requested.
        OutcomeContradicts: a number was requested for something else.
    """
    found = await _locked(tx, [*minted_outcomes, *failed_outcomes])
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
    if moves.waiting:
        await mints.note_failures(tx, moves.waiting)
    postings = [minted(cashback) for cashback, _ in moves.minted.values()]
    postings += [failed(cashback) for cashback, _ in moves.stuck.values()]
    await post(tx, postings, at=now)
    if postings:
        reach("settlement.posting")


def _moves(
    found: Mapping[int, Requested], minted_outcomes: Sequence[TokenMinted], failed_outcomes: Sequence[TokenMintFailed]
) -> _Moves:
    """Return what the outcomes change; of one cashback a mint outdoes a failure, and a final failure a passing one.

    Raises:
        OutcomeContradicts: a number was requested for something else.
    """
    moves = _Moves({}, {}, {})
    for outcome in minted_outcomes:
        cashback, units = found[int(outcome.mint_number)], int(outcome.token_units)
        if settles(cashback, cashback_id=outcome.cashback_id, token_units=units, to=State.MINTED):
            moves.minted[cashback.id] = (cashback, outcome)
    for failure in failed_outcomes:
        cashback = found[int(failure.mint_number)]
        is_open = settles(cashback, cashback_id=failure.cashback_id, token_units=None, to=State.STUCK)
        if not is_open or cashback.id in moves.minted:
            continue
        if failure.will_retry:
            moves.waiting[cashback.id] = failure.reason
        else:
            moves.stuck[cashback.id] = (cashback, failure.reason)
    for cashback_id in moves.stuck:
        moves.waiting.pop(cashback_id, None)
    return moves


async def _locked(tx: Tx, outcomes: Sequence[TokenMinted | TokenMintFailed]) -> dict[int, Requested]:
    """Return the cashback of every outcome, locked.

    Raises:
        OutcomeUnknown: there is none for one of them.
    """
    numbers = {int(outcome.mint_number) for outcome in outcomes}
    found = await mints.lock_requested(tx, sorted(numbers))
    if unknown := numbers - found.keys():
        raise OutcomeUnknown("an outcome of a mint that was never requested", mint_number=min(unknown))
    return found
