"""The books of a running system: chained, sealed and recomputed without anybody asking for it."""

from typing import Any, Final

import msgspec
import pytest

from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev

WITHIN_S: Final = 60.0


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
