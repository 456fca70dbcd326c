"""Why a purchase earned what it did, what one would earn, and whether both can be told again."""

from typing import Any, Final

import msgspec

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Ask, Cashback, Dev
from tests.integration.cli.test_rulesets import programme_of

AT: Final = "2027-01-01T12:00:00Z"
AMOUNT: Final = 1_999


def rule_of(ask: Ask, dev: Dev) -> tuple[str, dict[str, Any]]:
    """Return the id and the only rule of the first version of the programme in force."""
    listed = ask("ruleset", "list", programme_of(dev.settings)["id"])
    version = msgspec.convert(ask("ruleset", "show", listed[-1]["id"]), dict[str, Any])
    [rule] = version["document"]["rules"]
    return version["id"], rule


def assert_is_tree(text: str, steps: list[dict[str, Any]]) -> None:
    """See that a text is a sentence and below it each step in order, deeper ones further in, joined by lines."""
    _, *lines = text.splitlines()
    assert [line.lstrip("│├└─ ") for line in lines] == [step["text"] for step in steps]
    stems = [line[: len(line) - len(line.lstrip("│├└─ "))] for line in lines]
    assert [len(stem) // 3 - 1 for stem in stems] == [step["depth"] for step in steps]
    assert stems[-1].endswith("└─ ")


def test_a_purchase_is_explained_in_words_and_as_a_tree(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """The same steps for programs and for people; the rule that counted is named, and nobody's purchase is refused."""
    told = ask("purchase", "explain", dev.purchase_id)
    _, rule = rule_of(ask, dev)
    assert any(rule["id"] in step["text"] for step in told["steps"])
    shown = cashback("purchase", "explain", dev.purchase_id, settings=dev.settings)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines()[0] == f"{told['text']} ({told['reason']})"
    assert_is_tree(shown.out, told["steps"])
    refused = cashback("purchase", "explain", "pur_01k9z3v6q8e2r9xw5t4c7m1n0p", settings=dev.settings)
    assert (refused.code, refused.out) == (EXIT_REJECTED, "")


def test_a_purchase_that_nobody_made_is_simulated(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """In the future, by a version: exactly its percentage, rounded down; in the same words as an explanation."""
    version, rule = rule_of(ask, dev)
    before = ask("decisions", "replay")
    words = ("ruleset", "simulate", version, "--merchant", dev.merchant_id, "--amount", str(AMOUNT), "--at", AT)
    told = ask(*words)
    assert int(told["amount_minor"]) == AMOUNT * rule["earns"]["rate_bps"] // 10_000
    shown = cashback(*words, settings=dev.settings)
    assert (shown.code, shown.out.splitlines()[0]) == (0, f"{told['text']} ({told['reason']})")
    assert_is_tree(shown.out, told["steps"])
    unknown = (*words[:2], "drf_01k9z3v6q8e2r9xw5t4c7m1n0p", *words[3:])
    refused = cashback(*unknown, settings=dev.settings)
    assert (refused.code, "draft_unknown" in refused.err) == (EXIT_REJECTED, True)
    assert ask("decisions", "replay")["decisions"] == before["decisions"]


def test_every_decision_is_replayed_byte_for_byte(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """For programs and for people; from an instant on, only what was decided since."""
    told = ask("decisions", "replay")
    assert (told["decisions"] >= 1, told["different"], told["differences"]) == (True, 0, [])
    shown = cashback("decisions", "replay", settings=dev.settings)
    assert (shown.code, "decisions" in shown.out, "differences" in shown.out) == (0, True, False)
    assert ask("decisions", "replay", "--from", "2126-01-01T00:00:00Z")["decisions"] == 0
    assert cashback("decisions", "replay", "--from", "yesterday", settings=dev.settings).code == 2
