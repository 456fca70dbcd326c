"""Cashback that a person gives or takes back, in the transaction of the command's key.

A credit lives on like any other cashback; only nobody decided it, and it is held by nothing but a review. A debit does
what a refund by amount does, before the mint and after it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.events import to_event
from cashback.events.ledger import CashbackApproved
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import INT63_MAX, Minor, TokenUnits
from cashback.kernel.outbox import append
from cashback.kernel.page import number_of
from cashback.ledger.model import Account, CashbackUnknown, Cause, Posting, ProgrammeUnknown, Reversed, State
from cashback.ledger.model.adjustments import (
    Adjustment,
    AdjustmentAnswer,
    AdjustmentKind,
    AdjustmentTerms,
    AdjustmentUnknown,
    BudgetTooSmall,
    CreditedCashback,
    NewCredit,
    NewDebit,
    ProgrammePaused,
)
from cashback.ledger.model.campaigns import Campaign, CampaignClosed, CampaignUnknown
from cashback.ledger.rules.adjustments import check_amount, credit_grants, debited, first_state, tokens_of
from cashback.ledger.rules.postings import account_of, budget_of, payer_of
from cashback.ledger.rules.programme import check_room
from cashback.ledger.rules.stripes import taken
from cashback.ledger.service.posting import hold, post_held
from cashback.ledger.service.reversals import leave, voided
from cashback.ledger.store import adjustments as store
from cashback.ledger.store import campaigns, commitments, reversals

ACTOR: Final = "operator"
DEBITED: Final = "debited"
LIST_MAX: Final = 200


class Adjusted(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment that was made, and what the world is to be told of it as the last act of the transaction."""

    answer: AdjustmentAnswer
    credit: CreditedCashback | None = None
    debit: Reversed | None = None


async def credit(tx: Tx, new: NewCredit, *, now: datetime, mint_limit: TokenUnits | None = None) -> Adjusted:
    """Give a user cashback that no purchase earned; call `announce_adjusted` as the last act of `tx`.

    Whether there is such a user is the caller's to know. A campaign's limit by day is for rules, and not asked.

    Raises:
        AdjustmentInvalid, ProgrammeInvalid: the amount breaks a bound; roll `tx` back, as for all of these.
        ProgrammeUnknown, CampaignUnknown, CampaignClosed, ProgrammePaused: nobody can pay it now.
        BudgetTooSmall: the campaign holds less.
    """
    amount = check_amount(new.amount)
    if new.campaign_id is None:
        await commitments.lock(tx)
    terms = await store.terms(tx, new.programme_id)
    if terms is None:
        raise ProgrammeUnknown("there is no such programme", pointer="/programme_id")
    if terms.is_paused:
        raise ProgrammePaused("the programme is paused: nothing is granted until it is resumed")
    token_units = tokens_of(amount, terms, limit=mint_limit)
    campaign = None if new.campaign_id is None else await _campaign(tx, new.campaign_id, terms, now)
    cashback = CreditedCashback(
        id=new_id("cb"),
        adjustment_id=new_id("adj"),
        user_id=new.user_id,
        programme_id=terms.id,
        currency=terms.currency.code,
        amount=amount,
        token_units=token_units,
        grants=credit_grants(amount, terms, payer=terms.id if campaign is None else campaign.id),
        state=first_state(amount, terms),
        traceparent=new.traceparent,
    )
    made = Adjustment(
        id=cashback.adjustment_id,
        kind=AdjustmentKind.CREDIT,
        cashback_id=cashback.id,
        user_id=new.user_id,
        programme_id=terms.id,
        campaign_id=new.campaign_id,
        currency=cashback.currency,
        amount=amount,
        token_units=token_units,
        person=new.person,
        reason=new.reason,
        at=now,
    )
    await store.insert_cashback(tx, cashback, adjustment=made, actor=ACTOR)
    await store.insert(tx, made)
    await _pay(tx, cashback, campaign, terms, now)
    return Adjusted(answer=adjustment_answer(made, cashback.state, amount), credit=cashback)


async def hold_cashback(tx: Tx, cashback_id: str) -> None:
    """Have everybody who changes a cashback wait until `tx` ends; before a debit's key, as refunds do it."""
    await reversals.hold(tx, cashback_id)


async def debit(tx: Tx, new: NewDebit, *, now: datetime) -> Adjusted:
    """Take back so much of a cashback; call `announce_adjusted` as the last act of `tx`.

    Before the mint was requested whoever paid has it again, afterwards the user owes it: tokens are never seized.

    Raises:
        AdjustmentInvalid: the amount breaks a bound; roll `tx` back, as for all of these.
        CashbackUnknown: there is no such cashback.
        DebitAboveRest: less is left of it.
    """
    amount = check_amount(new.amount)
    found = await reversals.lock_one(tx, new.cashback_id)
    if found is None:
        raise CashbackUnknown("there is no such cashback", pointer="/cashback_id")
    change = debited(found, amount)
    adjustment_id = new_id("adj")
    await leave(tx, [change], cause=DEBITED, now=now, origin=adjustment_id)
    made = Adjustment(
        id=adjustment_id,
        kind=AdjustmentKind.DEBIT,
        cashback_id=found.id,
        user_id=found.user_id,
        programme_id=found.programme_id or "",
        campaign_id=None,
        currency=found.currency,
        amount=amount,
        token_units=change.debt,
        person=new.person,
        reason=new.reason,
        at=now,
    )
    await store.insert(tx, made)
    return Adjusted(answer=adjustment_answer(made, change.state, change.net), debit=change)


async def announce_adjusted(tx: Tx, made: Sequence[Adjusted], *, now: datetime) -> None:
    """Append `cashback.approved` of each credit that is, `cashback.voided` of what debits ended: last before commit."""
    events = voided([one.debit for one in made if one.debit is not None], cause=DEBITED, now=now)
    for given in (one.credit for one in made if one.credit is not None):
        if given.state is State.APPROVED:
            body = CashbackApproved(
                cashback_id=given.id,
                purchase_id=None,
                user_id=given.user_id,
                amount_minor=str(given.amount),
                currency=given.currency,
                token_units=str(given.token_units),
            )
            events.append(to_event(body, time=now, traceparent=given.traceparent))
    await append(tx, "ledger", events)


class AdjustmentReadings:
    """Tells of adjustments; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def show(self, adjustment_id: str) -> AdjustmentAnswer:
        """Return one adjustment, with its cashback as that stands now.

        Raises:
            AdjustmentUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            found = await store.read(tx, adjustment_id)
        if found is None:
            raise AdjustmentUnknown("there is no such adjustment", parameter="adjustment_id")
        return adjustment_answer(*found)

    async def page(
        self, *, user_id: str | None, place: str | None, limit: int
    ) -> tuple[list[AdjustmentAnswer], str | None]:
        """Return a page of adjustments, newest first, of one user or of all, and the next page's place.

        Raises:
            CursorInvalid: `place` is none of ours.
        """
        before, most = number_of(place, first=INT63_MAX), min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            rows = await store.page(tx, user_id=user_id, before=before, limit=most + 1)
        kept = rows[:most]
        return [adjustment_answer(*found) for _, found in kept], str(kept[-1][0]) if len(rows) > most else None


async def _campaign(tx: Tx, campaign_id: str, terms: AdjustmentTerms, now: datetime) -> Campaign:
    """Return a campaign of the programme that may pay now.

    Raises:
        CampaignUnknown, CampaignClosed: there is none, or it may not.
    """
    found = await campaigns.read(tx, campaign_id)
    if found is None or found.programme_id != terms.id:
        raise CampaignUnknown("the programme has no such campaign", pointer="/campaign_id")
    is_over = found.ends_at is not None and found.ends_at <= now
    if found.closed_at is not None or is_over or found.starts_at > now:
        raise CampaignClosed("the campaign pays nothing now", pointer="/campaign_id")
    return found


async def _pay(
    tx: Tx, cashback: CreditedCashback, campaign: Campaign | None, terms: AdjustmentTerms, now: datetime
) -> None:
    """Move the money of a credit to its user; every account is locked at once, in order.

    Raises:
        BudgetTooSmall: the campaign holds less.
        ProgrammeInvalid: the programmes together would have given more than the books hold.
    """
    user = Account(cashback.user_id, account_of(cashback.state), cashback.currency)
    if campaign is None:
        before = await commitments.read(tx, currency=cashback.currency)
        check_room(cashback.amount, terms.rate, terms.currency, before, pointer="/amount_minor")
        parts: Mapping[Account, Minor] = {payer_of(terms.id, cashback.currency): cashback.amount}
        held = await hold(tx, sorted([user, *parts]))
    else:
        stripes = [budget_of(campaign.id, campaign.currency, stripe) for stripe in range(campaign.stripes)]
        held = await hold(tx, sorted([user, *stripes]))
        left = {account.stripe: held[account][1] for account in stripes}
        if sum(left.values()) < cashback.amount:
            raise BudgetTooSmall(
                f"{sum(left.values())} minor units are left in the budget",
                pointer="/amount_minor",
                left_minor=str(sum(left.values())),
            )
        parts = {stripes[stripe]: part for stripe, part in sorted(taken(left, cashback.amount).items())}
    postings = [
        Posting(debit=payer, credit=user, amount=part, cause=Cause.ACCRUAL, cashback_id=cashback.id)
        for payer, part in parts.items()
    ]
    await post_held(tx, held, postings, at=now)


def adjustment_answer(made: Adjustment, state: State, left: Minor) -> AdjustmentAnswer:
    """Return an adjustment in the words that leave the house."""
    return AdjustmentAnswer(
        id=made.id,
        kind=made.kind,
        cashback_id=made.cashback_id,
        cashback_state=state,
        net_minor=str(left),
        user_id=made.user_id,
        programme_id=made.programme_id,
        campaign_id=made.campaign_id,
        currency=made.currency,
        amount_minor=str(made.amount),
        token_units=str(made.token_units),
        person=made.person,
        reason=made.reason,
        at=made.at,
    )
