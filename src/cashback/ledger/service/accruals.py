"""From recorded purchases to cashbacks, in the transaction that records them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.events import to_event
from cashback.events.ledger import CashbackApproved
from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.kernel.outbox import Event, append
from cashback.ledger.model import Account, AccountKind, Accrual, Claim, Posting, Reversed, State
from cashback.ledger.model.engine import Judgement
from cashback.ledger.model.terms import Terms
from cashback.ledger.rules import accrued
from cashback.ledger.rules.engine import document_in_full
from cashback.ledger.rules.grants import grants_of
from cashback.ledger.rules.life import first_state
from cashback.ledger.rules.waitlist import entry_of
from cashback.ledger.service.deciding import decide_claims
from cashback.ledger.service.posting import Held, hold_to, moves_of
from cashback.ledger.service.published import PublishedRulesets
from cashback.ledger.service.reversals import voided
from cashback.ledger.store import accruals as store
from cashback.ledger.store import waitlist

ACTOR: Final = "ledger"


async def accrue(
    tx: Tx, claims: Sequence[Claim], rulesets: PublishedRulesets, *, now: datetime, gives_back: bool = False
) -> list[Accrual]:
    """Decide every claim in order and store cashbacks, decisions and postings; call `announce` as the last act of `tx`.

    The budget is locked before deciding, so the claims of two transactions never spend it together; all of it where
    `gives_back` says that refunds of these purchases come next. A purchase that has a cashback already is refused by
    the schema: the caller's idempotency keys keep that from happening.
    """
    if not claims:
        return []
    decided = await decide_claims(tx, claims, rulesets, now=now, gives_back=gives_back)
    accruals = [
        accrual_of(claim, judgement, terms, now)
        for claim, judgement, terms in zip(claims, decided.judgements, decided.terms, strict=True)
    ]
    moves = moves_of(decided.held, postings_of(accruals, decided.held))
    hold_to(moves, await store.insert(tx, accruals, moves, actor=ACTOR, at=now))
    if waiting := [each for each in accruals if each.state is State.WAITLISTED]:
        await waitlist.insert(tx, [entry_of(each.cashback_id, each.judgement, now) for each in waiting])
    return accruals


async def announce(
    tx: Tx,
    accruals: Sequence[Accrual],
    *,
    returned: Mapping[str, Reversed] | None = None,
    changes: Sequence[Reversed] = (),
    now: datetime,
) -> None:
    """Append `cashback.approved` for what is approved, `cashback.voided` for what `changes` ended: last before commit.

    `returned` is what refunds that came first have left of the cashbacks of some purchases, by purchase.
    """
    by_purchase = returned or {}
    left = [(each, by_purchase.get(each.claim.purchase_id)) for each in accruals]
    events = [
        _approved(each, change, now)
        for each, change in left
        if (each if change is None else change).state is State.APPROVED
    ]
    await append(tx, "ledger", [*events, *voided(changes, now=now)])


def accrual_of(
    claim: Claim, judgement: Judgement, terms: Terms | None, now: datetime, *, cashback_id: str | None = None
) -> Accrual:
    """Return the cashback-to-be of one decided claim, new unless it is named."""
    first = first_state(judgement.verdict, terms, occurred_at=claim.facts.occurred_at, now=now)
    return Accrual(
        cashback_id=cashback_id or new_id("cb"),
        claim=claim,
        judgement=judgement,
        document=document_in_full(judgement),
        grants=grants_of(judgement),
        state=first.state,
        hold_until=first.hold_until,
    )


def postings_of(accruals: Sequence[Accrual], held: Held) -> list[Posting]:
    """Return what the grants move, campaign by campaign, out of the stripes of their budgets as far as each holds."""
    left = {account: balance for account, (_, balance) in sorted(held.items()) if account.kind is AccountKind.BUDGET}
    stripes: dict[str, list[Account]] = {}
    for account in left:
        stripes.setdefault(account.owner, []).append(account)
    postings = []
    for accrual in accruals:
        for campaign, share in accrual.judgement.verdict.paid_by().items():
            rest = share
            for stripe in stripes.get(campaign, ()):
                part = Minor(min(rest, left[stripe]))
                if part:
                    postings.append(accrued(accrual, stripe, part))
                    left[stripe] -= part
                    rest = Minor(rest - part)
    return postings


def _approved(accrual: Accrual, change: Reversed | None, now: datetime) -> Event:
    """Return the event of one grant, as refunds have left it, in the trace of its purchase."""
    body = CashbackApproved(
        cashback_id=accrual.cashback_id,
        purchase_id=accrual.claim.purchase_id,
        user_id=accrual.claim.user_id,
        amount_minor=str(accrual.amount if change is None else change.payable),
        currency=accrual.currency,
        token_units=str(accrual.token_units if change is None else change.payable_units),
    )
    return to_event(body, time=now, traceparent=accrual.claim.traceparent)
