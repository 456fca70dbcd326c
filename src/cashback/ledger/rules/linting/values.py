"""Values: each by itself, and amounts that must stand in an order."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from cashback.kernel.money import INT63_MAX
from cashback.ledger.model.engine import ProgrammeFacts
from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import (
    AmountIs,
    Bracket,
    Condition,
    CurrencyIs,
    Earning,
    Fixed,
    HoursAre,
    MccIs,
    Percent,
    Rule,
    Rules,
    Tiered,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.linting.found import conditions_of, error, warning
from cashback.ledger.rules.withdrawn import withdrawn_in
from cashback.ledger.rules.zones import is_zone

RATE_USUAL_BPS: Final = 5_000
"""A rule that pays more than half of the price is asked about."""
RATE_ABSURD_BPS: Final = 10_000
"""One that pays the whole price is refused."""
MULTIPLIER_USUAL_BPS: Final = 50_000
MULTIPLIER_ABSURD_BPS: Final = 100_000
"""Ten times as much is refused; more than that is not even read (`MULTIPLIER_BPS_MAX`)."""
_MCC: Final = re.compile(r"[0-9]{4}")
_ORDER: Final = (("purchase", "user_day"), ("user_day", "user_month"), ("user_month", "user_lifetime"))


def values(rules: Rules, programme: ProgrammeFacts | None) -> Iterator[Finding]:
    """Yield what is wrong with codes, zones, times, rates and amounts."""
    if programme is not None:
        yield from _currency("/programme/currency", programme.funding.code)
        yield from _zone("/programme/time_zone", programme.time_zone)
    for place, code in enumerate(rules.gates.currencies):
        yield from _currency(f"/gates/currencies/{place}", code)
    for place, code in enumerate(rules.gates.without_mccs):
        yield from _mcc(f"/gates/without_mccs/{place}", code)
    for pointer, condition in conditions_of(rules):
        yield from _condition(pointer, condition)
    for number, rule in enumerate(rules.rules):
        yield from _rule(f"/rules/{number}", rule)
    yield from _limits(rules)


def _condition(pointer: str, condition: Condition) -> Iterator[Finding]:
    """Yield what is wrong with one condition by itself."""
    match condition:
        case CurrencyIs():
            for place, code in enumerate(condition.any_of):
                yield from _currency(f"{pointer}/any_of/{place}", code)
        case MccIs():
            for place, code in enumerate(condition.any_of):
                yield from _mcc(f"{pointer}/any_of/{place}", code)
        case WeekdayIs():
            yield from _zone(f"{pointer}/time_zone", condition.time_zone)
        case HoursAre():
            yield from _hours(pointer, condition)
        case WithinDates() | AmountIs():
            yield from _window(pointer, condition)
        case _:
            pass


def _currency(pointer: str, code: str) -> Iterator[Finding]:
    """Yield that a currency was withdrawn, and when, or that there never was one."""
    if currency_of(code) is not None:
        return
    month = withdrawn_in(code)
    if month is not None:
        yield error(Fault.CURRENCY_WITHDRAWN, pointer, f"{code} was withdrawn in {month}")
    else:
        yield error(Fault.CURRENCY_UNKNOWN, pointer, f"{code} is no currency of ISO 4217 that is in use")


def _mcc(pointer: str, code: str) -> Iterator[Finding]:
    """Yield that a category is not four digits."""
    if not _MCC.fullmatch(code):
        yield error(Fault.MCC_MALFORMED, pointer, f"a merchant category code has four digits, not {code!r}")


def _zone(pointer: str, zone: str) -> Iterator[Finding]:
    """Yield that nobody knows a time zone."""
    if not is_zone(zone):
        yield error(Fault.TIME_ZONE_UNKNOWN, pointer, f"{zone!r} is not in the IANA time zone database")


def _hours(pointer: str, condition: HoursAre) -> Iterator[Finding]:
    """Yield an unknown zone, and hours that are all of them."""
    yield from _zone(f"{pointer}/time_zone", condition.time_zone)
    if condition.start == condition.end or (condition.start, condition.end) == ("00:00", "24:00"):
        yield warning(Fault.HOURS_WHOLE_DAY, pointer, "these hours are the whole day")


def _window(pointer: str, condition: WithinDates | AmountIs) -> Iterator[Finding]:
    """Yield a window that ends where it starts or before."""
    if isinstance(condition, WithinDates):
        yield from _dates(pointer, condition)
        return
    yield from _amount(f"{pointer}/at_least", condition.at_least, may_be_zero=True)
    yield from _amount(f"{pointer}/below", condition.below)
    if condition.below is not None and int(condition.below) <= int(condition.at_least or 0):
        detail = "no amount is at least the one and below the other"
        yield error(Fault.AMOUNTS_REVERSED, f"{pointer}/below", detail)


def _dates(pointer: str, condition: WithinDates) -> Iterator[Finding]:
    """Yield times that could be any, and a window of nothing."""
    start, end = condition.start, condition.end
    naive = [name for name, time in (("start", start), ("end", end)) if time is not None and time.tzinfo is None]
    for name in naive:
        yield error(Fault.TIME_WITHOUT_OFFSET, f"{pointer}/{name}", "a time must name its offset")
    if start is not None and end is not None and not naive and end <= start:
        yield error(Fault.WINDOW_REVERSED, f"{pointer}/end", "the window ends where it starts or before")


def _rule(pointer: str, rule: Rule) -> Iterator[Finding]:
    """Yield what is wrong with what a rule pays."""
    yield from _earning(f"{pointer}/earns", rule.earns)
    yield from _amount(f"{pointer}/at_most", rule.at_most)


def _earning(pointer: str, earning: Earning) -> Iterator[Finding]:
    """Yield rates and amounts of nothing or beyond reason."""
    match earning:
        case Percent():
            yield from _rate(f"{pointer}/rate_bps", earning.rate_bps)
        case Fixed():
            yield from _amount(f"{pointer}/amount", earning.amount)
        case Tiered():
            for place, bracket in enumerate(earning.brackets):
                yield from _rate(f"{pointer}/brackets/{place}/rate_bps", bracket.rate_bps)
                yield from _amount(f"{pointer}/brackets/{place}/from_amount", bracket.from_amount, may_be_zero=True)
            yield from _brackets(f"{pointer}/brackets", earning.brackets)


def _brackets(pointer: str, brackets: Sequence[Bracket]) -> Iterator[Finding]:
    """Yield every bracket that does not begin above the one before it."""
    for place in range(1, len(brackets)):
        if int(brackets[place].from_amount) <= int(brackets[place - 1].from_amount):
            detail = "a bracket begins above the one before it"
            yield error(Fault.BRACKETS_OUT_OF_ORDER, f"{pointer}/{place}/from_amount", detail)


def _rate(pointer: str, rate: int) -> Iterator[Finding]:
    """Yield a rate that pays nothing, or more than anybody means."""
    if rate < 1:
        yield error(Fault.RATE_ZERO, pointer, "a rate of zero pays nothing: leave the rule out")
    elif rate >= RATE_ABSURD_BPS:
        yield error(Fault.RATE_ABSURD, pointer, f"{rate} basis points are the whole price: pay less than that")
    elif rate > RATE_USUAL_BPS:
        yield warning(Fault.RATE_ABSURD, pointer, f"{rate} basis points are more than half of the price")


def _amount(pointer: str, amount: str | None, *, may_be_zero: bool = False) -> Iterator[Finding]:
    """Yield an amount that is nothing where it must be something, or more than is ever stored."""
    if amount is None:
        return
    if int(amount) > INT63_MAX:
        yield error(Fault.AMOUNT_OUT_OF_RANGE, pointer, f"an amount is at most {INT63_MAX}")
    elif int(amount) == 0 and not may_be_zero:
        yield error(Fault.AMOUNT_ZERO, pointer, "an amount of nothing has no effect, or lets nothing through")


def _limits(rules: Rules) -> Iterator[Finding]:
    """Yield limits of nothing, limits that a longer one contradicts, and multipliers beyond reason."""
    limits = {name: amount for name, amount in msgspec.structs.asdict(rules.limits).items() if amount is not None}
    for name, amount in limits.items():
        yield from _amount(f"/limits/{name}", amount)
    for shorter, longer in _ORDER:
        wider = next((name for name in _after(longer) if name in limits), None)
        if shorter in limits and wider is not None and int(limits[shorter]) > int(limits[wider]):
            detail = f"{shorter} is above {wider}, so that it never limits anything"
            yield error(Fault.LIMITS_OUT_OF_ORDER, f"/limits/{shorter}", detail)
    yield from _amount("/gates/at_least", rules.gates.at_least, may_be_zero=True)
    yield from _amount("/review_above", rules.review_above, may_be_zero=True)
    if rules.review_above is not None and int(rules.review_above) >= int(limits.get("purchase", INT63_MAX)):
        yield warning(Fault.REVIEW_NEVER, "/review_above", "no grant is above this: a purchase is limited to less")
    for place, tier in enumerate(rules.tiers):
        pointer = f"/tiers/{place}/multiplier_bps"
        if tier.multiplier_bps == 0:
            yield warning(Fault.RATE_ZERO, pointer, f"users of tier {tier.id!r} earn nothing")
        elif tier.multiplier_bps >= MULTIPLIER_ABSURD_BPS:
            yield error(Fault.RATE_ABSURD, pointer, f"users of tier {tier.id!r} get ten times as much: less than that")
        elif tier.multiplier_bps > MULTIPLIER_USUAL_BPS:
            yield warning(Fault.RATE_ABSURD, pointer, f"users of tier {tier.id!r} get more than five times as much")


def _after(name: str) -> Sequence[str]:
    """Return a limit of a user and the longer ones."""
    order = ("user_day", "user_month", "user_lifetime")
    return order[order.index(name) :]
