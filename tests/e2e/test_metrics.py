"""What the probes of a running system show is what the dashboard draws."""

import re

import httpx

from cashback.processes.stack import PROCESSES
from tests.architecture.dashboard import ROW_OF, metrics_of_rows
from tests.e2e.conftest import Minted
from tests.support.stack import WholeSystem


def shown(system: WholeSystem, name: str) -> frozenset[str]:
    """Return the names of the series that a process shows values of, or would once something happens."""
    text = httpx.get(f"http://127.0.0.1:{system.plan.ports.probes[name]}/metrics").text
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    ends = ("_bucket", "_count", "_sum")
    return frozenset(metric + end for metric, kind in kinds.items() for end in (ends if kind == "histogram" else ("",)))


def test_each_process_shows_what_its_row_of_the_dashboard_draws(stack: WholeSystem, minted: Minted) -> None:
    """Of each row about certain processes everything is shown by these; of the others by somebody."""
    assert minted.answer
    of_each = {name: shown(stack, name) for name in PROCESSES}
    everything = frozenset().union(*of_each.values()) | {"up"}
    missing = {}
    for row, metrics in metrics_of_rows().items():
        names = [name for name in ROW_OF.get(row, ()) if name in PROCESSES]
        has = frozenset().union(*(of_each[name] for name in names)) if names else everything
        missing[row] = {name for name in metrics - has if "webhook" not in name or "worker-webhooks" in PROCESSES}
    assert {row: names for row, names in missing.items() if names} == {}
    assert all("db_client_connection_count" in shows for shows in of_each.values())
