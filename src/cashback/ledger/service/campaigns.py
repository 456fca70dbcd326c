"""Campaigns: created with a budget, raised, lowered, evened out, closed; each in the transaction of its command."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.instants import WANTED, in_utc, is_in_range
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import INT63_MAX, Minor, TokenUnits
from cashback.ledger.model import LargestGrant
from cashback.ledger.model.campaigns import (
    BudgetChange,
    Campaign,
    CampaignAnswer,
    CampaignClosed,
    CampaignExists,
    CampaignInvalid,
    CampaignUnknown,
    NewCampaign,
)
from cashback.ledger.model.programmes import Programme, ProgrammeUnknown
from cashback.ledger.rules.largest import check_largest
from cashback.ledger.rules.programme import check_room
from cashback.ledger.service import budgets
from cashback.ledger.service.largest import largest
from cashback.ledger.store import campaigns as store
from cashback.ledger.store import commitments, programmes

STRIPES_MAX: Final = 64
OPERATOR: Final = "operator"


async def create_campaign(tx: Tx, new: NewCampaign, *, now: datetime) -> CampaignAnswer:
    """Return a new campaign whose budget is in the books.

    Raises:
        CampaignInvalid, ProgrammeInvalid: a term breaks a bound, or all budgets together do; roll `tx` back.
        ProgrammeUnknown, CampaignClosed, CampaignExists: it cannot be where it is to be.
    """
    starts_at = _checked(new, now)
    await commitments.lock(tx)
    programme = await programmes.read(tx, programme_id=new.programme_id)
    if programme is None:
        raise ProgrammeUnknown("there is no such programme", pointer="/programme_id")
    if programme.ended_at is not None:
        raise CampaignClosed("the programme has ended", pointer="/programme_id")
    if await store.named(tx, new.programme_id, new.name):
        raise CampaignExists("the programme has a campaign of this name", pointer="/name")
    await _check_room(tx, programme, Minor(new.budget))
    campaign = Campaign(
        id=new_id("cmp"),
        programme_id=programme.id,
        name=new.name,
        currency=programme.currency.code,
        exponent=programme.currency.exponent,
        time_zone=programme.conditions.time_zone,
        starts_at=starts_at,
        ends_at=in_utc(new.ends_at),
        day_limit=None if new.day_limit is None else Minor(new.day_limit),
        on_exhaustion=new.on_exhaustion,
        stripes=new.stripes,
        created_at=now,
        closed_at=None,
        budget=Minor(new.budget),
        budget_left=Minor(new.budget),
    )
    await store.insert(tx, campaign)
    await budgets.fund(tx, campaign, campaign.budget, now=now)
    return campaign_answer(campaign)


async def change_budget(
    tx: Tx, change: BudgetChange, *, now: datetime, mint_limit: TokenUnits | None = None
) -> CampaignAnswer:
    """Return a campaign whose budget was raised or lowered, and keep why.

    `mint_limit` is the most that the minter mints at once; None, when nobody tells, lets every budget pass.

    Raises:
        CampaignUnknown, CampaignClosed: there is none, or it takes no more; roll `tx` back.
        CampaignInvalid, ProgrammeInvalid: the amount, or all budgets together, break a bound.
        BudgetBelowReserved: less would be left than was promised.
        GrantAboveLimit: with so much in it, one purchase could earn more than is minted at once.
    """
    if not 1 <= change.amount <= INT63_MAX:
        raise CampaignInvalid(f"an amount is 1 to {INT63_MAX} minor units", pointer="/amount_minor")
    await commitments.lock(tx)
    campaign = await _campaign(tx, change.campaign_id)
    amount = Minor(change.amount)
    if change.cause == "withdrawal":
        await budgets.withdraw(tx, campaign, amount, now=now)
    else:
        if campaign.closed_at is not None:
            raise CampaignClosed("the campaign is closed, or its programme has ended", parameter="campaign_id")
        programme = await programmes.read(tx, programme_id=campaign.programme_id)
        if programme is not None:
            await _check_room(tx, programme, amount, pointer="/amount_minor")
        before = await largest(tx, at=now, programme_id=campaign.programme_id)
        await budgets.fund(tx, campaign, amount, now=now)
        if mint_limit is not None:
            _check_largest(before, await largest(tx, at=now, programme_id=campaign.programme_id), mint_limit)
    await store.note_change(tx, change, by=OPERATOR, at=now)
    return campaign_answer(await _campaign(tx, change.campaign_id))


async def close_campaign(tx: Tx, campaign_id: str, *, reason: str, now: datetime) -> CampaignAnswer:
    """Return a campaign that is closed: no new ruleset may name it, and its budget is only lowered from now on.

    Raises:
        CampaignUnknown, CampaignClosed: there is none, or it was closed before; roll `tx` back.
    """
    await commitments.lock(tx)
    campaign = await _campaign(tx, campaign_id)
    if campaign.closed_at is not None:
        raise CampaignClosed("the campaign is closed, or its programme has ended", parameter="campaign_id")
    await store.close(tx, campaign_id, reason=reason, at=now)
    return campaign_answer(await _campaign(tx, campaign_id))


async def rebalance_campaign(tx: Tx, campaign_id: str, *, now: datetime) -> CampaignAnswer:
    """Return a campaign whose stripes hold the same, to a unit.

    Raises:
        CampaignUnknown: there is none; roll `tx` back.
    """
    campaign = await _campaign(tx, campaign_id)
    await budgets.rebalance(tx, campaign, now=now)
    return campaign_answer(campaign)


def campaign_answer(campaign: Campaign) -> CampaignAnswer:
    """Return a campaign in the words that leave the house."""
    return CampaignAnswer(
        id=campaign.id,
        programme_id=campaign.programme_id,
        name=campaign.name,
        currency=campaign.currency,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        day_limit_minor=None if campaign.day_limit is None else str(campaign.day_limit),
        on_exhaustion=campaign.on_exhaustion,
        stripes=campaign.stripes,
        budget_minor=str(campaign.budget),
        budget_left_minor=str(campaign.budget_left),
        created_at=campaign.created_at,
        closed_at=campaign.closed_at,
    )


def _check_largest(before: Mapping[str, LargestGrant], after: Mapping[str, LargestGrant], limit: TokenUnits) -> None:
    """Return unless a budget that was raised has raised a programme's largest grant above what is minted at once.

    What was above it before, and is bounded by its rules, is no worse for more money: other places tell of that.

    Raises:
        GrantAboveLimit: it has; with a pointer to the amount.
    """
    for programme_id, grant in after.items():
        if grant.units > before[programme_id].units:
            check_largest(grant, limit, pointer="/amount_minor")


def _checked(new: NewCampaign, now: datetime) -> datetime:
    """Return the start of a campaign whose terms are sound, in UTC.

    Raises:
        CampaignInvalid: with pointers to all that are not.
    """
    problem = first_of(*_problems(new, now))
    if problem is not None:
        raise problem
    return (new.starts_at or now).astimezone(UTC)


def _problems(new: NewCampaign, now: datetime) -> Iterator[CampaignInvalid]:
    """Yield what is wrong with the terms of a campaign."""
    bounds = [("/budget_minor", new.budget, INT63_MAX), ("/stripes", new.stripes, STRIPES_MAX)]
    bounds += [("/day_limit_minor", new.day_limit, INT63_MAX)] if new.day_limit is not None else []
    for pointer, value, most in bounds:
        if not 1 <= value <= most:
            yield CampaignInvalid(f"{pointer} must be between 1 and {most}", pointer=pointer)
    if not new.name.isprintable():
        yield CampaignInvalid("the name must be printable", pointer="/name")
    times = (("/starts_at", new.starts_at), ("/ends_at", new.ends_at))
    strays = [pointer for pointer, told in times if told is not None and not is_in_range(told)]
    for pointer in strays:
        yield CampaignInvalid(WANTED, pointer=pointer)
    if strays:
        return
    starts_at = new.starts_at or now
    if starts_at < now:
        yield CampaignInvalid("a campaign starts now or later", pointer="/starts_at")
    if new.ends_at is not None and new.ends_at <= starts_at:
        yield CampaignInvalid("a campaign ends after its start", pointer="/ends_at")


async def _campaign(tx: Tx, campaign_id: str) -> Campaign:
    """Return a campaign.

    Raises:
        CampaignUnknown: there is none.
    """
    found = await store.read(tx, campaign_id)
    if found is None:
        raise CampaignUnknown("there is no such campaign", parameter="campaign_id")
    return found


async def _check_room(tx: Tx, programme: Programme, amount: Minor, *, pointer: str = "/budget_minor") -> None:
    """Return when all budgets of all campaigns, this amount included, stay within the books.

    Raises:
        ProgrammeInvalid: they would not.
    """
    currency = programme.currency
    before = await commitments.read(tx, currency=currency.code)
    check_room(amount, programme.conversion.rate, currency, before, pointer=pointer)
