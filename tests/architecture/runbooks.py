"""The index of the runbooks: which alert leads to which page, as deploy/prometheus/alerts.yaml has it."""

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.architecture.documents import ROOT

ALERTS: Final = ROOT / "deploy" / "prometheus" / "alerts.yaml"
PAGES: Final = ROOT / "docs" / "runbooks"
INDEX: Final = PAGES / "README.md"
HEAD: Final = "| alert | is | says | page |\n|---|---|---|---|\n"


def alerts() -> list[dict[str, Any]]:
    """Return the alerts of all groups."""
    document = msgspec.yaml.decode(ALERTS.read_bytes(), type=dict[str, Any])
    return [rule for group in document["groups"] for rule in group["rules"]]


def pages() -> list[Path]:
    """Return the pages, by name."""
    return sorted(page for page in PAGES.glob("*.md") if page != INDEX)


def row(alert: dict[str, Any]) -> str:
    """Return an alert's line of the index; what its summary fills in when it fires is a dot here."""
    says = re.sub(r"\{\{.*?\}\}", "…", alert["annotations"]["summary"])
    page = Path(alert["annotations"]["runbook_url"]).name
    text = (ROOT / alert["annotations"]["runbook_url"]).read_text()
    place = f"{page}#{alert['alert'].lower()}" if f"\n## {alert['alert']}\n" in text else page
    return f"| `{alert['alert']}` | {alert['labels']['severity']} | {says} | [{page.removesuffix('.md')}]({place}) |\n"


def index() -> str:
    """Return docs/runbooks/README.md with the table as it is to be."""
    before, head, rest = INDEX.read_text().partition(HEAD)
    assert head
    _, _, after = rest.partition("\n") if rest.startswith("\n") else rest.partition("\n\n")
    return f"{before}{head}{''.join(row(alert) for alert in alerts())}\n{after}"


if __name__ == "__main__":
    INDEX.write_text(index())
