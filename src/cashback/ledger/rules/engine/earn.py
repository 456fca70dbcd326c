"""What a purchase earns before any limit.

gates, the first that is shut ends it ──▶ every rule matched or skipped ──▶ groups ──▶ the user's tier, line by line
──▶ checks: pass, review or decline
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cashback.kernel.money import BPS_IN_WHOLE, Bps, Minor
from cashback.ledger.model.codes import Skip, Waited
from cashback.ledger.model.decisions import Reason
from cashback.ledger.model.engine import (
    Counted,
    Earned,
    Exchange,
    Flag,
    Line,
    ProgrammeFacts,
    Published,
    PurchaseFacts,
    Trace,
    Velocity,
)
from cashback.ledger.model.rulesets import Action, Check
from cashback.ledger.rules.engine.compile import Ready, ReadyGates, ready
from cashback.ledger.rules.engine.conditions import DAY_MINUTES, View, minutes_of
from cashback.ledger.rules.engine.matching import Match, Skipped, counting, match_all
from cashback.ledger.rules.engine.spreading import spread

_FLAGGED: Final = {
    "purchases_per_hour": Reason.TOO_MANY_PURCHASES,
    "users_per_wallet": Reason.WALLET_SHARED,
    "refund_ratio_bps": Reason.REFUND_RATIO_HIGH,
    "self_dealing": Reason.SELF_DEALING,
}
_ZONES_KEPT: Final = 1_024
"""More than there are."""
_ZONES_ARE_SURE: Final = (2, 9998)
"""The years in which no zone's offset leads out of the calendar."""

_WAITED: Final = {Waited.CAMPAIGN_OVER: Reason.CAMPAIGN_OVER, Waited.TOO_LONG: Reason.WAITED_TOO_LONG}
"""Why nothing is left to count for somebody who waited: what they waited for, rather than that no rule is left."""


def earn(
    facts: PurchaseFacts,
    programme: ProgrammeFacts | None,
    ruleset: Published | None,
    exchange: Exchange | None = None,
    *,
    offsets: Mapping[str, int] | None = None,
) -> Earned:
    """Return what a purchase earns before any limit; total, and the same for the same arguments for ever.

    `offsets` are those of the zones from UTC when a stored decision is replayed: a zone's rules may change later. None
    looks them up.
    """
    made = ready(ruleset) if ruleset is not None else None
    if offsets is None:
        zones = (*(made.zones if made is not None else ()), *((programme.time_zone,) if programme is not None else ()))
        offsets = offsets_at(facts.occurred_at, zones)
    day = _day(facts.occurred_at, offsets.get(programme.time_zone, 0) if programme is not None else 0)
    if programme is None or facts.currency == programme.funding.code:
        exchange = None
    view = _view(facts, programme, exchange, offsets)
    shut = _shut_gate(view, programme, made, exchange)
    if shut is not None or programme is None or made is None:
        return _nothing(facts, programme, ruleset, exchange, offsets, day, shut)
    lines = facts.lines or (Line(facts.amount),)
    matches, skipped = match_all(made.candidates, view, lines, closed=frozenset(programme.closed))
    counted = counting(matches, skipped)
    multiplier = made.multipliers.get(facts.user_tier or "", BPS_IN_WHOLE)
    grants = _multiplied(_by_campaign(counted), multiplier)
    flags = tuple(_flags(made.checks, facts.velocity)) if made.checks else ()
    reason = _why_nothing(grants, counted, skipped, multiplier) or _flagged(flags, Action.DECLINE)
    if reason is Reason.NO_RULE_MATCHED and programme.waited is not None:
        reason = _WAITED[programme.waited]
    return Earned(
        facts=facts,
        programme=programme,
        ruleset=ruleset,
        exchange=exchange,
        offsets=offsets,
        day=day,
        bases=_bases(counted, lines),
        grants=grants,
        trace=Trace(
            counted=tuple(Counted(match.rule.id, Minor(match.desired), Minor(match.granted)) for match in counted),
            skipped={why: tuple(skipped[why]) for why in sorted(skipped)},
            multiplier_bps=Bps(multiplier),
            flags=flags,
        ),
        reason=reason,
        review=_flagged(flags, Action.REVIEW),
    )


def offsets_at(instant: datetime, zones: Iterable[str]) -> dict[str, int]:
    """Return by how many seconds each zone was ahead of UTC.

    Raises:
        ZoneInfoNotFoundError: nobody knows a zone of that name; linting has refused such a ruleset.
    """
    low, high = _ZONES_ARE_SURE
    sure = instant if low <= instant.year <= high else instant.replace(year=min(max(instant.year, low), high), day=1)
    return {zone: _seconds(sure.astimezone(_zone(zone)).utcoffset()) for zone in sorted(set(zones))}


@lru_cache(maxsize=_ZONES_KEPT)
def _zone(name: str) -> ZoneInfo:
    """Return a zone, whose file is read once: the library keeps eight of them, and a ruleset may name more."""
    return ZoneInfo(name)


def _seconds(offset: timedelta | None) -> int:
    """Return a difference in whole seconds."""
    return offset.days * 86_400 + offset.seconds if offset is not None else 0


def _day(instant: datetime, offset: int) -> str:
    """Return the calendar day of an instant in a zone, as `2026-11-26`."""
    number = (minutes_of(instant) + offset // 60) // DAY_MINUTES
    return date.fromordinal(min(max(number, 1), date.max.toordinal())).isoformat()


def _nothing(
    facts: PurchaseFacts,
    programme: ProgrammeFacts | None,
    ruleset: Published | None,
    exchange: Exchange | None,
    offsets: Mapping[str, int],
    day: str,
    reason: Reason | None,
) -> Earned:
    """Return what a shut gate leaves."""
    return Earned(
        facts=facts,
        programme=programme,
        ruleset=ruleset,
        exchange=exchange,
        offsets=offsets,
        day=day,
        reason=reason if reason is not None else Reason.NO_PROGRAMME,
    )


def _view(
    facts: PurchaseFacts, programme: ProgrammeFacts | None, exchange: Exchange | None, offsets: Mapping[str, int]
) -> View:
    """Return the purchase as conditions see it; the exchange turns its minor units into those of the funding."""
    if exchange is None or programme is None:
        return View(facts, factor=1, divisor=1, offsets=offsets)
    return View(
        facts,
        factor=exchange.numerator * 10**exchange.quote.exponent,
        divisor=exchange.denominator * 10**exchange.base.exponent,
        offsets=offsets,
    )


def _shut_gate(  # noqa: PLR0911 - one return for each gate, in their order
    view: View, programme: ProgrammeFacts | None, made: Ready | None, exchange: Exchange | None
) -> Reason | None:
    """Return the reason of the first gate that does not let a purchase through, or None."""
    facts = view.facts
    if programme is None:
        return Reason.NO_PROGRAMME
    if made is None:
        return Reason.NO_RULESET
    gates = made.gates
    if programme.is_paused:
        return Reason.PROGRAMME_PAUSED
    if facts.is_user_blocked:
        return Reason.USER_BLOCKED
    if not facts.is_merchant_active:
        return Reason.MERCHANT_INACTIVE
    if facts.merchant_id in gates.merchants:
        return Reason.MERCHANT_EXCLUDED
    if facts.mcc in gates.mccs:
        return Reason.MCC_EXCLUDED
    if gates.currencies and facts.currency not in gates.currencies:
        return Reason.CURRENCY_UNSUPPORTED
    if facts.currency != programme.funding.code and not _fits(exchange, facts.currency, programme.funding.code):
        return Reason.NO_EXCHANGE_RATE
    return _shut_for_amount(view, gates)


def _fits(exchange: Exchange | None, currency: str, funding: str) -> bool:
    """Return whether a rate is there and is of the two currencies."""
    return exchange is not None and exchange.base.code == currency and exchange.quote.code == funding


def _shut_for_amount(view: View, gates: ReadyGates) -> Reason | None:
    """Return the reason of the first gate of amount and age that does not let a purchase through, or None."""
    facts = view.facts
    if not facts.amount:
        return Reason.NOTHING_PAID
    if view.amount < gates.at_least * view.divisor:
        return Reason.BELOW_MINIMUM
    if gates.within_days is not None and facts.received_at - facts.occurred_at > timedelta(days=gates.within_days):
        return Reason.TOO_OLD
    return None


def _by_campaign(counted: Sequence[Match]) -> dict[str, list[int]]:
    """Return what each campaign pays for each line, campaigns in the order of their ids."""
    found: dict[str, list[int]] = {}
    for match in counted:
        paid = found.get(match.rule.campaign)
        found[match.rule.campaign] = (
            list(match.parts) if paid is None else [one + other for one, other in zip(paid, match.parts, strict=True)]
        )
    return {campaign: found[campaign] for campaign in sorted(found)}


def _multiplied(grants: Mapping[str, Sequence[int]], multiplier: int) -> dict[str, tuple[Minor, ...]]:
    """Return grants with each line's multiplied and rounded down, and spread over its campaigns as it was."""
    if multiplier == BPS_IN_WHOLE:
        return {campaign: tuple(map(Minor, parts)) for campaign, parts in grants.items()}
    columns = [
        spread(sum(column) * multiplier // BPS_IN_WHOLE, column) for column in zip(*grants.values(), strict=True)
    ]
    rows = zip(*columns, strict=True)
    return {campaign: tuple(map(Minor, row)) for campaign, row in zip(grants, rows, strict=True)}


def _bases(counted: Sequence[Match], lines: Sequence[Line]) -> tuple[Minor, ...]:
    """Return each line's amount where a rule that counts is about it, else 0."""
    return tuple(
        Minor(line.amount if any(match.bases[place] for match in counted) else 0) for place, line in enumerate(lines)
    )


def _why_nothing(
    grants: Mapping[str, Sequence[Minor]], counted: Sequence[Match], skipped: Skipped, multiplier: int
) -> Reason | None:
    """Return why nothing is earned before any limit, or None when something is."""
    if any(map(any, grants.values())):
        return None
    if not counted:
        return Reason.BELOW_MINOR_UNIT if Skip.EARNS_NOTHING in skipped else Reason.NO_RULE_MATCHED
    return Reason.BELOW_MINOR_UNIT if multiplier else Reason.TIER_EARNS_NOTHING


def _flags(checks: Sequence[Check], velocity: Velocity) -> Iterable[Flag]:
    """Yield the checks that a figure is above, by kind and bound."""
    figures = {
        "purchases_per_hour": velocity.purchases_per_hour,
        "users_per_wallet": velocity.users_per_wallet,
        "refund_ratio_bps": velocity.refund_ratio_bps,
        "self_dealing": int(velocity.is_self_dealing),
    }
    for check in checks:
        if figures[check.kind] > check.above:
            yield Flag(check.kind, figures[check.kind], check.action)


def _flagged(flags: Sequence[Flag], action: Action) -> Reason | None:
    """Return the reason of the first flag with that action, or None."""
    return next((_FLAGGED[flag.kind] for flag in flags if flag.action is action), None)
