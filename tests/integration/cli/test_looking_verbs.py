"""What an operator looks up from the command line of a running system: people, rates, lines, pauses, decisions."""

from typing import Any

import pytest

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Cashback, Dev

WHY = ("--by", "alice", "--reason", "a wrong rate")


@pytest.fixture
def ask(dev: Dev, cashback: Cashback) -> Any:  # noqa: ANN401  # a verb's own answer
    """Give a way to run a verb, which must be done in both forms, and to have its JSON."""

    def run(*words: str) -> Any:  # noqa: ANN401  # as above
        said = cashback(*words, "--json", settings=dev.settings)
        assert said.code == 0, said.err + said.out
        plain = cashback(*words, settings=dev.settings)
        assert plain.code == 0, plain.err
        assert plain.out + plain.err
        return said.json

    return run


def test_people_are_looked_up_with_what_they_earned(dev: Dev, ask: Any) -> None:  # noqa: ANN401  # as above
    """The user of the first purchase: the wallet, the cashback, and the same of it in ledger and wallet."""
    story = ask("purchase", "show", dev.purchase_id)
    user = ask("user", "show", dev.user_id)
    assert (user["id"], user["is_blocked"]) == (dev.user_id, False)
    assert story["cashback"]["id"] in [item["id"] for item in ask("user", "cashback", dev.user_id)]
    assert len(ask("user", "cashback", dev.user_id, "--limit", "1")) == 1
    balance = ask("user", "balance", dev.user_id)
    assert (balance["user_id"], balance["wallet"]) == (dev.user_id, user["wallet"])
    assert int(balance["ledger"][0]["granted"]["cashbacks"]) >= 1
    assert ask("merchant", "show", dev.merchant_id)["id"] == dev.merchant_id


def test_people_and_what_they_bought_are_found_by_what_is_known_of_them(dev: Dev, ask: Any) -> None:  # noqa: ANN401  # as above
    """The first purchase by its user and merchant, and these by wallet and name."""
    bought = ask("purchase", "list", "--user", dev.user_id, "--merchant", dev.merchant_id, "--limit", "200")
    assert dev.purchase_id in [item["id"] for item in bought]
    user, merchant = ask("user", "show", dev.user_id), ask("merchant", "show", dev.merchant_id)
    assert dev.user_id in [one["id"] for one in ask("user", "list", "--wallet", user["wallet"])]
    named = ask("merchant", "list", "--name", merchant["name"], "--active", "--limit", "200")
    assert dev.merchant_id in [one["id"] for one in named]
    assert ask("refund", "list", "--merchant", dev.merchant_id, "--order", "asc", "--limit", "1") is not None


def test_nobody_is_looked_up_in_vain_without_being_told(dev: Dev, cashback: Cashback) -> None:
    """Exit code 4 and the code of the refusal."""
    for words, code in (
        (("user", "show", "usr_01k9z3v6q8e2r9xw5t4c7m1n0p"), "user_unknown"),
        (("merchant", "show", "mer_nobody"), "merchant_unknown"),
        (("rates", "show", "EUR", "JPY", "--at", "2001-01-01T00:00:00Z"), "rate_unknown"),
        (("debts", "write-offs", dev.user_id + "x"), "debt_unknown"),
        (("campaign", "waitlist", "cmp_nobody"), "campaign_unknown"),
        (("programme", "pauses", "prg_nobody"), "programme_unknown"),
        (("decisions", "replay", "cb_nobody"), "cashback_unknown"),
    ):
        said = cashback(*words, settings=dev.settings)
        assert (said.code, code in said.err) == (EXIT_REJECTED, True), (words, said.err)


def test_lines_pauses_rates_and_decisions_are_looked_up(dev: Dev, cashback: Cashback, ask: Any) -> None:  # noqa: ANN401  # as above
    """What was ordered a moment ago is told."""
    story = ask("purchase", "show", dev.purchase_id)["cashback"]
    programme_id = story["programme_id"]
    for act in ("pause", "resume"):
        assert cashback("programme", act, programme_id, *WHY, settings=dev.settings).code == 0
    resumed, paused = ask("programme", "pauses", programme_id, "--limit", "2")
    assert (resumed["is_paused"], paused["is_paused"], paused["reason"]) == (False, True, "a wrong rate")
    [campaign] = [one for one in ask("campaign", "list", programme_id) if one["name"] == "base"]
    assert ask("campaign", "waitlist", campaign["id"]) == []
    assert cashback("rates", "put", "CHF", "USD", "1.1", "--source", "test", settings=dev.settings).code == 0
    rate = ask("rates", "show", "CHF", "USD", "--at", "2099-01-01T00:00:00Z")
    assert (rate["numerator"], rate["denominator"], rate["source"]) == (11, 10, "test")
    replayed = ask("decisions", "replay", story["id"])
    assert (replayed["decisions"], replayed["different"]) == (1, 0)
    both = cashback("decisions", "replay", story["id"], "--from", "2026-11-01T00:00:00Z", settings=dev.settings)
    assert both.code == 2
