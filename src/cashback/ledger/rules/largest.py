"""The most that one purchase can earn by a ruleset: what its words allow, out of what its campaigns hold.

Every figure is a bound from above: a purchase that earns so much need not exist, none earns more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, assert_never

from cashback.kernel.money import BPS_IN_WHOLE, INT63_MAX, Minor, TokenUnits
from cashback.ledger.model import GrantAboveLimit, LargestGrant
from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import AmountIs, Fixed, Mode, Per, Percent, Rule, Rules, Tiered
from cashback.ledger.rules.linting.found import error, warning

PLACE: Final = "/limits/purchase"
"""Where a ruleset says what one purchase earns at most."""
LINES_MAX: Final = 100
"""The most lines of a purchase, for each of which a rule may earn a fixed amount."""


def bound(rules: Rules) -> Minor | None:
    """Return the most that one purchase earns by the words of a ruleset, None where only a budget bounds it.

    Limits by user and merchant bound one purchase as well as many. A tier multiplies what rules earn, and no limit.
    """
    limits = rules.limits
    said = (limits.purchase, limits.user_day, limits.user_month, limits.user_lifetime, limits.merchant_day)
    earned = _counting(rules)
    return _least(
        *(int(limit) for limit in said if limit is not None), None if earned is None else _raised(rules, earned)
    )


def largest_grant(rules: Rules, payable: Mapping[str, Minor]) -> Minor:
    """Return the most that one purchase can earn while each campaign pays at most what is `payable` of it."""
    funds = 0
    for campaign in sorted({rule.campaign for rule in rules.rules}):
        earned = _sum([_of_rule(rule) for rule in rules.rules if rule.campaign == campaign])
        held = payable.get(campaign, 0)
        funds += held if earned is None else min(held, _raised(rules, earned))
    return Minor(min(funds, INT63_MAX, *(() if (said := bound(rules)) is None else (said,))))


def check_largest(largest: LargestGrant, limit: TokenUnits, *, pointer: str = PLACE) -> TokenUnits:
    """Return a largest grant in base units, which is no more than `limit`, the most that is minted at once.

    Raises:
        GrantAboveLimit: it is more; it says what to do, and points to what could be less.
    """
    if largest.units > limit:
        raise GrantAboveLimit(_words(largest, limit), pointer=pointer)
    return largest.units


def findings(rules: Rules, largest: LargestGrant, limit: TokenUnits | None) -> list[Finding]:
    """Return what is wrong with a ruleset beside the minter: more than it mints at once, or no bound but a budget.

    `limit` is the most that is minted at once, None while nobody tells.
    """
    if limit is not None and largest.units > limit:
        return [error(Fault.GRANT_ABOVE_LIMIT, PLACE, _words(largest, limit))]
    if bound(rules) is None:
        detail = (
            "only budgets bound what one purchase earns: a budget that is raised may earn more than is minted at once"
        )
        return [warning(Fault.GRANT_UNBOUNDED, PLACE, detail)]
    return []


def _words(largest: LargestGrant, limit: TokenUnits) -> str:
    """Return what is wrong, and what to do."""
    version = "the draft" if largest.version is None else f"version {largest.version} of the rules"
    return (
        f"one purchase can earn {largest.units} base units by {version} in the programme {largest.programme!r}, and "
        f"the minter mints at most {limit} at once, so that mint would wait for ever: have the minter's admin call "
        f"setLimit with a capacity of at least that, publish a ruleset with a smaller {PLACE}, withdraw from the "
        "campaigns' budgets, or end the programme"
    )


def _counting(rules: Rules) -> int | None:
    """Return the most that the rules which may count together earn, None without a bound."""
    modes = {group.id: group.mode for group in rules.groups}
    alone, best, together = list[int | None](), dict[str, list[int | None]](), list[int | None]()
    for rule in rules.rules:
        match modes.get(rule.group or "", Mode.ADDITIVE):
            case Mode.EXCLUSIVE:
                alone.append(_of_rule(rule))
            case Mode.BEST_OF:
                best.setdefault(rule.group or "", []).append(_of_rule(rule))
            case Mode.ADDITIVE:
                together.append(_of_rule(rule))
    return _most([*alone, _sum([*together, *map(_most, best.values())])])


def _of_rule(rule: Rule) -> int | None:
    """Return the most that one rule earns on one purchase, None without a bound."""
    paid = [int(each.below) for each in rule.when if isinstance(each, AmountIs) and each.below is not None]
    match rule.earns:
        case Fixed(amount=amount):
            earned: int | None = int(amount) * (LINES_MAX if rule.per is Per.LINE else 1)
        case Percent(rate_bps=rate):
            earned = _part(paid, rate)
        case Tiered(brackets=brackets):
            earned = _part(paid, max(bracket.rate_bps for bracket in brackets))
        case _:
            assert_never(rule.earns)
    return _least(earned, None if rule.at_most is None else int(rule.at_most))


def _part(below: Sequence[int], rate: int) -> int | None:
    """Return the most that a rate earns on amounts below some, None when below none."""
    # Rounded up: what is bought in another currency may be worth a fraction less than the bound.
    return -(-min(below) * rate // BPS_IN_WHOLE) if below else None


def _raised(rules: Rules, earned: int) -> int:
    """Return what users of the highest tier get of what was earned."""
    return earned * max((BPS_IN_WHOLE, *(tier.multiplier_bps for tier in rules.tiers))) // BPS_IN_WHOLE


def _least(*bounds: int | None) -> Minor | None:
    """Return the lowest of some bounds, where None is none."""
    known = [each for each in bounds if each is not None]
    return Minor(min(known)) if known else None


def _most(bounds: Iterable[int | None]) -> int | None:
    """Return the highest of some bounds, where None is none at all; 0 of nothing."""
    return _over(bounds, max)


def _sum(bounds: Iterable[int | None]) -> int | None:
    """Return the sum of some bounds, where None is none at all; 0 of nothing."""
    return _over(bounds, sum)


def _over(bounds: Iterable[int | None], fold: Callable[[Sequence[int]], int]) -> int | None:
    """Return bounds folded into one; None when one of them is."""
    found = list(bounds)
    known = [each for each in found if each is not None]
    return None if len(known) < len(found) else fold([0, *known])
