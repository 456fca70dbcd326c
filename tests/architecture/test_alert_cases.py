"""When the alerts fire and when they do not: the cases of deploy/prometheus/alerts.test.yaml, as promtool has them.

    promtool test rules deploy/prometheus/alerts.test.yaml

says the same wherever there is a Prometheus.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import promql_parser as ast
import pytest

from tests.architecture.promql_values import NAME, Labels, NotEvaluated, Series, value_at
from tests.architecture.runbooks import alerts
from tests.architecture.test_alerts import FOLDER

DOCUMENT: Final = msgspec.yaml.decode((FOLDER / "alerts.test.yaml").read_bytes(), type=dict[str, Any])


class Firing(msgspec.Struct, frozen=True):
    """An alert that fires: what it is labelled by, and what it says."""

    labels: Labels
    notes: frozenset[tuple[str, str]]


def cases() -> Iterator[Any]:
    """Yield each case: its series, how far apart they are, and what is to fire when."""
    for group in DOCUMENT["tests"]:
        for case in group["alert_rule_test"]:
            yield pytest.param(group, case, id=f"{group['name']}: {case['alertname']} after {case['eval_time']}")


@pytest.mark.parametrize("group, case", list(cases()))
def test_an_alert_fires_when_it_should_and_says_what_is_wrong(group: dict[str, Any], case: dict[str, Any]) -> None:
    """With the labels that a person is told, and never before its time."""
    [rule] = [one for one in alerts() if one["alert"] == case["alertname"]]
    apart_s = ast.parse_duration(group["interval"]).total_seconds()
    series = [series_of(one["series"], one["values"], apart_s=apart_s) for one in group["input_series"]]
    wanted = {
        Firing(frozenset(one["exp_labels"].items()), frozenset(one["exp_annotations"].items()))
        for one in case["exp_alerts"]
    }
    assert firing(rule, series, at_s=ast.parse_duration(case["eval_time"]).total_seconds()) == wanted


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    """An expression that can never be true is no alert, and one that always is none either."""
    told = [case for group in DOCUMENT["tests"] for case in group["alert_rule_test"]]
    fires = {case["alertname"] for case in told if case["exp_alerts"]}
    rests = {case["alertname"] for case in told if not case["exp_alerts"]}
    assert fires == rests == {one["alert"] for one in alerts()}


def test_what_is_not_written_down_of_the_language_is_refused() -> None:
    """So nothing that a case asks for is passed over."""
    one = Series(frozenset({(NAME, "a")}), [(0.0, 1.0)])
    for expression in ("quantile(0.5, a)", "sum without (b) (a)", "deriv(a[5m])", "a > bool 1", "a @ 5", "-a"):
        with pytest.raises(NotEvaluated):
            value_at(ast.parse(expression), [one], 0.0)


def firing(rule: Mapping[str, Any], series: Sequence[Series], *, at_s: float) -> set[Firing]:
    """Return what fires of a rule at `at_s`, when it was evaluated from the beginning on."""
    expression, wait_s = ast.parse(rule["expr"]), 60.0 * int(rule["for"].removesuffix("m"))
    every_s = round(ast.parse_duration(DOCUMENT["evaluation_interval"]).total_seconds())
    since_s: dict[Labels, int] = {}
    found: dict[Labels, float] = {}
    for now_s in range(0, round(at_s) + 1, every_s):
        value = value_at(expression, series, now_s)
        assert isinstance(value, dict)
        found = {frozenset(one for one in labels if one[0] != NAME): worth for labels, worth in value.items()}
        since_s = {labels: since_s.get(labels, now_s) for labels in found}
    return {
        Firing(labels | frozenset(rule["labels"].items()), frozenset(_notes(rule["annotations"], labels, worth)))
        for labels, worth in found.items()
        if at_s - since_s[labels] >= wait_s
    }


def series_of(name: str, values: str, *, apart_s: float) -> Series:
    """Return a series as promtool writes it: `_x30 1x600` is nothing thirty times, and 1 for 601 times."""
    selector = ast.parse(name)
    assert isinstance(selector, ast.VectorSelector)
    labels = {(one.name, one.value) for one in selector.matchers.matchers} | {(NAME, str(selector.name))}
    worth = [value for part in values.split() for value in _values(part)]
    return Series(
        frozenset(labels), [(place * apart_s, value) for place, value in enumerate(worth) if value is not None]
    )


def _values(part: str) -> list[float | None]:
    """Return the values that one part of a series stands for, None for a sample that is not there."""
    if part.startswith("_"):
        return [None] * int(part.partition("x")[2] or 1)
    if part == "NaN":
        return [math.nan]
    found = re.fullmatch(r"(-?[\d.]+)([+-][\d.]+)?x(\d+)", part)
    assert found is not None, part
    start, step, times = found.groups()
    return [float(start) + place * float(step or 0) for place in range(int(times) + 1)]


def _notes(notes: Mapping[str, str], labels: Labels, value: float) -> Iterator[tuple[str, str]]:
    """Yield annotations with labels and value filled in."""
    for name, text in notes.items():
        told = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda one: dict(labels).get(one[1], ""), text)
        told = told.replace("{{ $value }}", str(int(value) if value.is_integer() else value)).replace(
            "{{ $value | humanizeDuration }}", _duration(value)
        )
        yield name, told.replace("{{ $value | humanizePercentage }}", f"{value * 100:.4g}%")


def _duration(value_s: float) -> str:
    """Return a duration as Prometheus tells it to people, whole seconds of it."""
    minutes, seconds = divmod(int(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{number}{unit}" for number, unit in parts)
