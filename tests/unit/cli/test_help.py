"""Help: every verb says what it does and shows an example that can be pasted."""

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from cashback.cli.command import VERBS, root

EXAMPLE = re.compile(r"^Example: (?P<line>.+)$", re.MULTILINE)


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every group and verb below `group` with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not isinstance(command, click.Group)}
BY_GROUP: Final = {
    "": "adapter api demo dev doctor expiring import migrate reconcile relay replay",
    "adjustment": "credit debit list show",
    "campaign": "budget close create list rebalance show top-up waitlist withdraw",
    "chain": "halt recover resume rotate status",
    "clock": "advance set show",
    "contracts": "deploy",
    "debts": "list show write-off write-offs",
    "decisions": "replay",
    "dlq": "discard list replay show",
    "events": "list show",
    "keys": "create list revoke rotate",
    "ledger": "balance prove recomputations recompute seals statement trial-balance verify",
    "merchant": "activate create deactivate deactivations list rename set show",
    "mint": "cancel list retry show",
    "programme": "create end list pause pauses resume show",
    "purchase": "create explain list show",
    "rates": "import list put show",
    "refund": "create list parked show",
    "review": "approve list reject",
    "ruleset": "backtest diff discard draft lint list publish show simulate withdraw",
    "streams": "apply diff",
    "user": (
        "balance block blocks cashback challenge create erase export keep-wallet list prove rename show tier unblock"
        " wallet wallet-changes"
    ),
    "webhook": "change create deliveries disable enable list replay reseal rotate secret show",
    "worker": "ledger mint webhooks",
}
"""Every verb by its group; those of no group stand first."""


def examples(command: click.Command) -> list[str]:
    """Return the command lines that a verb's help gives as examples."""
    return [found["line"] for found in EXAMPLE.finditer(inspect.cleandoc(command.help or ""))]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Have every verb note that it was reached with arguments it can read, instead of running."""
    reached: list[tuple[str, ...]] = []
    for path, command in LEAVES.items():
        monkeypatch.setattr(command, "callback", lambda _path=path, **_: reached.append(_path))
    return reached


def test_the_issue_s_verbs_are_all_there() -> None:
    """Each of them, and `keys list`, which revoking needs."""
    words = {f"{group} {verb}".strip() for group, verbs in BY_GROUP.items() for verb in verbs.split()}
    assert {" ".join(path) for path in LEAVES} == words


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_verb_has_help_with_an_example_of_itself(
    path: tuple[str, ...], parsed: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example parses, and leads to the verb whose help it stands in, or into the group."""
    monkeypatch.chdir(tmp_path)
    Path("purchases.csv").touch()
    Path("ruleset.json").touch()
    Path("rates.csv").touch()
    lines = examples(ALL[path])
    assert lines, f"cashback {' '.join(path)} shows no example"
    for line in lines:
        words = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
        assert words[0] == "cashback"
        root.main(words[1:], prog_name="cashback", standalone_mode=False)
        assert parsed[-1][: len(path)] == path


@pytest.mark.parametrize("path", [(), *(path for path in ALL if path not in LEAVES)], ids=" ".join)
def test_no_sentence_in_a_list_of_verbs_is_cut_at_eighty_columns(path: tuple[str, ...]) -> None:
    """Half a sentence says less than a short one."""
    group = ALL[path] if path else root
    told = group.get_help(click.Context(group, info_name="cashback", terminal_width=80))
    assert "..." not in told.replace("[ARGS]...", "")


def test_the_example_of_a_purchase_names_what_an_operator_s_key_needs() -> None:
    """It is the operator's key that `cashback dev` loads."""
    [example] = examples(LEAVES["purchase", "create"])
    assert all(f" {option} " in example for option in ("--merchant", "--user", "--amount"))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    """An option without help is one that nobody dares to use; `--limit` tells its range."""
    silent = [
        option.name
        for option in LEAVES[path].params
        if isinstance(option, click.Option) and not option.help and not option.show_default
    ]
    assert silent == []


def test_the_table_of_verbs_says_what_each_verb_s_own_help_begins_with_or_sums_up() -> None:
    """The table is written without importing a verb, so a verb that is gone would be told to nobody."""
    context = click.Context(root)
    assert all(root.get_command(context, name) is not None for name in VERBS)
    assert root.get_command(context, "nothing") is None


READING = {
    *(
        ("purchase", "create"),
        ("purchase", "show"),
        ("import",),
        ("mint", "show"),
        ("mint", "list"),
        ("events", "list"),
        ("events", "show"),
        ("dlq", "list"),
        ("dlq", "show"),
    ),
    *(("replay",), ("keys", "create"), ("keys", "list"), ("reconcile",), ("doctor",), ("migrate",)),
    *(
        ("contracts", "deploy"),
        ("demo",),
        ("dlq", "replay"),
        ("dlq", "discard"),
        ("streams", "diff"),
        ("streams", "apply"),
        ("keys", "revoke"),
        ("keys", "rotate"),
        ("chain", "status"),
        ("chain", "halt"),
        ("chain", "resume"),
    ),
    *(("campaign", verb) for verb in ("create", "list", "show", "budget", "top-up", "withdraw", "close", "rebalance")),
    *(("rates", "put"), ("rates", "list"), ("rates", "import"), ("merchant", "set"), ("user", "tier")),
    *(("user", verb) for verb in ("show", "cashback", "balance")),
    *(
        ("merchant", "show"),
        ("rates", "show"),
        ("programme", "pauses"),
        ("campaign", "waitlist"),
        ("debts", "write-offs"),
    ),
    *(("merchant", "create"), ("user", "create"), ("user", "wallet"), ("ruleset", "discard")),
    *(("merchant", verb) for verb in ("deactivate", "activate", "deactivations")),
    *(("user", verb) for verb in ("block", "unblock", "blocks", "erase")),
    *(("user", verb) for verb in ("challenge", "prove", "wallet-changes", "keep-wallet")),
    *(("programme", verb) for verb in ("create", "list", "show", "end")),
    *(("ruleset", verb) for verb in ("draft", "lint", "diff", "publish", "withdraw", "list", "show")),
}


@pytest.mark.parametrize("path", sorted(READING), ids=" ".join)
def test_every_verb_that_shows_something_can_show_it_as_json(path: tuple[str, ...]) -> None:
    """Programs read JSON, and never a table."""
    assert any("--json" in option.opts for option in LEAVES[path].params)
