"""The documents say what is: their links lead somewhere, their commands parse, their tables are the code's."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest
from psycopg_pool import PoolTimeout

from cashback.chain.store.halts import BY_HAND
from cashback.cli.command import VERBS, root
from cashback.events import KINDS, decode, to_event
from cashback.kernel.clock import SystemClock
from cashback.kernel.refusals import SAID, Refusal
from cashback.ledger.model import Reason, State
from cashback.ledger.model.codes import Skip
from cashback.ledger.model.problems import Fault
from cashback.minting.model import HaltKind, MintState
from cashback.processes import webhook_worker
from cashback.processes.reconcile import Kind
from tests.architecture.documents import (
    INLINE,
    ROOT,
    blocks,
    broken_links,
    called,
    codes,
    defines,
    documents,
    mentioned,
    name_of,
    named_paths,
    resolved,
    rows,
    section,
)
from tests.architecture.test_compose import STRUCTS
from tests.architecture.tidy import INVARIANTS, invariants_cited

# Loaded by the API without ever being its answer: they are caught on the way, or belong to other edges.
NOT_OVER_REST = {
    "anchor_refused": "of the ledger worker",
    "clock_invalid": "of `cashback clock`",
    "cannot_listen": "ends the process at its start",
    "event_unreadable": "of consumers",
    "lease_lost": "of the ledger worker",
    "number_not_retired": "of `cashback mint retry`",
    "numbers_fenced": "of the ledger worker",
    "outcome_unknown": "of the ledger worker",
    "proof_invalid": "of `cashback ledger verify`",
    "signature_misshapen": "a body takes no signature as long as that",
    "supply_too_large": "of the ledger worker",
    "sealing_transplanted": "of the ledger worker",
    "settings_invalid": "ends the process at its start",
    "user_ambiguous": "of imports, which name users",
    **dict.fromkeys(
        ("rejected", "invalid", "not_found", "conflict", "busy", "outdated", "forbidden", "limited", "unavailable"),
        "a kind, no failure",
    ),
}
# Prints the codes of all failures that the API loads, by the status that the API's own table gives them.
FAILURES = """
import json
import cashback.processes.api
from cashback.kernel.errors import Broken, CashbackError
from cashback.kernel.http.problems import _status_of
def kinds(kind):
    return {kind}.union(*(kinds(one) for one in kind.__subclasses__()))
print(json.dumps({one.code: _status_of(one("")) for one in kinds(CashbackError) if not issubclass(one, Broken)}))
"""
CATALOGUE = {kind.TYPE: kind for kind in KINDS}


def text(name: str) -> str:
    """Return one document by its path from the root."""
    return (ROOT / name).read_text()


def problem_of_command(arguments: list[str], *, is_whole: bool = True) -> str | None:
    """Return what the command line would say against arguments, or None; nothing is run.

    Unless `is_whole` something may be left out.
    """
    try:
        context = root.make_context("cashback", list(arguments))
        while isinstance(context.command, click.Group) and context._protected_args + context.args:
            name, command, rest = context.command.resolve_command(context, context._protected_args + context.args)
            assert command is not None
            context = command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        is_half = isinstance(error, click.MissingParameter | click.exceptions.NoArgsIsHelpError) and not is_whole
        # The file is the reader's.
        return None if is_half or "does not exist" in error.format_message() else error.format_message()
    return None


def verbs() -> list[str]:
    """Return every command that does something, as it is typed."""
    found = []
    for name in VERBS:
        command = root.get_command(click.Context(root), name)
        assert command is not None
        found += [f"{name} {sub}" for sub in command.commands] if isinstance(command, click.Group) else [name]
    return [f"cashback {verb}" for verb in found]


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    """The file is there, and so is the heading that an anchor names."""
    assert list(broken_links(document.read_text(), document)) == []


def test_a_planted_dead_link_is_seen() -> None:
    """A missing file, a missing heading; a link that is fine beside them is not complained of."""
    planted = "[a](nowhere.md) [b](README.md#nothing-of-the-kind) [c](README.md#set-up) [d](https://example.org)"
    assert list(broken_links(planted, ROOT / "x.md")) == ["nowhere.md", "README.md#nothing-of-the-kind"]


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_command_that_a_document_shows_can_be_typed(document: Path) -> None:
    """The real command line takes it: verb, options and what each of them requires."""
    text = document.read_text()
    told = {" ".join(one): problem_of_command(one) for one in called(text)}
    told |= {" ".join(one): problem_of_command(one, is_whole=False) for one in mentioned(text)}
    assert {command: problem for command, problem in told.items() if problem} == {}


@pytest.mark.parametrize(
    "planted", ["cashback dance", "cashback dlq replay seven", "A=1 .venv/bin/cashback replay --form 1"]
)
def test_a_planted_wrong_command_is_seen(planted: str) -> None:
    """An unknown verb, an argument of the wrong kind, an unknown option behind a variable."""
    [arguments] = called(f"```\n{planted} | tail -1\n```\n")
    assert problem_of_command(arguments)


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_every_verb_is_in_the_table_of_commands(name: str) -> None:
    """Nothing can be typed that the two pages do not know."""
    shown = " ".join(INLINE.findall(text(name)))
    assert [verb for verb in verbs() if verb not in shown] == []


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_the_exit_codes_are_the_commands_own(name: str) -> None:
    """As the command's module lists them."""
    told = ast.get_docstring(ast.parse(text("src/cashback/cli/command.py"))) or ""
    expected = [row[0] for row in rows(told) if row[0].isdigit()]
    found = [row[0] for row in rows(text(name)) if row[0].isdigit()]
    assert found == expected


def test_the_settings_of_each_process_are_its_own() -> None:
    """docs/cli.md names every setting of every process; the required ones are bold."""
    structs: dict[str, type[msgspec.Struct]] = {**STRUCTS, "worker-webhooks": webhook_worker.Settings}
    for command, told in ((row[0], row[1]) for row in rows(section(text("docs/cli.md"), "## Processes"))):
        name = "-".join(command.strip("`").split()[1:])
        fields = msgspec.structs.fields(structs["relay-cashback" if name == "relay" else name])
        assert set(re.findall(r"\*\*([A-Z_]+)\*\*", told)) == {one.name.upper() for one in fields if one.required}
        assert set(re.findall(r"[A-Z][A-Z_]+", told)) == {one.name.upper() for one in fields}


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    """From the root or below src/cashback; and what is named behind a colon is defined there."""
    missing = []
    for path, name in named_paths(document.read_text()):
        place = resolved(path) or (document.parent / path if (document.parent / path).exists() else None)
        if place is None or (name and not (place.suffix == ".py" and defines(place.read_text(), name))):
            missing.append((path, name))
    assert missing == []


def test_a_planted_path_or_name_that_is_not_there_is_seen() -> None:
    """A file that was renamed, a method that was: both are complained of."""
    assert resolved("kernel/inbix.py") is None
    assert defines(text("src/cashback/kernel/inbox.py"), "claim")
    assert not defines(text("src/cashback/purchases/service/purchases.py"), "Purchases.recall")


def test_each_invariant_is_proved_where_the_architecture_says() -> None:
    """Ten rows; every test named in one exists and cites its invariant."""
    table = {row[0]: row[3] for row in rows(section(text("ARCHITECTURE.md"), "## Invariants"))}
    assert table.keys() == INVARIANTS
    for invariant, named in table.items():
        for path in INLINE.findall(named):
            assert invariant in invariants_cited(path, text(path)), f"{path} does not cite {invariant}"


def test_each_item_of_the_owasp_top_10_has_its_test_and_what_is_done() -> None:
    """Ten rows; each names its test by the id, and there is no other test of that kind."""
    told = section(text("docs/security.md"), "## The OWASP API Security Top 10")
    table = {row[0].split()[0]: row[2] for row in rows(told)}
    tests = re.findall(r"^async def (test_(api\d+)_2023_\w+)", text("tests/contract/rest/test_owasp.py"), re.MULTILINE)
    assert list(table) == [f"API{number}:2023" for number in range(1, 11)]
    assert [named.strip("`") for named in table.values()] == [name for name, _ in tests]
    assert [f"{item.upper()}:2023" for _, item in tests] == list(table)


def test_the_state_machines_show_every_state() -> None:
    """Of a cashback, of a mint in minting and in the adapter, of a slot."""
    drawn = section(text("ARCHITECTURE.md"), "## State machines")
    schema = text("migrations/chain/0001_chain.py")
    stored = re.findall(r"(?:mint|slot)_state_known check \(state in \(([^)]+)\)", schema)
    states = {*State, *MintState, *re.findall(r"'(\w+)'", " ".join(stored))}
    assert [state for state in sorted(states) if state not in drawn] == []


def test_the_problems_are_the_codes_own_each_with_its_status() -> None:
    """problems.toml has an entry for every code that the API can answer with, and for none that it cannot."""
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", FAILURES], capture_output=True, text=True, check=True)
    expected: dict[str, int] = msgspec.json.decode(told.stdout)
    assert expected.keys() >= NOT_OVER_REST.keys()
    expected = {code: status for code, status in expected.items() if code not in NOT_OVER_REST}
    for path in [*(ROOT / "src/cashback/kernel/http").glob("*.py"), ROOT / "src/cashback/kernel/lifecycle/bounds.py"]:
        source = path.read_text()
        said = re.findall(r"\b(?:problem|_refuse|_end)\((\d{3}), \"(\w+)\"", source)
        said += re.findall(r"(\d{3}): \"([a-z_]+)\"", source)
        said += re.findall(r"\"[\w-]+\": \(\s*(\d{3}),\s*\"(\w+)\"", source)
        expected |= {code: int(status) for status, code in said}
    known = tomllib.loads(text("src/cashback/processes/api/problems.toml"))
    assert {code: problem["status"] for code, problem in known.items()} == expected


def test_the_table_of_problems_is_written_from_their_one_source() -> None:
    """`python -m tests.contract.rest.golden` writes docs/rest.md anew."""
    known = tomllib.loads(text("src/cashback/processes/api/problems.toml"))
    expected = [[f"`{code}`", str(problem["status"]), problem["means"]] for code, problem in known.items()]
    assert rows(section(text("docs/rest.md"), "## Problems")) == expected


@pytest.mark.parametrize(
    "name,heading,kinds",
    [
        ("docs/rest.md", "## Decisions", Reason),
        ("docs/rest.md", "## Rules that did not count", Skip),
        ("docs/rest.md", "## What a lint finds", Fault),
        ("docs/runbooks/reconcile.md", "## By kind", Kind),
        ("docs/runbooks/halted.md", "## The mint worker", HaltKind),
    ],
)
def test_a_table_of_codes_has_every_code_and_no_other(name: str, heading: str, kinds: type) -> None:
    """Reasons of decisions and of rules that did not count, faults, kinds of differences and of halts."""
    assert codes(rows(section(text(name), heading))) == [kind.value for kind in kinds]  # type: ignore[attr-defined]  # enums


def test_the_adapters_reasons_to_halt_are_those_of_the_code() -> None:
    """Each reason of the runbook is raised somewhere in chain, and each that is raised is in the runbook."""
    source = " ".join(path.read_text() for path in (ROOT / "src/cashback/chain").rglob("*.py"))
    raised = re.findall(r"(?:ChainDiverged|GiveUp|\bhalt)\((?:tx, )?\"(\w+)\"", source)
    raised += re.findall(r"\[\"(\w+)\"\] if \w", source)
    raised.append(BY_HAND)
    assert set(codes(rows(section(text("docs/runbooks/halted.md"), "## The adapter")))) == set(raised)


def test_the_words_for_a_database_that_is_not_to_be_had_are_those_of_the_code() -> None:
    """Whoever reads one finds it in the runbook, with what to do."""
    of_pools = [Refusal().why(PoolTimeout(), lent=1, connections_max=count) for count in (1, 8)]
    told = " ".join(row[0] for row in rows(section(text("docs/runbooks/database.md"), "## DatabaseNotReached")))
    assert set(re.findall(r"`([^`]+)`", told)) == {*SAID, *of_pools}


@pytest.mark.parametrize("type_", CATALOGUE)
def test_the_example_of_an_event_is_one(type_: str) -> None:
    """Under the heading of each type stand bytes that are read as it and written the same."""
    [example] = blocks(section(text("docs/events.md"), f"### {type_}"), "json")
    data = example.strip().encode()
    body = decode(data, CATALOGUE[type_], version=1)
    assert to_event(body, time=SystemClock().now(), traceparent=None).data == data


def test_the_catalogue_has_every_event_and_no_other() -> None:
    """One heading per type."""
    assert set(re.findall(r"^### (\S+)$", text("docs/events.md"), re.MULTILINE)) == CATALOGUE.keys()


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_no_document_names_a_place_on_somebodys_machine(document: Path) -> None:
    """What was tried was tried somewhere, but nobody else has that folder."""
    assert re.findall(r"(?:/home/|/root/|/work/|/Users/)\S*", document.read_text()) == []
