"""`cashback adjustment`: cashback by hand from the command line of a running system, to its mint and back."""

from collections.abc import Mapping
from typing import Final

import pytest

from cashback.cli.command import EXIT_REJECTED
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Ask, Cashback, Dev

WHY: Final = ("--by", "alice", "--reason", "the parcel came late")
UNKNOWN: Final = "01k9z3v6q8e2r9xw5t4c7m1n0p"
FAULTS: Final[Mapping[str, tuple[dict[str, str], str, str]]] = {
    "an unknown user": ({"user": f"usr_{UNKNOWN}"}, "user_unknown", "/user_id"),
    "an unknown programme": ({"--programme": f"prg_{UNKNOWN}"}, "programme_unknown", "/programme_id"),
    "an unknown campaign": ({"--campaign": f"cmp_{UNKNOWN}"}, "campaign_unknown", "/campaign_id"),
    "nothing": ({"--amount": "0"}, "adjustment_invalid", "/amount_minor"),
    "less than nothing": ({"--amount": "-1"}, "request_invalid", "/amount_minor"),
    "no number": ({"--amount": "five"}, "request_invalid", "/amount_minor"),
    "more than the books hold": ({"--amount": str(2**63)}, "adjustment_invalid", "/amount_minor"),
    "more than is minted at once": ({"--amount": str(2**62)}, "adjustment_invalid", "/amount_minor"),
    "no reason": ({"--reason": ""}, "request_invalid", "/reason"),
    "a blank reason": ({"--reason": "  "}, "field_invalid", "/reason"),
    "a long reason": ({"--reason": "x" * 501}, "request_invalid", "/reason"),
    "nobody": ({"--by": ""}, "request_invalid", "/person"),
}


@pytest.fixture
def programme_id(dev: Dev, ask: Ask) -> str:
    """Give the programme of the running system."""
    return str(ask("purchase", "show", dev.purchase_id)["cashback"]["programme_id"])


def test_cashback_is_given_minted_and_taken_back_by_hand(
    dev: Dev, cashback: Cashback, ask: Ask, programme_id: str, customer_id: str
) -> None:
    """Once under its key; what is taken after the mint is owed, and ledger and chain agree all the while."""
    words = ("adjustment", "credit", customer_id, "--programme", programme_id, "--amount", "500", *WHY)
    given = ask(*words, "--idempotency-key", "cli_credit_1")
    assert (given["kind"], given["amount_minor"], given["person"]) == ("credit", "500", "alice")
    assert ask(*words, "--idempotency-key", "cli_credit_1") == given
    shown = ask("adjustment", "show", given["id"])
    assert {name: shown[name] for name in shown if name != "cashback_state"} == {
        name: given[name] for name in given if name != "cashback_state"
    }

    def minted() -> bool:
        """Tell whether its mint is final."""
        return bool(ask("adjustment", "show", given["id"])["cashback_state"] == "minted")

    assert eventually(minted, within_s=60.0)
    taken = ask("adjustment", "debit", given["cashback_id"], "--amount", "200", *WHY)
    assert (taken["cashback_state"], taken["net_minor"]) == ("minted", "300")
    assert ask("debts", "show", customer_id)["figures"]["open"] == taken["token_units"]
    listed = ask("adjustment", "list", "--user", customer_id)
    assert [one["id"] for one in listed] == [taken["id"], given["id"]]
    assert [one["id"] for one in ask("adjustment", "list", "--limit", "1")] == [taken["id"]]
    more = cashback("adjustment", "debit", given["cashback_id"], "--amount", "301", *WHY, settings=dev.settings)
    assert more.code == EXIT_REJECTED
    assert "debit_above_rest" in more.err
    assert ask("reconcile")["findings"] == []


def test_people_read_what_was_given_without_a_purchase(
    dev: Dev, cashback: Cashback, ask: Ask, programme_id: str, customer_id: str
) -> None:
    """Each verb that shows a cashback or an adjustment has words for it, and none of them says None."""
    given = ask("adjustment", "credit", customer_id, "--programme", programme_id, "--amount", "500", *WHY)
    period = ("--from", "2020-01-01T00:00Z", "--to", "2100-01-01T00:00Z")
    for verb, told in {
        ("adjustment", "list"): "the parcel came late",
        ("adjustment", "show", given["id"]): "the parcel came late",
        ("decisions", "replay"): "",
        ("ledger", "statement", customer_id, *period): "Cashback given by hand",
        ("ledger", "statement", customer_id, *period, "--format", "csv"): "the parcel came late",
        ("review", "list"): "",
        ("expiring", "--within", "3650"): "",
        ("ledger", "trial-balance"): "balanced",
        ("ledger", "recompute"): "",
        ("ledger", "verify"): "no difference",
    }.items():
        said = cashback(*verb, settings=dev.settings)
        assert said.code == 0, (verb, said.err)
        words = " ".join((said.out + said.err).replace("│", " ").split())
        assert told in words, (verb, words)
        assert "Traceback" not in words


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_credits_are_refused_with_their_place(
    dev: Dev, cashback: Cashback, ask: Ask, programme_id: str, fault: str
) -> None:
    """The code and the pointer are told, and nothing is given."""
    changes, code, pointer = FAULTS[fault]
    options = {"--programme": programme_id, "--amount": "500", "--by": "alice", "--reason": "late"} | {
        name: value for name, value in changes.items() if name != "user"
    }
    before = {one["id"] for one in ask("adjustment", "list", "--limit", "200")}
    words = [part for name, value in options.items() for part in (f"{name}={value}",)]
    said = cashback("adjustment", "credit", changes.get("user", dev.user_id), *words, settings=dev.settings)
    assert said.code == EXIT_REJECTED, said.err + said.out
    assert code in said.err
    assert pointer in said.err
    assert {one["id"] for one in ask("adjustment", "list", "--limit", "200")} == before


@pytest.mark.parametrize(
    "name,amount,code,pointer",
    [
        (f"cb_{UNKNOWN}", "1", "cashback_unknown", "/cashback_id"),
        (f"cb_{UNKNOWN}", "0", "adjustment_invalid", "/amount_minor"),
    ],
)
def test_bad_debits_are_refused_with_their_place(
    dev: Dev, cashback: Cashback, name: str, amount: str, code: str, pointer: str
) -> None:
    """As credits are."""
    said = cashback("adjustment", "debit", name, "--amount", amount, *WHY, settings=dev.settings)
    assert (said.code, code in said.err, pointer in said.err) == (EXIT_REJECTED, True, True), said.err


def test_an_adjustment_that_is_none_is_not_shown(dev: Dev, cashback: Cashback) -> None:
    """By its code."""
    said = cashback("adjustment", "show", f"adj_{UNKNOWN}", settings=dev.settings)
    assert (said.code, "adjustment_unknown" in said.err) == (EXIT_REJECTED, True)
