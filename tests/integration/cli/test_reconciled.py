"""`cashback dev` reconciles by itself, books the token's supply, and says so to whoever asks."""

from typing import Any

import pytest

from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev

WITHIN_S = 60


@pytest.mark.invariant("I10")
def test_dev_reconciles_by_itself_and_books_the_supply(dev: Dev, cashback: Cashback) -> None:
    """Nobody ran `cashback reconcile`, and status, doctor and list of runs tell what the worker's run read (I10)."""

    def last() -> dict[str, Any]:
        """Return what `chain status` tells of the last reconciliation."""
        told = cashback("chain", "status", "--json", settings=dev.settings)
        assert isinstance(told.json, dict)
        found: dict[str, Any] = told.json["reconciliation"]
        return found

    assert eventually(lambda: last()["booked_block"] is not None, within_s=WITHIN_S)
    assert (last()["kinds"], last()["unexplained"]) == ({}, "0")
    status = cashback("chain", "status", settings=dev.settings)
    assert (status.code, "last reconciliation" in status.out) == (0, True), status.out
    doctor = cashback("doctor", settings=dev.settings)
    assert (doctor.code, "booked at block" in " ".join(doctor.out.split())) == (0, True), doctor.out
    listed = cashback("reconcile", "--last", "100", "--json", settings=dev.settings)
    assert isinstance(listed.json, list)
    assert "worker" in {run["asked_by"] for run in listed.json}
