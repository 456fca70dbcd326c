"""What a PromQL expression asks for: its metrics, and the labels by which it chooses and groups them.

Not a parser: names are found by their place, and brackets are counted. Whether an expression is valid, Prometheus says.
"""

import re
from collections.abc import Iterator
from typing import Final

WORDS: Final = frozenset(
    (
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "and",
        "or",
        "unless",
        "offset",
        "bool",
        "sum",
        "max",
        "min",
        "avg",
        "count",
        "rate",
        "increase",
        "abs",
        "absent",
        "time",
        "histogram_quantile",
    )
)
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_CHOOSING: Final = re.compile(r"\{([^}]*)\}")
_RANGE: Final = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_NAME: Final = re.compile(r"(?<![\w.])[a-zA-Z_][\w:]*")


def metrics_of(expression: str) -> frozenset[str]:
    """Return the names of the series that an expression reads.

    >>> sorted(metrics_of('sum by (le) (rate(a_bucket{to="b"}[5m])) / max(c) > 2 * 3600 or (d unless d offset 1h)'))
    ['a_bucket', 'c', 'd']
    """
    bare = _RANGE.sub("", _CHOOSING.sub("", _GROUPING.sub("", _TEXT.sub('""', expression))))
    return frozenset(_NAME.findall(bare)) - WORDS


def labels_of(expression: str) -> frozenset[str]:
    """Return the labels by which an expression chooses or groups.

    >>> sorted(labels_of('sum by (le, to) (rate(a_bucket{of=~"b|c", at!=""}[5m]))'))
    ['at', 'le', 'of', 'to']
    """
    return frozenset(_labels(_TEXT.sub('""', expression)))


def _labels(bare: str) -> Iterator[str]:
    """Yield the labels of an expression without its texts."""
    for grouped in _GROUPING.findall(bare):
        yield from _NAME.findall(grouped)
    for chosen in _CHOOSING.findall(bare):
        yield from re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen)


def is_balanced(expression: str) -> bool:
    """Tell whether every bracket is closed by its own.

    >>> is_balanced("max(a[5m])"), is_balanced("max(a[5m)]")
    (True, False)
    """
    closing, open_ = {")": "(", "]": "[", "}": "{"}, []
    for sign in _TEXT.sub("", expression):
        if sign in closing.values():
            open_.append(sign)
        elif sign in closing and (not open_ or open_.pop() != closing[sign]):
            return False
    return not open_
