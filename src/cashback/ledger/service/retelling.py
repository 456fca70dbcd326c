"""What a command of long ago is answered with when it is told again: what it made, as that stands now."""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model import Cashback, ProgrammeAnswer, ProgrammeUnknown
from cashback.ledger.model.adjustments import AdjustmentAnswer, AdjustmentUnknown
from cashback.ledger.model.campaigns import CampaignAnswer, CampaignUnknown
from cashback.ledger.model.drafts import DraftAnswer, DraftUnknown, RulesetUnknown, VersionAnswer
from cashback.ledger.model.rates import Rate, RateUnknown
from cashback.ledger.service.adjustments import adjustment_answer
from cashback.ledger.service.campaigns import campaign_answer
from cashback.ledger.service.drafting import draft_answer
from cashback.ledger.service.programmes import programme_answer
from cashback.ledger.service.publishing import version_answer
from cashback.ledger.store import adjustments, campaigns, drafts, programmes, rates, readings, rulesets


async def retell_cashbacks(tx: Tx, purchase_ids: Sequence[str]) -> dict[str, Cashback]:
    """Return the cashback of each of these purchases."""
    found = await readings.by_purchases(tx, purchase_ids)
    return {cashback.purchase_id: cashback for cashback in found if cashback.purchase_id is not None}


async def retell_programme(tx: Tx, programme_id: str) -> ProgrammeAnswer:
    """Return a programme.

    Raises:
        ProgrammeUnknown: there is none.
    """
    found = await programmes.read(tx, programme_id=programme_id)
    if found is None:
        raise ProgrammeUnknown("there is no such programme", programme_id=programme_id)
    return programme_answer(found)


async def retell_campaign(tx: Tx, campaign_id: str) -> CampaignAnswer:
    """Return a campaign with its budget.

    Raises:
        CampaignUnknown: there is none.
    """
    found = await campaigns.read(tx, campaign_id)
    if found is None:
        raise CampaignUnknown("there is no such campaign", campaign_id=campaign_id)
    return campaign_answer(found)


async def retell_draft(tx: Tx, draft_id: str) -> DraftAnswer:
    """Return a draft without its document.

    Raises:
        DraftUnknown: there is none.
    """
    found = await drafts.read(tx, draft_id)
    if found is None:
        raise DraftUnknown("there is no such draft", draft_id=draft_id)
    return draft_answer(found)


async def retell_version(tx: Tx, ruleset_id: str) -> VersionAnswer:
    """Return a version without its document.

    Raises:
        RulesetUnknown: there is none.
    """
    found = await rulesets.read(tx, ruleset_id)
    if found is None:
        raise RulesetUnknown("there is no such version", ruleset_id=ruleset_id)
    return version_answer(found)


async def retell_adjustment(tx: Tx, adjustment_id: str) -> AdjustmentAnswer:
    """Return an adjustment, with its cashback as that stands now.

    Raises:
        AdjustmentUnknown: there is none.
    """
    found = await adjustments.read(tx, adjustment_id)
    if found is None:
        raise AdjustmentUnknown("there is no such adjustment", adjustment_id=adjustment_id)
    return adjustment_answer(*found)


async def retell_rate(tx: Tx, base: str, quote: str, *, as_of: datetime) -> Rate:
    """Return the exchange rate of a pair that is in force from an instant on.

    Raises:
        RateUnknown: there is none.
    """
    found = await rates.in_force(tx, base, quote, at=as_of)
    if found is None or found.as_of != as_of:
        raise RateUnknown("there is no rate of this pair as of then", base=base, quote=quote)
    return found
