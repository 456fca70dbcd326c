"""Settling mints by their outcomes, which may come twice, late, and in any order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cashback.events.minting import TokenMinted, TokenMintFailed
from cashback.kernel.db import Tx
from cashback.ledger.model import OutcomeUnknown, Requested, State
from cashback.ledger.rules import failed, minted, settles
from cashback.ledger.service.posting import post
from cashback.ledger.store import mints

ACTOR: Final = "minting"


async def settle_minted(tx: Tx, outcomes: Sequence[TokenMinted], *, now: datetime) -> int:
    """Mark as minted what was in flight or stuck, and return how many moved; what is minted already stays as it is.

    Raises:
        OutcomeUnknown: a number was never requested.
        OutcomeContradicts: a number was requested for something else.
    """
    found = await _locked(tx, outcomes)
    moving: dict[str, tuple[Requested, TokenMinted]] = {}
    for outcome in outcomes:
        cashback = found[int(outcome.mint_number)]
        units = int(outcome.token_units)
        if settles(cashback, cashback_id=outcome.cashback_id, token_units=units, to=State.MINTED):
            moving[cashback.id] = (cashback, outcome)
    if not moving:
        return 0
    places = {
        cashback_id: (outcome.transaction_hash, int(outcome.block_number), outcome.block_hash)
        for cashback_id, (_, outcome) in moving.items()
    }
    count = await mints.mark_minted(tx, places, actor=ACTOR, at=now)
    await post(tx, [minted(cashback) for cashback, _ in moving.values()], at=now)
    return count


async def settle_failed(tx: Tx, outcomes: Sequence[TokenMintFailed], *, now: datetime) -> int:
    """Mark as stuck what is in flight and will not be retried, and return how many.

    A mint that is to be retried only keeps the reason, and one that is minted already stays minted.

    Raises:
        OutcomeUnknown: a number was never requested.
        OutcomeContradicts: a number was requested for something else.
    """
    found = await _locked(tx, outcomes)
    stuck: dict[str, tuple[Requested, str]] = {}
    waiting: dict[str, str] = {}
    for outcome in outcomes:
        cashback = found[int(outcome.mint_number)]
        if not settles(cashback, cashback_id=outcome.cashback_id, token_units=None, to=State.STUCK):
            continue
        if outcome.will_retry:
            waiting[cashback.id] = outcome.reason
        else:
            stuck[cashback.id] = (cashback, outcome.reason)
    if waiting:
        await mints.note_failures(tx, waiting)
    if not stuck:
        return 0
    count = await mints.mark_stuck(tx, {id_: reason for id_, (_, reason) in stuck.items()}, actor=ACTOR, at=now)
    await post(tx, [failed(cashback) for cashback, _ in stuck.values()], at=now)
    return count


async def _locked(tx: Tx, outcomes: Sequence[TokenMinted] | Sequence[TokenMintFailed]) -> dict[int, Requested]:
    """Return the cashback of every outcome, locked.

    Raises:
        OutcomeUnknown: there is none for one of them.
    """
    numbers = {int(outcome.mint_number) for outcome in outcomes}
    found = await mints.lock_requested(tx, sorted(numbers))
    if unknown := numbers - found.keys():
        raise OutcomeUnknown("an outcome of a mint that was never requested", mint_number=min(unknown))
    return found
