"""The dashboard as it is committed: its rows, and what each of them asks for."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tests.architecture.documents import ROOT
from tests.architecture.promql import metrics_of

DASHBOARD: Final = ROOT / "deploy" / "grafana" / "dashboards" / "cashback.json"

ROW_OF: Final = {
    "API": ("api",),
    "Relays": ("relay-cashback", "relay-minting"),
    "Consumers": ("worker-ledger", "worker-mint"),
    "Ledger": ("worker-ledger",),
    "Minting and chain": ("worker-mint", "adapter"),
    "Webhooks": ("worker-webhooks",),
}
"""The rows about certain processes; the others are about all."""


def panels() -> list[dict[str, Any]]:
    """Return the panels and rows, from above to below."""
    found: list[dict[str, Any]] = msgspec.json.decode(DASHBOARD.read_bytes())["panels"]
    return found


def asked() -> Iterator[tuple[str, str, str, str]]:
    """Yield row, panel, expression and legend of everything that is drawn, for a while that Grafana would choose."""
    row = ""
    for panel in panels():
        if panel["type"] == "row":
            row = panel["title"]
        for target in panel.get("targets", []):
            yield row, panel["title"], target["expr"].replace("$__rate_interval", "5m"), target["legendFormat"]


def metrics_of_rows() -> dict[str, frozenset[str]]:
    """Return the names of the series that each row asks for."""
    found: dict[str, frozenset[str]] = {}
    for row, _, expression, _ in asked():
        found[row] = found.get(row, frozenset()) | metrics_of(expression)
    return found
