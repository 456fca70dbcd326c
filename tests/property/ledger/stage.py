"""Three programmes with every limit set small, in currencies of 0, 2 and 3 digits, and what must become of them."""

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Final, Literal, TypeAlias

import msgspec

from cashback.kernel.money import Minor, TokenRate
from cashback.ledger import (
    CampaignAnswer,
    Conditions,
    DraftAnswer,
    NewCampaign,
    NewDraft,
    NewProgramme,
    Publication,
    VersionAnswer,
)
from cashback.ledger.model.rulesets import Limits, Per, Percent, Rule, Rules, Tier
from cashback.purchases.model import OPERATOR, Order, Outcome, Recorded
from cashback.purchases.service.campaigns import Campaigns
from cashback.purchases.service.facts import Facts
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.rates import Rates
from cashback.purchases.service.rulesets import Rulesets
from tests.integration.ledger.world import START, World, decoded, new_key
from tests.property.ledger.reference import Fund, Scheme, Version

_Exhaustion: TypeAlias = Literal["partial_fill", "decline", "waitlist"]

LIMITS: Final = {"purchase": 900, "user_day": 1_500, "user_month": 4_000, "user_lifetime": 6_000, "merchant_day": 2_500}
CURRENCIES: Final = ("USD", "JPY", "KWD")
EXPONENTS: Final = {"USD": 2, "JPY": 0, "KWD": 3, "TND": 3}
PROGRAMME_OF: Final = {"USD": "USD", "JPY": "JPY", "KWD": "KWD", "TND": "USD"}
"""The programme by its currency that takes what is paid in one; dinars of Tunis are exchanged."""
# A yen of tokens is two thirds of a unit and a fils a third of one: amounts that are worth nothing are met often.
_RATES: Final = {"USD": (1, 1), "JPY": (1, 150), "KWD": (1, 3_000)}
_HOLD_DAYS: Final = {"USD": 4, "JPY": 4, "KWD": 0}
_POLICIES: Final = {"USD": "net_future", "JPY": "net_future", "KWD": "write_off"}
_FUNDS: Final[dict[str, tuple[tuple[int, int | None, _Exhaustion, int], ...]]] = {
    "USD": ((4_000, 1_200, "partial_fill", 1), (1_500, None, "waitlist", 3)),
    "JPY": ((2_000, None, "waitlist", 2), (4_000, 900, "partial_fill", 1)),
    "KWD": ((5_000, 1_500, "partial_fill", 1), (2_000, None, "decline", 4)),
}
_drafts: Final = count(1)


class Stage:
    """The orders of operators over one world."""

    def __init__(self, world: World) -> None:
        orders = Orders(world.api, clock=world.clock)
        self.world, self.campaigns, self.rulesets = world, Campaigns(orders), Rulesets(orders)
        self.rates, self.facts = Rates(orders), Facts(orders)

    async def scheme(self, currency: str) -> Scheme:
        """Start a programme with two campaigns and a ruleset; return what must become of it."""
        conditions = Conditions(
            hold_days=_HOLD_DAYS[currency],
            refund_policy=_POLICIES[currency],
            expire_after_days=5,
            write_off_after_days=None if currency == "JPY" else 3,
            accepts=tuple(code for code, of in PROGRAMME_OF.items() if of == currency != code),
            review_above=Minor(500),
            second_above=Minor(700),
        )
        terms = NewProgramme(
            name=currency,
            currency=currency,
            rate=None,
            token_rate=TokenRate(*_RATES[currency]),
            budget=None,
            conditions=conditions,
        )
        programme = await self.world.start(terms)
        scheme = Scheme(
            id=programme.id,
            currency=currency,
            exponent=EXPONENTS[currency],
            rate=Fraction(*_RATES[currency]),
            hold=timedelta(days=_HOLD_DAYS[currency]),
            review_above=500,
            second_above=700,
            expires_after=timedelta(days=5),
            writes_off_after=None if currency == "JPY" else timedelta(days=3),
            gives_up_at_once=_POLICIES[currency] == "write_off",
            limits=LIMITS,
            funds={},
        )
        for place, (budget, day_limit, exhaustion, stripes) in enumerate(_FUNDS[currency]):
            new = NewCampaign(
                programme_id=programme.id,
                name=f"campaign {place}",
                budget=budget,
                day_limit=day_limit,
                on_exhaustion=exhaustion,
                stripes=stripes,
            )
            campaign = decoded(await self.campaigns.create(order(), new), CampaignAnswer)
            scheme.funds[campaign.id] = Fund(campaign.id, budget, day_limit, exhaustion)
        await self.publish(scheme, [700, 500], None, gold=15_000)
        return scheme

    async def publish(self, scheme: Scheme, rates: list[int], starts_at: datetime | None, *, gold: int) -> bool:
        """Publish a ruleset of these basis points by campaign, at once or later; return whether it had room.

        It names no campaign that is closed. Users of the tier `gold` get so many basis points of what others get.
        """
        paid = {
            fund: bps
            for fund, bps in zip(sorted(scheme.funds), rates, strict=True)
            if scheme.funds[fund].closed_at is None
        }
        rules = Rules(
            rules=tuple(
                Rule(id=f"rule-{place}", campaign=fund, earns=Percent(rate_bps=bps), per=Per.LINE)
                for place, (fund, bps) in enumerate(paid.items())
            ),
            tiers=(Tier(id="gold", multiplier_bps=gold),),
            limits=Limits(**{name: str(limit) for name, limit in LIMITS.items()}),
        )
        new = NewDraft(programme_id=scheme.id, name=f"draft {next(_drafts)}", document=rules)
        draft = decoded(await self.rulesets.draft(order(), new), DraftAnswer)
        publication = Publication(draft_id=draft.id, revision=draft.revision, starts_at=starts_at)
        outcome: Outcome = await self.rulesets.publish(order(), publication)
        if not isinstance(outcome, Recorded):
            return False
        version = msgspec.json.decode(outcome.answer, type=VersionAnswer)
        scheme.versions.append(Version(version.id, version.starts_at, version.ends_at, paid, {"gold": gold}))
        return True


def order() -> Order:
    """Return an order under a key of its own."""
    return Order(owner=OPERATOR, key=new_key())


__all__ = ["CURRENCIES", "EXPONENTS", "LIMITS", "PROGRAMME_OF", "START", "Stage", "order"]
