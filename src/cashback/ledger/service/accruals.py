"""From recorded purchases to cashbacks, in the transaction that records them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.events import to_event
from cashback.events.ledger import CashbackApproved
from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.kernel.outbox import Event, append
from cashback.ledger.model import Accrual, Claim, Counters, Decided, Facts, InForce, Posting, State
from cashback.ledger.model.terms import LifeTerms
from cashback.ledger.rules import accrued, document_of, fold
from cashback.ledger.rules.grants import single_line
from cashback.ledger.rules.life import first_state
from cashback.ledger.service.posting import post
from cashback.ledger.store import accruals as store
from cashback.ledger.store import programmes

ACTOR: Final = "ledger"


async def accrue(tx: Tx, claims: Sequence[Claim], *, now: datetime) -> list[Accrual]:
    """Decide every claim in order and store cashbacks, decisions and postings; call `announce` as the last act of `tx`.

    The budget is locked before deciding, so the claims of two transactions never spend it together. A purchase that
    has a cashback already is refused by the schema: the caller's idempotency keys keep that from happening.
    """
    if not claims:
        return []
    programme = await programmes.lock_in_force(tx)
    decided = fold(
        [_facts(claim, programme) for claim in claims],
        programme.ruleset if programme else None,
        Counters(budget_left=programme.budget_left if programme else Minor(0)),
        programme.conversion if programme else None,
    )
    accruals = [_accrual(claim, each, programme, now) for claim, each in zip(claims, decided, strict=True)]
    await store.insert(tx, accruals, actor=ACTOR, at=now)
    await post(tx, _postings(accruals, programme), at=now)
    return accruals


async def announce(tx: Tx, accruals: Sequence[Accrual], *, now: datetime) -> None:
    """Append `cashback.approved` for what was granted; the last act before commit."""
    await append(tx, "ledger", [_approved(each, now) for each in accruals if each.state is State.APPROVED])


async def link_wallets(tx: Tx, wallets: Mapping[str, str], *, now: datetime) -> None:
    """Send each user's cashback to this wallet from now on; what waited for one is requested by the next sweep.

    Calling it again with the same wallets changes nothing.
    """
    await store.upsert_recipients(tx, wallets, at=now)


def _facts(claim: Claim, programme: InForce | None) -> Facts:
    """Return what a decision knows of a purchase, and of the programme that would pay."""
    is_paused = programme is not None and programme.life.is_paused
    return msgspec.structs.replace(claim.facts, is_programme_paused=True) if is_paused else claim.facts


def _accrual(claim: Claim, decided: Decided, programme: InForce | None, now: datetime) -> Accrual:
    """Return the cashback-to-be of one decided claim."""
    grants = None if programme is None else single_line(decided, programme.campaign_id)
    terms = LifeTerms() if programme is None else programme.life
    first = first_state(decided.decision, terms, occurred_at=claim.facts.occurred_at, now=now)
    return Accrual(
        cashback_id=new_id("cb"),
        claim=claim,
        decided=decided,
        document=document_of(decided),
        state=first.state,
        hold_until=first.hold_until,
        grants=grants,
    )


def _postings(accruals: Sequence[Accrual], programme: InForce | None) -> list[Posting]:
    """Return what the grants move out of the campaign's budget."""
    if programme is None:
        return []
    currency = programme.ruleset.currency.code
    return [accrued(one, programme.campaign_id, currency) for one in accruals if one.amount]


def _approved(accrual: Accrual, now: datetime) -> Event:
    """Return the event of one grant, in the trace of its purchase."""
    body = CashbackApproved(
        cashback_id=accrual.cashback_id,
        purchase_id=accrual.claim.purchase_id,
        user_id=accrual.claim.user_id,
        amount_minor=str(accrual.amount),
        currency=accrual.claim.facts.currency,
        token_units=str(accrual.token_units),
    )
    return to_event(body, key=accrual.cashback_id, time=now, traceparent=accrual.claim.traceparent)
