"""What a PromQL expression is worth at a moment, for series that are given: as much of it as the alerts use.

A part of the language that nobody here has written down is refused, so no case passes because something was ignored.
Held against `promtool` by the cases of deploy/prometheus/alerts.test.yaml, which it passes as well.
"""

import math
import operator
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec
import promql_parser as ast

LOOKBACK_S: Final = 300.0
"""So old may a sample be that stands for now."""

Labels: TypeAlias = frozenset[tuple[str, str]]
Vector: TypeAlias = dict[Labels, float]

NAME: Final = "__name__"
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else math.nan if one == 0 else math.copysign(math.inf, one),
}
AGGREGATES: Final[Mapping[str, Callable[[Iterable[float]], float]]] = {
    "sum": sum,
    "max": lambda values: max(values, key=lambda one: -math.inf if math.isnan(one) else one),
    "min": lambda values: min(values, key=lambda one: math.inf if math.isnan(one) else one),
}
"""What is no number counts where there is nothing else."""


class NotEvaluated(Exception):
    """A case asks for a part of the language that is not written down here: better refused than passed over."""


class Series(msgspec.Struct, frozen=True):
    """One series: its labels, the name among them, and its samples as pairs of seconds and value, oldest first."""

    labels: Labels
    samples: Sequence[tuple[float, float]]


def value_at(expression: ast.Expr, series: Sequence[Series], at_s: float) -> Vector | float:
    """Return what an expression is worth at `at_s`.

    Raises:
        NotEvaluated: a part of the language that is not written down here.
    """
    match expression:
        case ast.NumberLiteral():
            return expression.val
        case ast.ParenExpr():
            return value_at(expression.expr, series, at_s)
        case ast.VectorSelector():
            return _newest(expression, series, at_s)
        case ast.AggregateExpr():
            return _aggregated(expression, _vector(expression.expr, series, at_s))
        case ast.Call():
            return _called(expression, series, at_s)
        case ast.BinaryExpr():
            return _joined(expression, value_at(expression.lhs, series, at_s), value_at(expression.rhs, series, at_s))
        case _:
            raise NotEvaluated(expression.prettify())


def _vector(expression: ast.Expr, series: Sequence[Series], at_s: float) -> Vector:
    """Return what an expression that gives series is worth."""
    found = value_at(expression, series, at_s)
    assert isinstance(found, dict)
    return found


def _chosen(selector: ast.VectorSelector, series: Sequence[Series]) -> list[Series]:
    """Return the series that a selector chooses."""
    if selector.at is not None or selector.matchers.or_matchers:
        raise NotEvaluated(str(selector))

    def is_chosen(labels: Mapping[str, str]) -> bool:
        """Tell whether name and labels are as asked for; a label that is not there is empty."""
        wanted = selector.matchers.matchers
        return labels[NAME] == selector.name and all(_fits(one, labels.get(one.name, "")) for one in wanted)

    return [one for one in series if is_chosen(dict(one.labels))]


def _fits(matcher: ast.Matcher, value: str) -> bool:
    """Tell whether a label's value is as a matcher asks for it."""
    match matcher.op:
        case ast.MatchOp.Equal:
            return value == matcher.value
        case ast.MatchOp.NotEqual:
            return value != matcher.value
        case ast.MatchOp.Re:
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None


def _between(selector: ast.VectorSelector, one: Series, at_s: float, length_s: float) -> Sequence[tuple[float, float]]:
    """Return the samples of a series in the `length_s` seconds up to `at_s`, the oldest moment left out."""
    end_s = at_s - (selector.offset.total_seconds() if selector.offset else 0.0)
    begin, end = (bisect_right(one.samples, moment, key=itemgetter(0)) for moment in (end_s - length_s, end_s))
    return one.samples[begin:end]


def _newest(selector: ast.VectorSelector, series: Sequence[Series], at_s: float) -> Vector:
    """Return the newest sample of each series, of those that are not too old."""
    found = {one.labels: _between(selector, one, at_s, LOOKBACK_S) for one in _chosen(selector, series)}
    return {labels: samples[-1][1] for labels, samples in found.items() if samples}


def _called(call: ast.Call, series: Sequence[Series], at_s: float) -> Vector | float:
    """Return what a function gives."""
    match call.func.name:
        case "time":
            return at_s
        case "absent":
            chosen: ast.VectorSelector = call.args[0]
            told = {(one.name, one.value) for one in chosen.matchers.matchers if one.op == ast.MatchOp.Equal}
            return {} if _newest(chosen, series, at_s) else {frozenset(told): 1.0}
        case "abs":
            return {_nameless(labels): abs(value) for labels, value in _vector(call.args[0], series, at_s).items()}
        case "rate" | "increase":
            over: ast.MatrixSelector = call.args[0]
            length_s = over.range.total_seconds()
            found: Vector = {}
            for one in _chosen(over.vector_selector, series):
                samples = _between(over.vector_selector, one, at_s, length_s)
                end_s = at_s - (over.vector_selector.offset.total_seconds() if over.vector_selector.offset else 0.0)
                if len(samples) > 1:
                    rise = _rise(samples, start_s=end_s - length_s, end_s=end_s)
                    found[_nameless(one.labels)] = rise / (length_s if call.func.name == "rate" else 1.0)
            return found
        case _:
            raise NotEvaluated(call.func.name)


def _rise(samples: Sequence[tuple[float, float]], *, start_s: float, end_s: float) -> float:
    """Return by how much a counter rises between two moments, continued to them as Prometheus does it.

    It is continued by half of the usual distance between samples where the series begins or ends in between, and never
    below zero; what falls has begun anew.
    """
    values = [value for _, value in samples]
    risen = sum(new - old if new >= old else new for old, new in pairwise(values))
    first_s, last_s = samples[0][0], samples[-1][0]
    apart_s = (last_s - first_s) / (len(samples) - 1)
    before_s, after_s = first_s - start_s, end_s - last_s
    before_s = before_s if before_s < 1.1 * apart_s else apart_s / 2
    after_s = after_s if after_s < 1.1 * apart_s else apart_s / 2
    if risen > 0 and values[0] >= 0:
        before_s = min(before_s, (last_s - first_s) * values[0] / risen)
    return risen * (last_s - first_s + before_s + after_s) / (last_s - first_s)


def _aggregated(expression: ast.AggregateExpr, vector: Vector) -> Vector:
    """Return one value for each group."""
    modifier, words = expression.modifier, str(expression.op)
    if expression.param is not None or (modifier is not None and modifier.type != ast.AggModifierType.By):
        raise NotEvaluated(expression.prettify())
    kept = set(modifier.labels) if modifier is not None else set()
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[frozenset(one for one in labels if one[0] in kept)].append(value)
    return {labels: float(AGGREGATES[words](values)) for labels, values in groups.items()}


def _joined(expression: ast.BinaryExpr, left: Vector | float, right: Vector | float) -> Vector | float:
    """Return what an operator makes of two sides; series match by all of their labels but the name."""
    word, modifier = str(expression.op), expression.modifier
    if modifier is not None and (modifier.return_bool or modifier.matching is not None or modifier.group_labels):
        raise NotEvaluated(expression.prettify())
    if isinstance(left, dict) and isinstance(right, dict):
        return _matched(word, left, right)
    if isinstance(left, dict):
        assert isinstance(right, float)
        return _each(word, {labels: (value, right) for labels, value in left.items()}, left)
    if isinstance(right, dict):
        return _each(word, {labels: (left, value) for labels, value in right.items()}, right)
    return ARITHMETIC[word](left, right)


def _matched(word: str, left: Vector, right: Vector) -> Vector:
    """Return what an operator makes of series on both sides."""
    there = {_nameless(labels): value for labels, value in right.items()}
    assert len(there) == len(right)
    match word:
        case "and":
            return {labels: value for labels, value in left.items() if _nameless(labels) in there}
        case "unless":
            return {labels: value for labels, value in left.items() if _nameless(labels) not in there}
        case "or":
            here = {_nameless(labels) for labels in left}
            return left | {labels: value for labels, value in right.items() if _nameless(labels) not in here}
        case _:
            pass
    both = {labels: (value, there[_nameless(labels)]) for labels, value in left.items() if _nameless(labels) in there}
    return _each(word, both, left)


def _each(word: str, pairs: Mapping[Labels, tuple[float, float]], kept: Vector) -> Vector:
    """Return what an operator makes of each pair: a comparison keeps the value that `kept` has, and the name."""
    if word in COMPARISONS:
        return {labels: kept[labels] for labels, (one, other) in pairs.items() if COMPARISONS[word](one, other)}
    return {_nameless(labels): ARITHMETIC[word](one, other) for labels, (one, other) in pairs.items()}


def _nameless(labels: Labels) -> Labels:
    """Return labels without the name."""
    return frozenset(one for one in labels if one[0] != NAME)
