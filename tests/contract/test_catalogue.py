"""The published documents of events: valid, committed, true of what is sent, no break for those who rely on them."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema_rs import Draft7Validator, Draft202012Validator

from cashback.events import KINDS, decode, to_event
from cashback.events.documents import asyncapi, catalogue, fields, name_of
from cashback.kernel.bus import event_message
from cashback.kernel.outbox import partition_of
from cashback.webhooks.model import Belonging
from tests.contract.catalogue_documents import (
    DURABLES,
    PAGE,
    RELEASED,
    ROOT,
    SCHEMAS,
    documents,
    last_release,
    released,
    tables,
    with_tables,
)
from tests.contract.catalogue_rules import differences
from tests.contract.golden_bytes import all_golden, golden
from tests.support.versions import WRITTEN, Thing

# The AsyncAPI Initiative's own schema of AsyncAPI 3.0 documents (Apache-2.0, @asyncapi/specs 6.11.1), without its
# examples and without the bindings of other protocols than NATS.
ASYNCAPI_SCHEMA: Final = Path(__file__).with_name("asyncapi-3.0.schema.json")
HELD: Final = json.loads(RELEASED.read_text())
TYPE: Final = "token.minted"
KIND: Final = {kind.TYPE: kind for kind in KINDS}
Change = Callable[[dict[str, Any]], object]


def told() -> dict[str, Any]:
    """Return the AsyncAPI document that is committed."""
    document: dict[str, Any] = json.loads((ROOT / "docs" / "asyncapi.json").read_text())
    return document


def references(document: object) -> Iterator[str]:
    """Yield what a document refers to."""
    if isinstance(document, dict):
        yield from ([document["$ref"]] if "$ref" in document else [])
        for each in document.values():
            yield from references(each)
    elif isinstance(document, list):
        for each in document:
            yield from references(each)


def test_the_committed_documents_are_what_the_structs_say() -> None:
    """`nox -s catalogue` writes them anew; their diff is what changes for those who read events."""
    wanted = documents()
    assert [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text] == []
    assert set(SCHEMAS.glob("*.schema.json")) == wanted.keys() - {ROOT / "docs" / "asyncapi.json"}


def test_the_tables_of_the_page_are_what_the_structs_say() -> None:
    """Each type's fields, what they look like and what they mean; the same command writes them."""
    page = PAGE.read_text()
    assert with_tables(page) == page
    assert all(table in page for table in tables().values())


def test_the_overview_of_the_page_is_what_the_structs_say() -> None:
    """Who publishes each type, by what it is ordered, and which consumers of ours take it."""
    takers = {
        kind.TYPE: ", ".join(f"`{durable}`" for durable, types in DURABLES.items() if kind.TYPE in types)
        for kind in KINDS
    }
    row = r"^\| \[`(\S+)`\]\(#(\w+)\) \| `(\S+)` \| `(\w+)` \| (.+) \|$"
    found = re.findall(row, PAGE.read_text(), re.MULTILINE)
    assert found == [
        (kind.TYPE, kind.TYPE.replace(".", ""), kind.SOURCE, kind.KEY, takers[kind.TYPE]) for kind in KINDS
    ]


def test_the_page_says_what_is_posted_behind_an_events_own_members() -> None:
    """In a table of its own, and by an example: an event as it lies in the stream, with those ids behind it."""
    section = PAGE.read_text().partition("## What is posted\n")[2].partition("## Versions\n")[0]
    ids = list(Belonging.__struct_fields__)
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == ids
    shown = json.loads(section.partition("```json\n")[2].partition("```")[0])
    assert list(shown) == ["type", "timestamp", "data"]
    schema = json.loads((SCHEMAS / f"{shown['type']}.1.schema.json").read_text())
    Draft202012Validator(schema).validate(shown["data"])
    assert list(shown["data"])[-len(ids) :] == ids
    assert not {*ids} & {*schema["properties"]}


def test_a_type_without_its_table_is_seen() -> None:
    """A page that forgets one cannot pass for one whose tables are right."""
    page = PAGE.read_text().replace(tables()[TYPE], "")
    with pytest.raises(LookupError, match=TYPE):
        with_tables(page)


def test_every_field_is_explained_to_a_person() -> None:
    """In words, not by its name alone."""
    assert [(kind.TYPE, name) for kind in KINDS for name, _, meaning in fields(kind) if len(meaning.split()) < 2] == []


def test_the_document_is_valid_asyncapi() -> None:
    """By the schema that the AsyncAPI Initiative publishes; and all that it refers to is there."""
    document = told()
    validator = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text()))
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)] == []
    for reference in set(references(document)):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param({"asyncapi": "2.6.0"}, id="version"),
        pytest.param({"operations": {"x": {"action": "publish", "channel": {"$ref": "#/channels/x"}}}}, id="action"),
        pytest.param({"channels": {"x": {"address": 7}}}, id="address"),
    ],
)
def test_a_broken_document_is_seen(planted: dict[str, object]) -> None:
    """The check above can fail."""
    assert not Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text())).is_valid(told() | planted)


def test_the_consumers_of_the_document_are_those_that_processes_run() -> None:
    """Each durable consumer by its name."""
    found = sorted(
        ast.literal_eval(keyword.value)
        if isinstance(keyword.value, ast.Constant)
        else getattr(import_module(f"cashback.processes.{path.stem}"), ast.unparse(keyword.value))
        for path in (ROOT / "src/cashback/processes").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Consumer"
        for keyword in node.keywords
        if keyword.arg == "name"
    )
    assert found == sorted(DURABLES)


@pytest.mark.parametrize("type_, version", all_golden())
def test_every_golden_body_matches_its_schema(type_: str, version: int) -> None:
    """The file that anybody may take, and the schema inside the AsyncAPI document, which is one of draft 7."""
    data = json.loads(golden(type_, version))
    Draft202012Validator(json.loads((SCHEMAS / f"{type_}.{version}.schema.json").read_text())).validate(data)
    Draft7Validator(told()["components"]["schemas"][f"{type_}.{version}"]).validate(data)


@pytest.mark.parametrize("type_, version", all_golden())
def test_a_body_that_breaks_its_contract_breaks_its_schema(type_: str, version: int) -> None:
    """Whatever is left out that has no default, and whatever is of another type."""
    schema = json.loads((SCHEMAS / f"{type_}.{version}.schema.json").read_text())
    validator, data = Draft202012Validator(schema), json.loads(golden(type_, version))
    for field in schema["required"]:
        assert not validator.is_valid({name: value for name, value in data.items() if name != field})
        assert not validator.is_valid(data | {field: [7]})


@pytest.mark.parametrize("type_", KIND)
def test_what_is_published_has_the_headers_and_the_subject_of_the_document(type_: str) -> None:
    """As the relay writes them."""
    event = to_event(decode(golden(type_, 1), KIND[type_], version=1), time=datetime.now(UTC), traceparent=None)
    message = event_message(
        id=event.id,
        type=event.type,
        source=event.source,
        key=event.key,
        time=event.time,
        traceparent=event.traceparent,
        partition=partition_of(event.key),
        data=event.data,
        version=event.version,
    )
    lines = [line.split(": ", 1) for line in message.headers.decode().split("\r\n") if ": " in line]
    document = told()
    wanted = document["components"]["messages"][name_of(KIND[type_])]["headers"] | {
        "components": document["components"]
    }
    headers = {**dict(lines), "Nats-Msg-Id": message.id}
    Draft7Validator(wanted).validate(headers)
    assert not Draft7Validator(wanted).is_valid(headers | {"ce-type": "other"})
    channel = document["channels"][type_]
    [parameter] = channel["parameters"].values()
    assert message.subject in {channel["address"].format(partition=one) for one in parameter["enum"]}


def test_a_later_version_has_its_own_message_and_names_its_schema() -> None:
    """Readers find all three on the channel, and what is published is the newest."""
    examples = {f"{Thing.TYPE}.{version}": json.loads(data) for version, data in WRITTEN.items()}
    document = asyncapi([Thing], durables={"shop": [Thing.TYPE]}, examples=examples)
    Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text())).validate(document)
    assert list(document["channels"][Thing.TYPE]["messages"]) == list(examples)
    (sent,) = document["operations"][f"publish.{Thing.TYPE}"]["messages"]
    assert sent["$ref"].endswith("/thing.happened.3")
    headers = [document["components"]["messages"][name]["headers"]["allOf"][1] for name in examples]
    assert not Draft7Validator(headers[0]).is_valid({"ce-dataschema": "urn:cashback:thing.happened:1"})
    assert Draft7Validator(headers[2]).is_valid({"ce-dataschema": "urn:cashback:thing.happened:3"})
    assert not Draft7Validator(headers[2]).is_valid({})


def test_nothing_that_was_released_is_broken() -> None:
    """Against the catalogue of the last release: whoever relies on it need not change."""
    assert differences(HELD["catalogue"], catalogue(KINDS)) == []


def test_the_released_catalogue_is_that_of_the_last_release() -> None:
    """It is written with a release; whoever changes it by hand, to make a break pass, changes its digest too."""
    assert released(last_release(), HELD["catalogue"]) == HELD


@pytest.mark.parametrize("type_", HELD["catalogue"])
def test_every_version_ever_released_is_read(type_: str) -> None:
    """There are bytes of each, they match the schema that was released, and are read as the newest struct."""
    for version, schema in HELD["catalogue"][type_]["schemas"].items():
        data = golden(type_, int(version))
        Draft202012Validator(schema).validate(json.loads(data))
        assert type(decode(data, KIND[type_], version=int(version))) is KIND[type_]


def of(type_: str = TYPE) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what finds the first version's schema of a type in a catalogue."""
    return lambda told: told[type_]["schemas"]["1"]


def renamed(told: dict[str, Any]) -> None:
    """Call a field otherwise."""
    properties = of()(told)["properties"]
    properties["tx_hash"] = properties.pop("transaction_hash")


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda told: told.pop(TYPE), "token.minted is gone"),
        (lambda told: told[TYPE].update(source="/cashback/mint"), "its source was /cashback/minting"),
        (lambda told: told[TYPE].update(key="mint_number"), "its key was cashback_id"),
        (lambda told: told[TYPE].update(subject="cashback.v2.x"), "its subject was"),
        (lambda told: told[TYPE].update(version=0), "its version was 1, and is 0"),
        (lambda told: told[TYPE]["schemas"].pop("1"), "token.minted.1 cannot be read any more"),
        (lambda told: of()(told)["properties"].pop("block_hash"), "block_hash is gone"),
        (renamed, "transaction_hash is gone"),
        (lambda told: of()(told)["properties"]["cashback_id"].update(type="integer"), "cashback_id was"),
        (lambda told: of()(told)["properties"]["cashback_id"].update(pattern="^cb_"), "cashback_id was"),
        (lambda told: of()(told)["properties"]["token_units"].pop("pattern"), "token_units was"),
        (lambda told: of()(told)["properties"]["cashback_id"].update(enum=["cb_1"]), "cashback_id was"),
        (lambda told: of()(told)["properties"]["reversals"].update(minimum=1), "reversals was"),
        (lambda told: of()(told)["properties"]["reversals"].update(default=1), "reversals was"),
        (lambda told: of()(told)["required"].append("reversals"), "reversals is left out by one"),
        (lambda told: of()(told)["required"].remove("block_hash"), "block_hash is left out by one"),
        (
            lambda told: (
                of()(told)["properties"].update(why={"type": "string"}),
                of()(told)["required"].append("why"),
            ),
            "why is new, and has no default",
        ),
        (lambda told: of()(told).update(additionalProperties=False), "is of another form"),
    ],
)
def test_a_planted_break_is_seen(change: Change, complaint: str) -> None:
    """Each in the sentence that names it."""
    new = deepcopy(HELD["catalogue"])
    change(new)
    assert any(re.search(re.escape(complaint), each) for each in differences(HELD["catalogue"], new))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda told: told.update({Thing.TYPE: catalogue([Thing])[Thing.TYPE]}), id="type"),
        pytest.param(lambda told: of()(told)["properties"].update(why={"type": "string", "default": ""}), id="field"),
        pytest.param(lambda told: of()(told).update(description="Better said."), id="words"),
        pytest.param(lambda told: of()(told)["properties"]["block_hash"].update(description="Better."), id="words-of"),
        pytest.param(
            lambda told: (told[TYPE].update(version=2), told[TYPE]["schemas"].update({"2": {}})), id="version"
        ),
    ],
)
def test_what_may_come_is_let_pass(change: Change) -> None:
    """Types, versions beside the old ones, fields with a default, and better words."""
    new = deepcopy(HELD["catalogue"])
    change(new)
    assert differences(HELD["catalogue"], new) == []
