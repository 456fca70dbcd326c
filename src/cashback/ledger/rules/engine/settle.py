"""What the limits leave of what was earned, and what that is in tokens.

purchase ▶ user by day ▶ month ▶ lifetime ▶ merchant by day ▶ each campaign by day ▶ each campaign in total ▶ tokens
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.money import INT63_MAX, Minor, TokenUnits, to_token
from cashback.ledger.model.codes import Exhaustion, Limit, Outcome
from cashback.ledger.model.decisions import Conversion, Reason
from cashback.ledger.model.engine import CampaignLeft, Clamped, Earned, GrantedLine, Judgement, Left, Verdict
from cashback.ledger.rules.engine.compile import ready
from cashback.ledger.rules.engine.spreading import reduce_to

ENGINE: Final = 3
"""Version of the behaviour of this package; it is stored with every decision."""

REPLAYED: Final = frozenset({2, ENGINE})
"""Engines that decide as this one does: engine 3 gives two reasons more, for what no decision before it saw."""

_EXHAUSTED: Final = {
    Limit.PURCHASE: Reason.PURCHASE_LIMIT,
    Limit.USER_DAY: Reason.USER_DAY_LIMIT,
    Limit.USER_MONTH: Reason.USER_MONTH_LIMIT,
    Limit.USER_LIFETIME: Reason.USER_LIFETIME_LIMIT,
    Limit.MERCHANT_DAY: Reason.MERCHANT_DAY_LIMIT,
    Limit.CAMPAIGN_DAY: Reason.CAMPAIGN_DAY_LIMIT,
    Limit.CAMPAIGN_TOTAL: Reason.BUDGET_EXHAUSTED,
}


class Clamping:
    """Grants on their way through the limits, by campaign and line; each limit leaves a record."""

    def __init__(self, grants: Mapping[str, Sequence[int]]) -> None:
        """Begin with what was earned."""
        self.grants = {campaign: list(parts) for campaign, parts in grants.items()}
        self.total = sum(map(sum, self.grants.values()))
        self.clamps: list[Clamped] = []
        self.exhausted: Limit | None = None
        self.is_waitlisted = False

    def all_to(self, limit: Limit, left: int | None) -> None:
        """Have all grants together be at most `left`.

        What is taken is spread over the lines by their grants, and within a line over its campaigns by theirs.
        """
        if left is None:
            return
        granted = min(self.total, max(left, 0))
        self.clamps.append(Clamped(limit, Minor(self.total), Minor(granted)))
        if granted == self.total:
            return
        columns = list(zip(*self.grants.values(), strict=True))
        lines = reduce_to(granted, [sum(column) for column in columns])
        rows = zip(*(reduce_to(line, column) for line, column in zip(lines, columns, strict=True)), strict=True)
        self.grants = {campaign: list(row) for campaign, row in zip(self.grants, rows, strict=True)}
        self._now(granted, limit)

    def campaign_to(self, limit: Limit, campaign: str, left: int | None, how: Exhaustion) -> None:
        """Have one campaign's grants be at most `left`, or do what it does when they would be more."""
        if left is None:
            return
        parts = self.grants[campaign]
        desired = sum(parts)
        granted = min(desired, max(left, 0))
        if granted < desired and how is not Exhaustion.PARTIAL_FILL:
            self.is_waitlisted = self.is_waitlisted or how is Exhaustion.WAITLIST
            granted = 0
        self.clamps.append(Clamped(limit, Minor(desired), Minor(granted), campaign))
        if granted < desired:
            self.grants[campaign] = reduce_to(granted, parts)
            self._now(self.total - desired + granted, limit)

    def lines(self, bases: Sequence[Minor]) -> tuple[GrantedLine, ...]:
        """Return what each line is granted by now."""
        return tuple(
            GrantedLine(
                base,
                Minor(sum(parts[place] for parts in self.grants.values())),
                tuple(Minor(parts[place]) for parts in self.grants.values()),
            )
            for place, base in enumerate(bases)
        )

    def _now(self, total: int, limit: Limit) -> None:
        """Have the total be this, by that limit."""
        self.total = total
        if not total and self.exhausted is None:
            self.exhausted = limit


def settle(earned: Earned, left: Left, conversion: Conversion | None) -> Verdict:
    """Return what the limits leave of what was earned; total, and the same for the same arguments for ever."""
    desired = sum(map(sum, earned.grants.values()))
    if desired > INT63_MAX:
        return _declined(earned, Reason.ABOVE_MONEY_RANGE, INT63_MAX)
    if earned.reason is not None or earned.ruleset is None or earned.programme is None:
        return _declined(earned, earned.reason or Reason.NO_PROGRAMME, desired)
    made = ready(earned.ruleset)
    clamping = _clamped(earned, left, made.limits.get(Limit.PURCHASE))
    trace = msgspec.structs.replace(earned.trace, clamps=tuple(clamping.clamps))
    amount = clamping.total
    if clamping.is_waitlisted:
        return Verdict(outcome=Outcome.WAITLISTED, reason=Reason.BUDGET_WAITLISTED, desired=Minor(desired), trace=trace)
    tokens = _tokens(earned, amount, conversion)
    unpayable = _EXHAUSTED[clamping.exhausted] if clamping.exhausted is not None else _unpayable(tokens)
    if unpayable is not None:
        return Verdict(outcome=Outcome.DECLINED, reason=unpayable, desired=Minor(desired), trace=trace)
    review = earned.review
    if review is None and made.review_above is not None and amount > made.review_above:
        review = Reason.REVIEW_ABOVE
    return Verdict(
        outcome=Outcome.GRANTED if review is None else Outcome.REVIEW,
        reason=review or (Reason.GRANTED if amount == desired else Reason.GRANTED_PARTLY),
        desired=Minor(desired),
        amount=Minor(amount),
        token_units=tokens,
        campaigns=tuple(clamping.grants),
        lines=clamping.lines(earned.bases),
        trace=trace,
    )


def judge(earned: Earned, left: Left, conversion: Conversion | None) -> Judgement:
    """Return the verdict with everything that it saw."""
    return Judgement(
        engine=ENGINE,
        facts=earned.facts,
        programme=earned.programme,
        ruleset=earned.ruleset.identity if earned.ruleset is not None else None,
        exchange=earned.exchange,
        conversion=conversion,
        offsets=earned.offsets,
        left=left,
        verdict=settle(earned, left, conversion),
    )


def _clamped(earned: Earned, left: Left, purchase: int | None) -> Clamping:
    """Return the grants after every limit, in the fixed order; a campaign of which nothing is told has nothing left."""
    clamping = Clamping(earned.grants)
    campaigns = {each.campaign: each for each in left.campaigns}
    clamping.all_to(Limit.PURCHASE, purchase)
    clamping.all_to(Limit.USER_DAY, left.user_day)
    clamping.all_to(Limit.USER_MONTH, left.user_month)
    clamping.all_to(Limit.USER_LIFETIME, left.user_lifetime)
    clamping.all_to(Limit.MERCHANT_DAY, left.merchant_day)
    for campaign in earned.grants:
        day = campaigns[campaign].day if campaign in campaigns else None
        clamping.campaign_to(Limit.CAMPAIGN_DAY, campaign, day, Exhaustion.PARTIAL_FILL)
    for campaign in earned.grants:
        found = campaigns.get(campaign, CampaignLeft(campaign, Minor(0)))
        clamping.campaign_to(Limit.CAMPAIGN_TOTAL, campaign, found.total, found.exhaustion)
    return clamping


def _tokens(earned: Earned, amount: int, conversion: Conversion | None) -> TokenUnits:
    """Return an amount in tokens, rounded down once; 0 where there is no rate."""
    if conversion is None or earned.programme is None:
        return TokenUnits(0)
    return to_token(Minor(amount), exponent=earned.programme.funding.exponent, rate=conversion.rate)


def _unpayable(tokens: TokenUnits) -> Reason | None:
    """Return why so many tokens cannot be minted, or None when they can."""
    if tokens == 0:
        # Dust is declined rather than minted: gas to mint nothing is still gas.
        return Reason.BELOW_TOKEN_UNIT
    return Reason.ABOVE_TOKEN_RANGE if tokens > INT63_MAX else None


def _declined(earned: Earned, reason: Reason, desired: int) -> Verdict:
    """Return a verdict that no limit was asked for."""
    return Verdict(outcome=Outcome.DECLINED, reason=reason, desired=Minor(desired), trace=earned.trace)
