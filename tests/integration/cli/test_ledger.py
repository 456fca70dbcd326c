"""The books of a running system: chained, sealed, anchored and recomputed without anybody asking for it."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from cashback.cli.command import EXIT_DIFFERENCE
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev

WITHIN_S: Final = 60.0
CAUSES: Final = 4
"""The lines of a cashback that was granted and minted: accrual, conversion, request, mint."""
ANCHORED_WITHIN_S: Final = 120.0
"""Two intervals of anchors, and what it takes a block to be final."""


def test_the_worker_chains_what_was_posted(dev: Dev, cashback: Cashback) -> None:
    """Leaves for every transfer a second later, all of them sound, and a user whose balance can be asked for."""

    def told(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback(*words, "--json", settings=dev.settings)
        assert said.code == 0, said.err + said.out
        return msgspec.json.decode(said.out)

    words = [*("purchase", "create", "--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "1999")]
    made = told(*words)
    cashback_id = made["cashback"]["id"]
    period = ("--from", "2026-01-01T00:00Z", "--to", "2126-01-01T00:00Z", "--format", "json")

    def causes() -> set[str]:
        said = cashback("ledger", "statement", dev.user_id, *period, settings=dev.settings)
        statement = msgspec.json.decode(said.out)
        lines = (*statement["money_lines"], *statement["token_lines"])
        return {line["cause"] for line in lines if line["cashback_id"] == cashback_id}

    assert eventually(lambda: causes() == {"accrual", "conversion", "request", "mint"}, within_s=WITHIN_S)
    assert eventually(lambda: told("ledger", "verify")["waiting"] == 0, within_s=WITHIN_S)
    checked = told("ledger", "verify")
    assert (checked["flaw"], checked["leaves"] >= 5) == (None, True)
    balance = told("ledger", "balance", dev.user_id, "--known-at", "2126-01-01T00:00Z")
    assert int(balance["tokens"][0]["total"]) >= int(made["cashback"]["token_units"])


@pytest.mark.parametrize("verb", ["verify", "trial-balance", "recompute"])
def test_the_books_verbs_tell_people_and_programs(verb: str, dev: Dev, cashback: Cashback) -> None:
    """With --json there is one document on standard output and nothing else; without it there are words."""
    told = cashback("ledger", verb, "--json", settings=dev.settings)
    assert (told.code, isinstance(told.json, dict)) == (0, True), told.err
    shown = cashback("ledger", verb, settings=dev.settings)
    assert (shown.code, "{" in shown.out) == (0, False)
    assert (shown.out + shown.err).strip()


def test_a_stranger_finds_what_a_cashback_earned_on_the_chain(
    dev: Dev, cashback: Cashback, customer_id: str, tmp_path: Path
) -> None:
    """Sealed, anchored by the adapter until final, proved in a file, and checked with a node and without a setting.

    Of a root that stands in no event of the contract that is asked, the check says so; and what the chain shows, the
    books have.
    """
    words = ("purchase", "create", "--merchant", dev.merchant_id, "--user", customer_id, "--amount", "1999", "--json")
    made = msgspec.json.decode(cashback(*words, settings=dev.settings).out)
    proof = tmp_path / "proof.json"

    def is_final() -> bool:
        said = cashback("ledger", "prove", made["cashback"]["id"], settings=dev.settings)
        proof.write_text(said.out, encoding="utf-8")
        stretches = msgspec.json.decode(said.out)["stretches"] if said.code == 0 else []
        lines = msgspec.json.decode(said.out)["lines"] if said.code == 0 else []
        return len(lines) >= CAUSES and all(each["anchor"] and each["anchor"]["state"] == "final" for each in stretches)

    assert eventually(is_final, within_s=ANCHORED_WITHIN_S)
    node = ("--rpc-url", dev.settings["CASHBACK_RPC_URLS"])
    minter = ("--minter", dev.settings["CASHBACK_MINTER_ADDRESS"])
    check = ("ledger", "verify", "--proof", str(proof), "--json", *node)
    checked = cashback(*check, *minter, settings={})
    assert (checked.code, msgspec.json.decode(checked.out)["flaw"]) == (0, None), checked.err
    proved = msgspec.json.decode(checked.out)["proved"]
    assert (proved["cashback_id"], len(proved["lines"])) == (made["cashback"]["id"], CAUSES)

    one = cashback(
        "ledger", "prove", made["cashback"]["id"], "--line", proved["lines"][0]["position"], settings=dev.settings
    )
    proof.write_text(one.out, encoding="utf-8")
    alone = msgspec.json.decode(cashback(*check, *minter, settings={}).out)
    assert (alone["flaw"], alone["proved"]["lines"]) == (None, proved["lines"][:1])

    by_id = ("ledger", "verify", made["cashback"]["id"], "--json", *node)
    mine = cashback(*by_id, *minter, settings=dev.settings)
    [told_of_it] = msgspec.json.decode(mine.out)["cashbacks"]
    assert (mine.code, told_of_it["lines"], told_of_it["flaw"]) == (0, CAUSES, None), mine.err
    assert {anchor["state"] for anchor in told_of_it["anchors"]} == {"final"}
    elsewhere = cashback(*by_id, "--minter", dev.settings["CASHBACK_TOKEN_ADDRESS"], settings=dev.settings)
    assert elsewhere.code == EXIT_DIFFERENCE

    other = cashback(*check, "--minter", dev.settings["CASHBACK_TOKEN_ADDRESS"], settings={})
    assert (other.code, msgspec.json.decode(other.out)["flaw"]["fault"]) == (EXIT_DIFFERENCE, "anchor_unknown")
    whole = cashback("ledger", "verify", "--json", *node, *minter, settings=dev.settings)
    told = msgspec.json.decode(whole.out)
    assert (whole.code, told["flaw"]) == (0, None), whole.err
    assert cashback("reconcile", "--json", settings=dev.settings).code == 0
