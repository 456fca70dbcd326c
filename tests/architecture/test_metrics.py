"""Metrics and the runbooks of their alerts: each knows the other by the name that a probe shows."""

import re
from typing import Final

from tests.architecture.documents import ROOT, SOURCES, rows

RUNBOOK: Final = ROOT / "docs" / "runbooks" / "left_out.md"
METRIC: Final = re.compile(r"(Counter|Gauge|Histogram)\(\s*\"((?:ledger|purchases|cashback)_\w+)\"")
SHOWN: Final = re.compile(r"\b(?:ledger|purchases|cashback)_[a-z_]+_(?:total|seconds|waiting|level)\b")


def metrics() -> frozenset[str]:
    """Return the names of all metrics as a probe shows them: a counter ends in `_total` there."""
    found = [one for path in SOURCES.rglob("*.py") for one in METRIC.findall(path.read_text())]
    return frozenset(name.removesuffix("_total") + "_total" if kind == "Counter" else name for kind, name in found)


def test_each_counter_of_what_was_left_out_has_its_runbook_and_a_runbook_names_no_other() -> None:
    """What a worker leaves out it says by a counter, and the page of that alert has each of them with its log line."""
    assert {name for name in metrics() if "skipped" in name} == {
        row.split("`")[1] for (row, *_) in rows(RUNBOOK.read_text())
    }
    sources = " ".join(path.read_text() for path in SOURCES.rglob("*.py"))
    assert [log for *_, log in rows(RUNBOOK.read_text()) if f'log.error("{log.strip("`")}"' not in sources] == []


def test_every_metric_that_a_runbook_names_exists() -> None:
    """By the name that a probe shows; what is in backquotes and looks like one is one."""
    pages = (ROOT / "docs" / "runbooks").glob("*.md")
    named = {name for page in pages for name in SHOWN.findall(page.read_text())}
    assert named - metrics() == set()
    assert "ledger_life_skipped_total" in named
