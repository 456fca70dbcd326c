"""The published documents of events as they are committed: `nox -s catalogue` writes them anew.

`docs/events/released.json` is another matter: it is the catalogue of the last release, and is written with a release
alone (`nox -s changelog -- VERSION`).
"""

import json
import re
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cashback.events import KINDS
from cashback.events.catalogue import versions_of
from cashback.events.documents import asyncapi, catalogue, fields, name_of, schema_document
from cashback.ledger.consumer import APPROVED, OUTCOMES
from cashback.minting.consumer import NAME, TYPES
from cashback.webhooks import consumer as webhooks
from tests.contract.golden_bytes import golden

ROOT: Final = Path(__file__).parents[2]
ASYNCAPI: Final = ROOT / "docs" / "asyncapi.json"
PAGE: Final = ROOT / "docs" / "events.md"
SCHEMAS: Final = ROOT / "docs" / "events"
RELEASED: Final = SCHEMAS / "released.json"
CHANGELOG: Final = ROOT / "CHANGELOG.md"
DURABLES: Final = {
    "ledger-approvals": APPROVED,
    "ledger-outcomes": OUTCOMES,
    NAME: TYPES,
    webhooks.NAME: webhooks.TYPES,
}
TABLE: Final = "| field | in JSON | is |\n|---|---|---|\n"
FORMS: Final = tuple(form for kind in KINDS for form in versions_of(kind))


def written(document: object) -> str:
    """Return a document as it is written."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def documents() -> dict[Path, str]:
    """Return every generated document, by where it is."""
    examples = {name_of(form): example(form.TYPE, name_of(form)) for form in FORMS}
    schemas = {SCHEMAS / f"{name_of(form)}.schema.json": written(schema_document(form)) for form in FORMS}
    return {ASYNCAPI: written(asyncapi(KINDS, durables=DURABLES, examples=examples)), **schemas}


def example(type_: str, name: str) -> object:
    """Return the golden data of a version."""
    return json.loads(golden(type_, int(name.rpartition(".")[2])))


def tables() -> dict[str, str]:
    """Return the table of each type's fields, as docs/events.md shows it."""
    return {kind.TYPE: TABLE + "".join(f"| `{a}` | {b} | {c} |\n" for a, b, c in fields(kind)) for kind in KINDS}


def with_tables(page: str) -> str:
    """Return docs/events.md with the table under the heading of each type as it is to be."""
    for type_, table in tables().items():
        place = re.compile(rf"(^### {re.escape(type_)}\n(?:(?!^### ).*\n)*?)\| field \|.*\n(?:\|.*\n)*", re.MULTILINE)
        page, count = place.subn(lambda found, table=table: found[1] + table, page)  # type: ignore[misc]  # a default
        if count != 1:
            raise LookupError(f"docs/events.md has no table of fields under {type_}")
    return page


def last_release() -> str | None:
    """Return the newest version in CHANGELOG.md, None before the first."""
    found = re.search(r"^## (\d+\.\d+\.\d+)", CHANGELOG.read_text(), re.MULTILINE)
    return found and found[1]


def released(release: str | None, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the catalogue of a release, with the digest by which a later change of it is seen."""
    return {"release": release, "sha256": sha256(written(told).encode()).hexdigest(), "catalogue": told}


def main(arguments: list[str]) -> None:
    """Write the documents, and with `--release` the catalogue of what CHANGELOG.md names last."""
    SCHEMAS.mkdir(exist_ok=True)
    for path in SCHEMAS.glob("*.schema.json"):
        path.unlink()
    for path, text in documents().items():
        path.write_text(text)
    PAGE.write_text(with_tables(PAGE.read_text()))
    if "--release" in arguments:
        RELEASED.write_text(written(released(last_release(), catalogue(KINDS))))


if __name__ == "__main__":
    main(sys.argv[1:])
