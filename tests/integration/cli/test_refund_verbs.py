"""Refunds and debts from the command line of a running system, before and after the mint."""

from typing import Any

import msgspec

from cashback.cli.command import EXIT_REJECTED
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev


def test_a_purchase_is_returned_and_what_is_owed_for_it_is_given_up(
    dev: Dev, cashback: Cashback, customer_id: str
) -> None:
    """A line of it while it is fresh or minted, the rest after the mint; then the debt is shown and written off."""

    def ask(*arguments: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback(*arguments, "--json", settings=dev.settings)
        assert said.code == 0, said.err + said.out
        return msgspec.json.decode(said.out)

    bought = ["purchase", "create", "--merchant", dev.merchant_id, "--user", customer_id, "--amount", "1999"]
    purchase = ask(*bought, "--line", "amount=1000,sku=A-1,quantity=2", "--line", "amount=999")
    assert [line["amount_minor"] for line in purchase["lines"]] == ["1000", "999"]

    def minted() -> bool:
        """Tell whether its mint is final."""
        return bool(ask("purchase", "show", purchase["id"])["cashback"]["state"] == "minted")

    assert eventually(minted, within_s=60.0)
    words = ("refund", "create", "--purchase", purchase["id"], "--reason", "sent back")
    refund = ask(*words, "--line", "2=999")
    assert (refund["state"], refund["cashback"]["net_minor"]) == ("applied", "50")
    assert ask("refund", "show", refund["id"]) == refund
    assert ask(*words, "--amount", "1000")["cashback"]["state"] == "reversed"
    too_much = cashback(*words, "--amount", "1", settings=dev.settings)
    assert (too_much.code, "refund_above_purchase" in too_much.err) == (EXIT_REJECTED, True)
    figures = ask("debts", "show", customer_id)["figures"]
    assert (figures["requested"], figures["open"]) == ("990000", "990000")
    assert customer_id in [debtor["user_id"] for debtor in ask("debts", "list")["users"]]
    given_up = ask("debts", "write-off", customer_id, "--by", "alice", "--reason", "moved away")
    assert given_up["token_units"] == "990000"
    ahead = ("refund", "create", "--merchant", dev.merchant_id, "--purchase-reference", "not here yet")
    parked = ask(*ahead, "--amount", "5", "--reason", "early")
    assert [one["id"] for one in ask("refund", "parked")] == [parked["id"]]
    for verb in (
        ("refund", "show", refund["id"]),
        ("refund", "parked"),
        ("debts", "list"),
        ("debts", "show", customer_id),
    ):
        said = cashback(*verb, settings=dev.settings)
        assert said.code == 0, said.err
    # Ledger and chain agree all the while; a difference would be exit code 3.
    assert ask("reconcile")
