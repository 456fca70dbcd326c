"""What a command of long ago is answered with when it is told again: what it made, as that stands now.

Nothing is taken away that was made: None is of what there never was, or is lost.
"""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model import Cashback, ProgrammeAnswer
from cashback.ledger.model.adjustments import AdjustmentAnswer
from cashback.ledger.model.campaigns import CampaignAnswer
from cashback.ledger.model.drafts import DraftAnswer, VersionAnswer
from cashback.ledger.model.rates import Rate
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


async def retell_programme(tx: Tx, programme_id: str) -> ProgrammeAnswer | None:
    """Return a programme."""
    found = await programmes.read(tx, programme_id=programme_id)
    return None if found is None else programme_answer(found)


async def retell_campaign(tx: Tx, campaign_id: str) -> CampaignAnswer | None:
    """Return a campaign with its budget."""
    found = await campaigns.read(tx, campaign_id)
    return None if found is None else campaign_answer(found)


async def retell_draft(tx: Tx, draft_id: str) -> DraftAnswer | None:
    """Return a draft without its document."""
    found = await drafts.read(tx, draft_id)
    return None if found is None else draft_answer(found)


async def retell_version(tx: Tx, ruleset_id: str) -> VersionAnswer | None:
    """Return a version without its document."""
    found = await rulesets.read(tx, ruleset_id)
    return None if found is None else version_answer(found)


async def retell_adjustment(tx: Tx, adjustment_id: str) -> AdjustmentAnswer | None:
    """Return an adjustment, with its cashback as that stands now."""
    found = await adjustments.read(tx, adjustment_id)
    return None if found is None else adjustment_answer(*found)


async def retell_rate(tx: Tx, base: str, quote: str, *, as_of: datetime) -> Rate | None:
    """Return the exchange rate of a pair that is in force from an instant on."""
    found = await rates.in_force(tx, base, quote, at=as_of)
    return found if found is not None and found.as_of == as_of else None
