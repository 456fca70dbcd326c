"""What reconcile tells a person to do can be done: each command that a remedy names is one, with those options."""

import re
from typing import Final

import click
import pytest

from cashback.processes.reconcile.findings import REMEDIES, Kind, finding
from tests.unit.cli.test_help import LEAVES

_COMMAND: Final = re.compile(r"cashback ((?:[a-z]+ ?)+)((?:--[a-z-]+(?: [a-z_.]+)? ?)*)")

COMMANDS: Final[dict[Kind, list[tuple[str, list[str]]]]] = {
    Kind.MISSING_LOG: [("chain halt", ["--reason"])],
    Kind.LEDGER_ONLY: [("replay", ["--type"]), ("chain halt", ["--reason"])],
    Kind.UNSETTLED_LOG: [("replay", ["--from-outbox"])],
    Kind.UNEXPECTED_LOG: [("chain halt", ["--reason"])],
    Kind.DUPLICATE_LOG: [("chain halt", ["--reason"])],
    Kind.WRONG_AMOUNT: [("chain halt", ["--reason"])],
    Kind.WRONG_RECIPIENT: [("chain halt", ["--reason"])],
    Kind.WRONG_PLACE: [("mint show", [])],
    Kind.RETIRED_MINTED: [("chain halt", ["--reason"])],
    Kind.RECORD_MISSING: [("replay", ["--type"])],
    Kind.RECORD_UNEXPECTED: [("chain halt", ["--reason"])],
    Kind.RECORD_DIFFERS: [("chain halt", ["--reason"])],
    Kind.REORGANISED: [("chain halt", ["--reason"]), ("chain recover", ["--reason"]), ("reconcile", ["--whole"])],
    Kind.SUPPLY_DIFFERS: [("chain halt", ["--reason"])],
    Kind.SUPPLY_UNEXPLAINED: [("chain halt", ["--reason"]), ("reconcile", ["--whole"])],
    Kind.NONCE_GAP: [("doctor", []), ("chain status", [])],
    Kind.ROLE_LOST: [("chain status", [])],
    Kind.MINTER_PAUSED: [("chain status", [])],
    Kind.DECIMALS_CHANGED: [("chain halt", ["--reason"])],
    Kind.STALE_FINALITY: [("chain status", [])],
    Kind.BOOKS_DIFFER: [("reconcile", ["--whole"])],
    Kind.WALLET_DIFFERS: [("user wallet", [])],
}
"""What each remedy tells to run."""


def named(remedy: str) -> list[tuple[str, list[str]]]:
    """Return the verbs and the options that a remedy names; of its words as many as there is a verb for."""
    found = []
    for match in _COMMAND.finditer(remedy):
        words = match[1].split()
        verbs = [" ".join(words[:count]) for count in range(len(words), 0, -1) if tuple(words[:count]) in LEAVES]
        found.append((verbs[0] if verbs else match[1].strip(), re.findall(r"--[a-z-]+", match[2])))
    return found


@pytest.mark.parametrize("kind", Kind)
def test_a_remedy_names_commands_that_there_are(kind: Kind) -> None:
    """With the options that it gives, and a finding of the kind carries it."""
    assert named(REMEDIES[kind]) == COMMANDS[kind]
    for verb, options in COMMANDS[kind]:
        command = LEAVES[tuple(verb.split())]
        there = {name for one in command.params if isinstance(one, click.Option) for name in one.opts}
        assert set(options) <= there, (verb, options)
    assert finding(kind, "here", expected=1, found=2).remedy == REMEDIES[kind]
