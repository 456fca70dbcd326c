"""Metrics, their document and the runbooks of their alerts: each knows the other by the name that a probe shows."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.documents import ROOT, SOURCES, rows
from tests.architecture.metrics import CONVENTIONS, DOCUMENT, GROUPS, LABELS, declared, document

RUNBOOK: Final = ROOT / "docs" / "runbooks" / "left_out.md"
NAMED: Final = re.compile(r"`((?:cashback|http|rpc|messaging|db)_[a-z_]+?)(?=[`{\[])")
NO_METRICS: Final = {
    *LABELS,
    *("cashback_ledger", "cashback_api", "cashback_relay", "cashback_purchase_once", "cashback_sql"),
}
"""What begins like a metric: labels, roles of the database, a constraint, a command."""
UNITS: Final = r"_(seconds|events|messages|blocks|wei|units|total)$"


def metrics() -> frozenset[str]:
    """Return the names of all metrics as a probe shows them: a counter ends in `_total` there."""
    return frozenset(metric.name for metric in declared())


def series() -> frozenset[str]:
    """Return the names of all samples: those of a histogram are three."""
    return frozenset(name for metric in declared() for name in metric.series)


def named(text: str) -> frozenset[str]:
    """Return the metrics that a document names in backquotes; schemas, roles and processes are called otherwise."""
    return frozenset(NAMED.findall(text)) - NO_METRICS


def test_a_metric_has_the_name_of_the_conventions_or_begins_with_ours() -> None:
    """Of OpenTelemetry's conventions where they have one, with the labels that they ask for."""
    of_others = {metric.name: set(metric.labels) for metric in declared() if not metric.name.startswith("cashback_")}
    assert of_others.keys() == CONVENTIONS.keys()
    assert {name: CONVENTIONS[name] - labels for name, labels in of_others.items() if CONVENTIONS[name] - labels} == {}


def test_each_metric_is_declared_once_and_is_about_one_thing() -> None:
    """Two of one name could not be told apart, and a name belongs to one heading of the document."""
    names = [metric.name for metric in declared()]
    assert len(names) == len(set(names)) > 90
    assert [name for name in names if sum(bool(re.match(pattern, name)) for _, pattern in GROUPS) != 1] == []


def test_a_duration_is_in_seconds_and_says_so_last() -> None:
    """The base unit, as Prometheus and the conventions have it; no other unit of time is used."""
    wrong = re.compile(r"_(ms|millis\w*|minutes|hours)(_|$)|_seconds_(?!total)")
    assert [name for name in metrics() if wrong.search(name)] == []
    timed = [metric.name for metric in declared() if metric.kind == "histogram" and "_seconds" in metric.name]
    assert len(timed) >= 7
    assert all(re.search(UNITS, name) for name in timed)


def test_every_label_has_few_values_and_is_known() -> None:
    """No id, key, address or text of anybody's is a label: whoever adds one says what bounds its values."""
    used = {label for metric in declared() for label in metric.labels}
    assert used == LABELS.keys()
    assert [label for label in used if re.search(r"(^|_)(id|key|user|merchant|url|address|subject)($|_)", label)] == []


def test_the_document_has_every_metric_as_the_sources_declare_it() -> None:
    """Written by `nox -s metrics`, never by hand."""
    assert DOCUMENT.read_text() == document()
    assert metrics() <= named(DOCUMENT.read_text()) <= metrics() | series()


def test_a_metric_is_found_however_it_is_declared(tmp_path: Path) -> None:
    """By a keyword or a name for its labels, over several lines; a counter of the standard library is none."""
    (tmp_path / "planted.py").write_text(
        "from collections import Counter\nfrom prometheus_client import Gauge, Histogram\n"
        'names = ["schema"]\nA = Gauge("cashback_a", "of a", labels=names)\n'
        'B = Histogram(\n    "cashback_b_seconds",\n    "of b",\n    ["to"],\n    buckets=(1, 2),\n)\n'
        'C = Counter("abc")\n'
    )
    found = {metric.name: (metric.kind, metric.labels) for metric in declared(tmp_path)}
    assert found == {"cashback_a": ("gauge", ("schema",)), "cashback_b_seconds": ("histogram", ("to",))}


def test_each_counter_of_what_was_left_out_has_its_runbook_and_a_runbook_names_no_other() -> None:
    """What a worker leaves out it says by a counter, and the page of that alert has each of them with its log line."""
    assert {name for name in metrics() if "skipped" in name} == {
        row.split("`")[1] for (row, *_) in rows(RUNBOOK.read_text())
    }
    sources = " ".join(path.read_text() for path in SOURCES.rglob("*.py"))
    assert [log for *_, log in rows(RUNBOOK.read_text()) if f'log.error("{log.strip("`")}"' not in sources] == []


@pytest.mark.parametrize("folder", ["runbooks", "concepts"])
def test_every_metric_that_a_page_names_exists(folder: str) -> None:
    """By the name that a probe shows; what is in backquotes and looks like one is one."""
    found = {name for page in (ROOT / "docs" / folder).glob("*.md") for name in named(page.read_text())}
    assert found - metrics() - series() == set()
    assert len(found) >= 10
