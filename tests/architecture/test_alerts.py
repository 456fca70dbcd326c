"""Alerts: each asks for metrics that there are, by labels that they have, and leads to a page that says what to do."""

import re
from typing import Any, Final

import msgspec
import pytest

from cashback.processes.stack import PROCESSES
from tests.architecture.documents import ROOT
from tests.architecture.metrics import Metric, declared
from tests.architecture.promql import fault_of, grouped_by, labels_of, metrics_of, misused
from tests.architecture.runbooks import INDEX, PAGES, alerts, index, pages

FOLDER: Final = ROOT / "deploy" / "prometheus"
INDEX_LINK: Final = "[Every page; how to reach verbs, logs and SQL](README.md)."
OF_A_SCRAPE: Final = {"job", "instance", "process"}
PROCEDURES: Final = {"failover", "recover", "rotation"}
"""Pages that are come to from another one, or from a person's wish."""


def known() -> dict[str, Metric]:
    """Return every metric by the names of its samples."""
    return {name: metric for metric in declared() for name in metric.series}


def unknown(expression: str) -> set[str]:
    """Return what an expression asks for and no probe shows: metrics, and labels that none of its metrics has."""
    series, asked = known(), metrics_of(expression) - {"up"}
    has = {label for name in asked & series.keys() for label in series[name].labels}
    return set(asked - series.keys()) | (labels_of(expression) - has - OF_A_SCRAPE - {"le"})


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_there_is_and_says_what_is_wrong(alert: dict[str, Any]) -> None:
    """By labels of its metrics; its summary names none that the expression has left out."""
    expression, notes = alert["expr"], alert["annotations"]
    assert fault_of(expression) is None
    assert metrics_of(expression)
    assert (unknown(expression), misused(expression)) == (set(), [])
    assert re.fullmatch(r"\d+m", alert["for"])
    assert alert["labels"] == {"severity": alert["labels"]["severity"]}
    assert alert["labels"]["severity"] in {"page", "ticket"}
    told = set(re.findall(r"\$labels\.(\w+)", notes["summary"]))
    grouped = grouped_by(expression)
    of_metrics = {label for name in metrics_of(expression) - {"up"} for label in known()[name].labels} | OF_A_SCRAPE
    is_summed = re.match(r"(sum|max|min|time)\b", expression) is not None
    assert told <= (grouped if is_summed else of_metrics)


@pytest.mark.parametrize(
    "expression, wrong",
    [
        ("cashback_outbox_oldest_second > 60", {"cashback_outbox_oldest_second"}),
        ("max by (scheme) (cashback_outbox_oldest_seconds) > 60", {"scheme"}),
        ('rate(cashback_outbox_statements_total{topic="a"}[5m]) > 1', {"topic"}),
        ("cashback_consumer_hop_seconds > 1", {"cashback_consumer_hop_seconds"}),
    ],
)
def test_a_planted_mistake_is_seen(expression: str, wrong: set[str]) -> None:
    """A name, a label, and a histogram that is asked for as if it were a number."""
    assert unknown(expression) == wrong


@pytest.mark.parametrize(
    "expression, fault",
    [
        ("sum by (schema) (cashback_outbox_lanes_held < 4", "unclosed left parenthesis"),
        ("rate(cashback_consumer_events_total) > 0", "expected type matrix"),
        ("grows(cashback_consumer_events_total[5m]) > 0", "unknown function"),
        ('cashback_bus_connected{process=~"relay-(.+"} == 0', "illegal regex"),
        ("cashback_outbox_oldest_seconds[1hour] > 60", "bad number or duration"),
        ("cashback_outbox_oldest_seconds and 60", "not allowed in binary scalar expression"),
    ],
)
def test_what_prometheus_would_refuse_is_refused_here(expression: str, fault: str) -> None:
    """Brackets, types, names of functions, patterns and lengths of time."""
    assert fault in (fault_of(expression) or "")


@pytest.mark.parametrize(
    "expression, wrong",
    [
        ("rate(cashback_outbox_oldest_seconds[5m]) > 1", ["rate of cashback_outbox_oldest_seconds"]),
        ("histogram_quantile(0.9, sum by (le) (rate(a_count[5m]))) > 1", ["histogram_quantile of a_count"]),
        ("histogram_quantile(0.9, sum(rate(a_bucket[5m]))) > 1", ["histogram_quantile without le"]),
        ("increase(cashback_consumer_events_total[5m]) > 1", []),
    ],
)
def test_a_question_that_a_series_cannot_answer_is_seen(expression: str, wrong: list[str]) -> None:
    """How fast something rises that falls as well, and quantiles of what has no buckets."""
    assert misused(expression) == wrong


def test_each_alert_has_its_page_and_each_page_names_its_alerts_or_says_that_it_has_none() -> None:
    """What a page says below its heading is what leads there."""
    leads: dict[str, list[str]] = {page.stem: [] for page in pages()}
    for alert in alerts():
        url = alert["annotations"]["runbook_url"]
        assert (ROOT / url).parent == PAGES
        leads[(ROOT / url).stem].append(alert["alert"])
    for page, names in leads.items():
        line = (PAGES / f"{page}.md").read_text().splitlines()[2]
        told = ", ".join(f"`{name}`" for name in names)
        leading = f"Alert: {told}." if names else "Alert: none; this page is a procedure."
        assert line == f"{leading} {INDEX_LINK}"
    assert {page for page, names in leads.items() if not names} == PROCEDURES
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names)) >= 30


def test_the_index_has_every_alert_with_its_page() -> None:
    """Written by `nox -s metrics`, never by hand."""
    assert INDEX.read_text() == index()
    linked = set(re.findall(r"\]\((\w+)\.md", INDEX.read_text()))
    assert linked >= {page.stem for page in pages()}


def test_every_process_is_asked_for_its_metrics_under_its_own_name() -> None:
    """Each container that its name leads to, at the port of its probe; a kind of which there is none is down."""
    settings = msgspec.yaml.decode((FOLDER / "prometheus.yaml").read_bytes(), type=dict[str, Any])
    [job] = settings["scrape_configs"]
    [found] = job["dns_sd_configs"]
    assert set(found["names"]) == {*PROCESSES, "worker-webhooks"}
    assert (found["type"], found["port"]) == ("A", 9100)
    assert job["relabel_configs"] == [{"source_labels": ["__meta_dns_name"], "target_label": "process"}]
    assert (job["job_name"], settings["rule_files"]) == ("cashback", ["alerts.yaml"])
    [down] = [alert["expr"] for alert in alerts() if alert["alert"] == "ProcessDown"]
    assert set(re.findall(r'absent\(up\{job="cashback",process="([\w-]+)"\}\)', down)) == set(found["names"])
