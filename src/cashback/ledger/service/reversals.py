"""Taking back what returned purchases had earned, in the transaction that records their refunds.

The cashback's own lock is held from `lock_returned` on, so refunds, requests and outcomes of one cashback follow each
other; its user's debt is locked with all other accounts of the transaction, in their order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.events import to_event
from cashback.events.ledger import CashbackVoided
from cashback.kernel.db import Tx
from cashback.kernel.outbox import Event, append
from cashback.ledger.model import (
    WRITE_OFF_BY_POLICY,
    BooksMoved,
    Returned,
    Reversal,
    Reversed,
    Reversible,
    State,
    WriteOff,
)
from cashback.ledger.rules import decode_returned, reversal_postings, reverse_all, together
from cashback.ledger.service.posting import post
from cashback.ledger.store import reversals as store
from cashback.ledger.store import waitlist

ACTOR: Final = "ledger"
CAUSE: Final = "refunded"
CHARGED_BACK: Final = "charged_back"


class Returnable(msgspec.Struct, frozen=True):
    """A purchase whose cashback is locked, as its refunds so far have left it."""

    cashback: Reversible

    def returned(self, *, lines: int) -> Returned:
        """Return what was returned of so many lines until now."""
        return decode_returned(self.cashback.returned, lines=lines)


async def lock_returned(tx: Tx, purchase_ids: Sequence[str]) -> dict[str, Returnable]:
    """Return each of those purchases with what was returned of it; nobody else returns anything of it until `tx` ends.

    To be called once in a transaction, with all of them: they are locked in order.
    """
    found = await store.lock(tx, purchase_ids) if purchase_ids else []
    return {one.purchase_id: Returnable(one) for one in found if one.purchase_id is not None}


async def take_back(
    tx: Tx, reversals: Sequence[Reversal], *, locked: Mapping[str, Returnable], now: datetime
) -> list[Reversed]:
    """Leave of each cashback what its refunds leave of it, one after the other; return each one's part, in order.

    Money goes back to the budgets as long as no mint was requested; afterwards the user owes tokens, unless the
    programme gives them up. Doing it again with the same totals changes nothing.

    Raises:
        BooksMoved: a cashback changed under its lock.
    """
    changes = reverse_all({id_: one.cashback for id_, one in locked.items()}, reversals)
    if changes:
        await leave(tx, changes, cause=CAUSE, now=now)
    return changes


async def leave(tx: Tx, changes: Sequence[Reversed], *, cause: str, now: datetime, origin: str | None = None) -> None:
    """Store what is left of locked cashbacks, note their steps and post what that moves, in the name of a debit or not.

    Raises:
        BooksMoved: a cashback changed under its lock.
    """
    whole = together(changes)
    causes = [_cause(change, cause) for change in whole]
    if await store.apply(tx, whole, causes, actor=ACTOR, at=now) != len(whole):
        raise BooksMoved("a cashback moved under its lock")
    if waiting := [change.cashback.id for change in whole if change.state is State.WAITLISTED]:
        await waitlist.note_returns(tx, waiting)
    if given_up := [_by_policy(change) for change in changes if change.is_given_up]:
        await store.insert_write_offs(tx, given_up, at=now)
    await post(tx, [posting for change in changes for posting in reversal_postings(change, origin=origin)], at=now)


async def announce_returned(tx: Tx, changes: Sequence[Reversed], *, cause: str = CAUSE, now: datetime) -> None:
    """Append `cashback.voided` for what these changes ended: the one append to this outbox, last before commit."""
    await append(tx, "ledger", voided(changes, cause=cause, now=now))


def voided(changes: Sequence[Reversed], *, cause: str = CAUSE, now: datetime) -> list[Event]:
    """Return `cashback.voided` for what these changes ended, for whoever appends other events with them.

    A transaction appends to an outbox once: it locks the outbox's lanes in their order, and twice would be in none.
    """
    return [_voided(change, _cause(change, cause), now) for change in changes if change.is_voided]


def _cause(change: Reversed, cause: str) -> str:
    """Return why something was taken back: a chargeback is told as one, everything else as `cause`."""
    return CHARGED_BACK if change.is_chargeback else cause


def _by_policy(change: Reversed) -> WriteOff:
    """Return the debt of one change as given up at once."""
    return WriteOff(
        user_id=change.cashback.user_id,
        programme_id=change.cashback.programme_id or "",
        token_units=change.debt,
        person=ACTOR,
        reason=WRITE_OFF_BY_POLICY,
    )


def _voided(change: Reversed, cause: str, now: datetime) -> Event:
    """Return the event of a cashback of which nothing is left, in the trace of its purchase."""
    cashback = change.cashback
    body = CashbackVoided(
        cashback_id=cashback.id,
        purchase_id=cashback.purchase_id,
        user_id=cashback.user_id,
        amount_minor=str(cashback.payable),
        currency=cashback.currency,
        reason=cause,
    )
    return to_event(body, time=now, traceparent=cashback.traceparent)
