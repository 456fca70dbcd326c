"""Requesting mints: number, recipient and amount freeze here, for ever."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback.events import to_event
from cashback.events.ledger import TokenMintRequested
from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.ids import new_id
from cashback.kernel.outbox import Event, append
from cashback.ledger.model import BooksMoved, Mintable, Reissue
from cashback.ledger.rules import backoff, requested
from cashback.ledger.service.fencing import check_fence
from cashback.ledger.service.netting import keep_debts
from cashback.ledger.service.posting import post
from cashback.ledger.store import mints

ACTOR: Final = "ledger"


class MintPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the ledger is with its mints, and how much it does at once; what fails alone is skipped."""

    reissue_first: timedelta = timedelta(minutes=2)
    reissue_longest: timedelta = timedelta(hours=1)
    missed_after: timedelta = timedelta(seconds=30)
    skip_for: timedelta = timedelta(minutes=10)
    sweep_every_s: float = 1.0
    batch_max: int = 500


async def request_mints(tx: Tx, cashback_ids: Sequence[str], *, cause: str, now: datetime, policy: MintPolicy) -> int:
    """Request the mint of those that are approved and have a wallet, as the last act of `tx`; return how many.

    What their users owe is kept back first; of what that leaves nothing of, none is requested.

    Repeating it, or doing it twice at once, requests each mint once: the others are no longer approved, or locked.

    Raises:
        NumbersFenced: no number may be drawn on this server yet.
    """
    await check_fence(tx)
    payables = await mints.lock_approved(tx, cashback_ids)
    if payables:
        payables = await keep_debts(tx, payables, actor=ACTOR, cause=cause, at=now)
    mintable = await mints.number(tx, payables) if payables else []
    return await freeze(tx, mintable, cause=cause, now=now, policy=policy) if mintable else 0


async def freeze(tx: Tx, mintable: Sequence[Mintable], *, cause: str, now: datetime, policy: MintPolicy) -> int:
    """Freeze number and recipient of locked, approved cashbacks and ask for their mints; return how many.

    Raises:
        BooksMoved: one of them was not approved, or named twice: none may be requested.
    """
    events = [_requested(cashback, now) for cashback in mintable]
    count = await mints.mark_requested(
        tx,
        mintable,
        [event.data for event in events],
        actor=ACTOR,
        cause=cause,
        at=now,
        reissue_after=[now + overdue_after(cashback.id, 0, policy) for cashback in mintable],
    )
    if count != len(mintable):
        raise BooksMoved(f"{count} of {len(mintable)} cashbacks could be requested")
    reach("number.drawn")
    await post(tx, [posting for cashback in mintable for posting in requested(cashback)], at=now)
    await append(tx, "ledger", events)
    reach("request.appending")
    return count


def overdue_after(cashback_id: str, reissues: int, policy: MintPolicy) -> timedelta:
    """Return how long the outcome of a request may take that was published again so often."""
    return backoff(cashback_id, reissues, first=policy.reissue_first, longest=policy.reissue_longest)


def reissued(request: Reissue, now: datetime) -> Event:
    """Return a request once more: the stored bytes under a new event id, since a broker drops a repeated one."""
    return Event(
        id=new_id("evt"),
        type=TokenMintRequested.TYPE,
        source=TokenMintRequested.SOURCE,
        key=request.id,
        time=now,
        data=request.request,
        traceparent=request.traceparent,
    )


def _requested(cashback: Mintable, now: datetime) -> Event:
    """Return the event that asks for one mint, in the trace of its purchase."""
    body = TokenMintRequested(
        mint_number=str(cashback.mint_number),
        cashback_id=cashback.id,
        recipient=cashback.recipient,
        token_units=str(cashback.token_units),
    )
    return to_event(body, time=now, traceparent=cashback.traceparent)
