"""`cashback mint show` on a running system: one mint in every detail, by its number and by its cashback."""

from typing import Any, Final

from cashback.cli.command import EXIT_REJECTED
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev

WITHIN_S: Final = 60.0


def asked(cashback: Cashback, dev: Dev, *words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
    """Return what a verb tells a program."""
    said = cashback(*words, "--json", settings=dev.settings)
    assert said.code == 0, said.err
    return said.json


def test_a_mint_is_shown_as_minting_and_the_adapter_know_it_with_its_attempts(dev: Dev, cashback: Cashback) -> None:
    """By its number or its cashback; the transaction is the one that the purchase's story tells, and was answered."""
    words = ("purchase", "create", "--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "700")
    made = asked(cashback, dev, *words)
    found: list[Any] = []

    def is_final() -> bool:
        found[:] = [asked(cashback, dev, "purchase", "show", made["id"])["cashback"]]
        mint = found[0]["mint"]
        return found[0]["state"] == "minted" and not mint["is_stale"]

    assert eventually(is_final, within_s=WITHIN_S), found
    shown = asked(cashback, dev, "mint", "show", made["cashback"]["id"])
    assert shown == asked(cashback, dev, "mint", "show", shown["minting"]["number"])
    assert (shown["minting"]["state"], shown["adapter"]["state"]) == ("minted", "final")
    assert shown["adapter"]["transaction"] == found[0]["mint"]["transaction_hash"]
    assert shown["minting"]["recipient"] == found[0]["mint"]["recipient"]
    assert shown["adapter"]["transaction"] in [one["transaction"] for one in shown["attempts"]]
    assert all(one["answer"] for one in shown["attempts"])
    told = cashback("mint", "show", made["cashback"]["id"], settings=dev.settings)
    assert shown["adapter"]["transaction"] in told.out


def test_a_mint_that_is_none_is_refused(dev: Dev, cashback: Cashback) -> None:
    """A number that nobody gave, and what is neither a number nor a cashback."""
    assert cashback("mint", "show", "999999999", settings=dev.settings).code == EXIT_REJECTED
    assert cashback("mint", "show", "pur_1", settings=dev.settings).code == 2
