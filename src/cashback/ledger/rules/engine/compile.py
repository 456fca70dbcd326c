"""A published ruleset made ready to decide: sets, parsed amounts and functions, made once and kept by its digest.

Rules are held in the order of their ids, so their order in the document means nothing.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE
from cashback.ledger.model.engine import Line, Published
from cashback.ledger.model.rulesets import Check, FirstPurchase, HoursAre, Lines, Mode, Per, Rule, Rules, WeekdayIs
from cashback.ledger.rules.engine.conditions import PARTY, compile_condition
from cashback.ledger.rules.engine.earnings import compile_earning
from cashback.ledger.rules.engine.matching import Candidates, Eligible, ReadyRule

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(Rules)
_KEPT: Final = 16


class ReadyGates(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who earns nothing, ready."""

    currencies: frozenset[str]
    merchants: frozenset[str]
    mccs: frozenset[str]
    at_least: int
    within_days: int | None


class Ready(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A ruleset, ready; `zones` are those that its conditions ask for."""

    ruleset: Published
    candidates: Candidates
    gates: ReadyGates
    multipliers: Mapping[str, int]
    checks: tuple[Check, ...]
    limits: Mapping[str, int]
    review_above: int | None
    zones: tuple[str, ...]


def canonical(rules: Rules) -> bytes:
    """Return the one way to write a ruleset down: equal documents have equal bytes."""
    return _encoder.encode(rules)


def rules_of(document: bytes) -> Rules:
    """Return the ruleset of stored bytes.

    Raises:
        ValidationError: they are none of ours.
    """
    return _decoder.decode(document)


def published(rules: Rules, *, id: str, version: int) -> Published:  # noqa: A002 - the field's own name
    """Return a ruleset as it is decided by, known by its bytes."""
    return Published(id=id, version=version, digest=hashlib.sha256(canonical(rules)).hexdigest(), rules=rules)


@lru_cache(maxsize=_KEPT)
def ready(ruleset: Published) -> Ready:
    """Return a ruleset ready to decide; the last few are kept."""
    rules = ruleset.rules
    modes = {group.id: group.mode for group in rules.groups}
    gates, amounts = rules.gates, msgspec.structs.asdict(rules.limits)
    return Ready(
        ruleset=ruleset,
        candidates=Candidates([_ready_rule(rule, modes) for rule in sorted(rules.rules, key=lambda rule: rule.id)]),
        gates=ReadyGates(
            currencies=frozenset(gates.currencies),
            merchants=frozenset(gates.without_merchants),
            mccs=frozenset(gates.without_mccs),
            at_least=int(gates.at_least) if gates.at_least is not None else 0,
            within_days=gates.within_days,
        ),
        multipliers={tier.id: tier.multiplier_bps for tier in rules.tiers if tier.multiplier_bps != BPS_IN_WHOLE},
        checks=tuple(sorted(rules.checks, key=lambda check: (check.kind, check.above, check.action))),
        limits={name: int(amount) for name, amount in amounts.items() if amount is not None},
        review_above=int(rules.review_above) if rules.review_above is not None else None,
        zones=zones_of(rules),
    )


def _ready_rule(rule: Rule, modes: Mapping[str, Mode]) -> ReadyRule:
    """Return one rule, ready."""
    return ReadyRule(
        id=rule.id,
        campaign=rule.campaign,
        earning=rule.earns,
        earns=compile_earning(rule.earns),
        is_per_line=rule.per is Per.LINE,
        eligible=_eligible(rule.lines),
        by_party=(
            *((compile_condition(each), True) for each in rule.when if isinstance(each, PARTY)),
            *((compile_condition(each), False) for each in rule.unless if isinstance(each, PARTY)),
        ),
        when=tuple(compile_condition(each) for each in rule.when if not isinstance(each, PARTY)),
        unless=tuple(compile_condition(each) for each in rule.unless if not isinstance(each, PARTY)),
        mode=modes.get(rule.group) if rule.group is not None else None,
        group=rule.group,
        priority=rule.priority,
        at_most=int(rule.at_most) if rule.at_most is not None else None,
    )


@lru_cache(maxsize=_KEPT)
def campaigns_of(ruleset: Published) -> tuple[str, ...]:
    """Return the campaigns that a ruleset names, sorted."""
    return tuple(sorted({rule.campaign for rule in ruleset.rules.rules}))


@lru_cache(maxsize=_KEPT)
def asks_for_past(ruleset: Published) -> bool:
    """Return whether a ruleset asks what a user did before: for first purchases, or for velocity."""
    conditions = (each for rule in ruleset.rules.rules for each in (*rule.when, *rule.unless))
    return bool(ruleset.rules.checks) or any(isinstance(each, FirstPurchase) for each in conditions)


def zones_of(rules: Rules) -> tuple[str, ...]:
    """Return the time zones that a ruleset's conditions ask for, sorted."""
    found = set()
    for rule in rules.rules:
        for condition in (*rule.when, *rule.unless):
            if isinstance(condition, WeekdayIs | HoursAre):
                found.add(condition.time_zone)
    return tuple(sorted(found))


def _eligible(lines: Lines | None) -> Eligible | None:
    """Return which lines a rule is about, None for all."""
    if lines is None:
        return None
    skus, categories = frozenset(lines.skus), frozenset(lines.categories)
    other_skus, other_categories = frozenset(lines.without_skus), frozenset(lines.without_categories)
    is_any = not skus and not categories

    def is_eligible(line: Line) -> bool:
        if line.sku in other_skus or line.category in other_categories:
            return False
        return is_any or line.sku in skus or line.category in categories

    return is_eligible
