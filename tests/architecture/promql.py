"""PromQL as Prometheus reads it: whether an expression is one, and what it asks for.

The parser knows what every function and operator takes, so a range that is missing, a function that is none and a
comparison of texts are refused here and not by the server that an alert was meant for.
"""

from collections.abc import Callable, Iterator
from typing import Final

import promql_parser as ast

COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")
"""How the names of series end that only rise."""
OF_COUNTERS: Final = frozenset({"rate", "irate", "increase"})


def fault_of(expression: str) -> str | None:
    """Return why Prometheus refuses an expression, None when it takes it.

    >>> fault_of("rate(a_total) > 1")
    "expected type matrix in call to function 'rate', got vector"
    """
    try:
        ast.parse(expression)
    except ValueError as cause:
        return str(cause)
    return None


def metrics_of(expression: str) -> frozenset[str]:
    """Return the names of the series that an expression reads.

    >>> sorted(metrics_of('sum by (le) (rate(a_bucket{to="b"}[5m])) / max(c) > 2 * 3600 or (d unless d offset 1h)'))
    ['a_bucket', 'c', 'd']
    """
    return frozenset(one.name for one in selectors(expression) if one.name)


def labels_of(expression: str) -> frozenset[str]:
    """Return the labels by which an expression chooses or groups.

    >>> sorted(labels_of('sum by (le, to) (rate(a_bucket{of=~"b|c", at!=""}[5m]))'))
    ['at', 'le', 'of', 'to']
    """
    chosen = {matcher.name for one in selectors(expression) for matcher in one.matchers.matchers}
    return frozenset(chosen) | grouped_by(expression)


def grouped_by(expression: str) -> frozenset[str]:
    """Return the labels by which an expression groups or matches."""
    labels: set[str] = set()
    for part in parts(expression):
        if isinstance(part, ast.AggregateExpr) and part.modifier is not None:
            labels |= set(part.modifier.labels)
        if isinstance(part, ast.BinaryExpr) and part.modifier is not None and part.modifier.matching is not None:
            labels |= set(part.modifier.matching.labels)
    return frozenset(labels)


def misused(expression: str) -> list[str]:
    """Return what an expression asks of series that are not of the kind for it: rises of what may fall, no buckets.

    >>> misused("rate(lag_events[5m]) > 1"), misused("histogram_quantile(0.9, rate(a_count[5m]))")
    (['rate of lag_events'], ['histogram_quantile of a_count'])
    >>> misused("histogram_quantile(0.9, sum by (to) (rate(a_bucket[5m])))")
    ['histogram_quantile without le']
    """
    return [flaw for part in parts(expression) if isinstance(part, ast.Call) for flaw in _misused(part)]


def _misused(call: ast.Call) -> Iterator[str]:
    """Yield what one call asks for in vain."""
    name, names = call.func.name, sorted(metrics_of(call.prettify()))
    if name in OF_COUNTERS:
        yield from (f"{name} of {one}" for one in names if not one.endswith(COUNTERS))
    if name == "histogram_quantile":
        yield from (f"{name} of {one}" for one in names if not one.endswith("_bucket"))
        sums = [one for one in parts(call.prettify()) if isinstance(one, ast.AggregateExpr)]
        yield from (f"{name} without le" for one in sums if one.modifier is None or "le" not in one.modifier.labels)


def selectors(expression: str) -> list[ast.VectorSelector]:
    """Return each choice of series in an expression."""
    return [part for part in parts(expression) if isinstance(part, ast.VectorSelector)]


def parts(expression: str) -> list[ast.Expr]:
    """Return an expression and all that it is made of.

    Raises:
        ValueError: it is none.
    """
    found: list[ast.Expr] = []
    keep: Callable[[ast.Expr], None] = found.append
    ast.walk(ast.parse(expression), pre_visit=keep)
    return found
