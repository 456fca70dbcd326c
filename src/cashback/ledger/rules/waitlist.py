"""What a waitlisted cashback waits for and how long, what it is decided without, and whether anything is left of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cashback.ledger.model import Returned
from cashback.ledger.model.codes import Exhaustion, Limit, Waited
from cashback.ledger.model.engine import Judgement, PurchaseFacts
from cashback.ledger.model.terms import CampaignTerms
from cashback.ledger.model.waitlist import Entry

WAIT_MAX: Final = timedelta(days=30)
"""So long a cashback waits for budget; after that it is decided without the campaigns that have none."""

AVAILABLE: Final = "budget_available"
"""Why a cashback is decided again that need not wait any longer."""


def entry_of(cashback_id: str, judgement: Judgement, since: datetime) -> Entry:
    """Return the place in line of a waitlisted cashback: for the first campaign that lets it wait, and all it wants."""
    waits = {each.campaign for each in judgement.left.campaigns if each.exhaustion is Exhaustion.WAITLIST}
    campaign, wanted = next(
        (clamp.campaign, clamp.desired)
        for clamp in judgement.verdict.trace.clamps
        if clamp.limit is Limit.CAMPAIGN_TOTAL and clamp.granted < clamp.desired and clamp.campaign in waits
    )
    return Entry(cashback_id=cashback_id, campaign_id=campaign or "", wanted=wanted, waits_until=since + WAIT_MAX)


def without(campaigns: Mapping[str, CampaignTerms], *, now: datetime, is_aged: bool) -> frozenset[str]:
    """Return the campaigns that what waits is decided without: those that are over, or all that let it wait too long.

    Only campaigns that let purchases wait are among them: what the others pay is decided as of the purchase.
    """
    return frozenset(
        campaign.id
        for campaign in campaigns.values()
        if campaign.exhaustion is Exhaustion.WAITLIST and (is_aged or campaign.is_over(now))
    )


def waited(dropped: frozenset[str], *, is_aged: bool) -> Waited | None:
    """Return why waiting has ended for who is decided without these campaigns; None where it ended with budget."""
    if is_aged:
        return Waited.TOO_LONG
    return Waited.CAMPAIGN_OVER if dropped else None


def is_all_returned(facts: PurchaseFacts, returned: Returned) -> bool:
    """Return whether nothing of a purchase is left to pay cashback on."""
    return returned.total >= facts.amount
