"""Rules that are tried before they decide anything: a draft or version by its id, and what its campaigns can pay."""

from collections.abc import Iterable, Mapping

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor
from cashback.ledger.model.drafts import DraftUnknown, RulesetUnknown
from cashback.ledger.model.engine import Paying
from cashback.ledger.model.terms import CampaignTerms
from cashback.ledger.store import drafts, rulesets


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """The document of a draft, whose version is 0, or of a published version, and whose programme it is."""

    programme_id: str
    document: bytes
    version: int = 0


async def named(tx: Tx, name: str, **place: str) -> Tried:
    """Return a draft or version, which its id tells apart; `place` is where the id was told, for the errors.

    Raises:
        DraftUnknown, RulesetUnknown: there is none.
    """
    if name.startswith("drf_"):
        draft = await drafts.read(tx, name)
        if draft is None:
            raise DraftUnknown("there is no such draft", **place)
        return Tried(programme_id=draft.programme_id, document=draft.document)
    version = await rulesets.read(tx, name)
    if version is None:
        raise RulesetUnknown("there is no such version", **place)
    return Tried(programme_id=version.programme_id, document=version.document, version=version.version)


def paying_of(campaigns: Iterable[CampaignTerms], budgets: Mapping[str, Minor]) -> dict[str, Paying]:
    """Return by id what campaigns can pay out of those budgets; one without a budget can pay nothing."""
    return {
        campaign.id: Paying(
            budget=budgets.get(campaign.id, Minor(0)), day=campaign.day_limit, exhaustion=campaign.exhaustion
        )
        for campaign in campaigns
    }
