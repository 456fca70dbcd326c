"""compose.observe.yaml and the dashboard: Prometheus reaches each process, and each panel asks for what there is."""

import re
from typing import Any, Final

import msgspec
import pytest

from tests.architecture.dashboard import ROW_OF, asked, metrics_of_rows, panels
from tests.architecture.documents import ROOT
from tests.architecture.promql import fault_of, grouped_by, misused
from tests.architecture.test_alerts import unknown
from tests.architecture.test_compose import document

GRAFANA: Final = ROOT / "deploy" / "grafana"
UID: Final = "cashback"


def over() -> dict[str, Any]:
    """Return compose.observe.yaml."""
    return msgspec.yaml.decode((ROOT / "compose.observe.yaml").read_bytes(), type=dict[str, Any])


def probed() -> set[str]:
    """Return the services of compose.yaml that show a probe to others."""
    services = document()["services"]
    return {name for name, one in services.items() if (one.get("environment") or {}).get("CASHBACK_PROBE_HOST")}


@pytest.mark.parametrize("row, panel, expression, legend", list(asked()))
def test_a_panel_asks_for_what_there_is(row: str, panel: str, expression: str, legend: str) -> None:
    """By labels of its metrics; its legend names none that the expression has left out."""
    assert row
    assert panel
    assert fault_of(expression) is None
    assert (unknown(expression), misused(expression)) == (set(), [])
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) == grouped_by(expression) - {"le"}


def test_panels_overlap_nowhere_and_are_told_apart() -> None:
    """Each has an id and a place of its own, within the dashboard's 24 columns, and the one source of data."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
        assert {one["datasource"]["uid"] for one in panel.get("targets", [])} <= {UID}
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids)) > 40


def test_each_hop_and_each_kind_of_process_has_its_row() -> None:
    """Whoever looks for one process finds it by its name."""
    rows = metrics_of_rows()
    assert rows.keys() >= ROW_OF.keys()
    hops = {"http_server_request", "cashback_outbox_publish", "cashback_consumer_hop", "rpc_server_call"}
    latency = rows["Latency, hop by hop (99th percentile)"]
    assert {hop for hop in hops if any(name.startswith(hop) for name in latency)} == hops


def test_grafana_is_given_the_dashboard_and_its_source() -> None:
    """By the names under which they ask for each other, from files that are there."""
    source = msgspec.yaml.decode((GRAFANA / "datasources.yaml").read_bytes())["datasources"][0]
    [provider] = msgspec.yaml.decode((GRAFANA / "dashboards.yaml").read_bytes())["providers"]
    assert (source["uid"], source["url"]) == (UID, "http://prometheus:9090")
    files, services = over()["configs"], over()["services"]
    mounted = {one["target"]: one["source"] for name in ("prometheus", "grafana") for one in services[name]["configs"]}
    assert mounted.keys() >= {"/etc/prometheus/prometheus.yaml", "/etc/prometheus/alerts.yaml"}
    assert mounted[f"{provider['options']['path']}/cashback.json"] == "grafana_dashboard"
    assert set(mounted.values()) == files.keys()
    assert [one["file"] for one in files.values() if not (ROOT / one["file"]).is_file()] == []


def test_prometheus_reaches_every_process_and_nobody_else_does_by_that() -> None:
    """A network of its own without a way out; people reach Prometheus and Grafana from this machine alone."""
    services, networks = over()["services"], over()["networks"]
    ours = {name for name in services if name not in {"prometheus", "grafana"}}
    assert ours == probed()
    assert all(services[name] == {"networks": ["watched"]} for name in ours)
    assert networks["watched"] == {"internal": True}
    assert services["grafana"]["networks"] == ["watching"]
    for name in ("prometheus", "grafana"):
        [published] = services[name]["ports"]
        assert re.fullmatch(r"\$\{\w+:-127\.0\.0\.1:(\d+)\}:\1", published)
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", services[name]["image"])
        assert services[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
