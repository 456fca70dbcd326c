"""What a purchase earns, told a second time: lines, limits in their order, budgets."""

from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

from tests.property.ledger.reference import Expected, Line, Scheme

WAIT_MAX = timedelta(days=30)


def shrink(total: int, parts: list[int]) -> list[int]:
    """Return parts that sum to `total`: what goes is spread by size, each rounded down, the rest from the lowest."""
    whole = sum(parts)
    gone = whole - total
    if not gone:
        return list(parts)
    left = [part - floor(Fraction(gone * part, whole)) for part in parts]
    for place, part in enumerate(left):
        step = min(part, sum(left) - total)
        left[place] -= step
    return left


def decide(one: Expected, now: datetime, *, is_blocked: bool = False, without: frozenset[str] = frozenset()) -> None:
    """Have a cashback be what its purchase earns, for the first time or again, and count it."""
    scheme = one.scheme
    version = scheme.version_at(one.occurred_at)
    worth = scheme.exchange(one.currency, one.exponent, one.occurred_at)
    one.state = "declined"
    if version is None or worth is None or scheme.is_paused or is_blocked:
        return
    columns = {
        fund: [floor(worth * Fraction(cost * bps, 10_000)) for cost in one.costs]
        for fund, bps in sorted(version.rates.items())
        if fund not in without and not scheme.funds[fund].is_closed(one.occurred_at)
    }
    columns = {fund: column for fund, column in columns.items() if sum(column)}
    columns = _multiplied(columns, version.multipliers.get(one.tier or "", 10_000))
    if not any(map(sum, columns.values())):
        return
    day, month = one.occurred_at.date().isoformat(), one.occurred_at.date().isoformat()[:7]
    keys = {
        "user_day": ("user_day", one.user, day),
        "user_month": ("user_month", one.user, month),
        "user_lifetime": ("user_lifetime", one.user, ""),
        "merchant_day": ("merchant_day", one.merchant, day),
    }
    columns = _clamp(scheme, columns, list(keys.items()))
    waits = _fill(scheme, columns, day)
    amount = sum(map(sum, columns.values()))
    if waits:
        one.state, one.has_returns = "waitlisted", False
        one.waits_for, one.wants = waits
        one.waits_until = one.waits_until or now + WAIT_MAX
        return
    if not scheme.tokens(amount):
        return
    for name in (*keys.values(),):
        scheme.used[name] = scheme.used.get(name, 0) + amount
    for fund, column in columns.items():
        key = ("campaign_day", fund, day)
        scheme.used[key] = scheme.used.get(key, 0) + sum(column)
        scheme.funds[fund].left -= sum(column)
    one.lines = [
        Line(cost, {fund: column[place] for fund, column in columns.items()}) for place, cost in enumerate(one.costs)
    ]
    one.amount = one.payable = one.net = amount
    one.units = scheme.tokens(amount)
    one.hold_until = one.occurred_at + scheme.hold
    if amount > scheme.review_above:
        one.state = "review"
    elif one.hold_until > now:
        one.state = "pending"
    else:
        one.state, one.approved_at = "approved", now


def _multiplied(columns: dict[str, list[int]], bps: int) -> dict[str, list[int]]:
    """Return what a tier makes of each line: rounded down once, and shared as it was, the rest to the first id."""
    rows = []
    for row in zip(*columns.values(), strict=True):
        whole, total = sum(row), floor(Fraction(sum(row) * bps, 10_000))
        parts = [floor(Fraction(total * part, whole)) if whole else 0 for part in row]
        if total:
            parts[next(place for place, part in enumerate(row) if part)] += total - sum(parts)
        rows.append(parts)
    return dict(zip(columns, (list(column) for column in zip(*rows, strict=True)), strict=True)) if columns else {}


def _fill(scheme: Scheme, columns: dict[str, list[int]], day: str) -> tuple[str, int] | None:
    """Have each campaign pay what it can, by the day and in all; return the first that lets wait, and for how much."""
    for fund, column in columns.items():
        limit = scheme.funds[fund].day_limit
        if limit is not None:
            room = max(limit - scheme.used.get(("campaign_day", fund, day), 0), 0)
            columns[fund] = shrink(min(room, sum(column)), column)
    waits = None
    for fund, column in columns.items():
        pays = scheme.funds[fund]
        if sum(column) > pays.left:
            if pays.exhaustion == "waitlist" and waits is None:
                waits = fund, sum(column)
            columns[fund] = shrink(pays.left if pays.exhaustion == "partial_fill" else 0, column)
    return waits


def _clamp(
    scheme: Scheme, columns: dict[str, list[int]], keys: list[tuple[str, tuple[str, str, str]]]
) -> dict[str, list[int]]:
    """Return what the limits of a purchase, a user and a merchant leave, one after the other."""
    rooms = [scheme.limits["purchase"]] + [scheme.limits[name] - scheme.used.get(key, 0) for name, key in keys]
    for room in rooms:
        total = min(sum(map(sum, columns.values())), max(room, 0))
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        lines = shrink(total, [sum(row) for row in rows])
        rows = [shrink(line, row) for line, row in zip(lines, rows, strict=True)]
        columns = dict(zip(columns, (list(column) for column in zip(*rows, strict=True)), strict=True))
    return columns
