"""The settings of the three processes: what is missing or wrong is told at the start, all of it at once."""

from typing import Any

import pytest

from cashback.kernel.config import SettingsInvalid, load
from cashback.processes import ledger_worker, mint_worker, relay

COMPLETE = {
    "CASHBACK_MINTING_DSN": "postgresql://localhost/minting",
    "CASHBACK_LEDGER_DSN": "postgresql://localhost/cashback",
    "CASHBACK_RELAY_DSN": "postgresql://localhost/cashback",
    "CASHBACK_RELAY_SERVICE": "cashback",
    "CASHBACK_NATS_URL": "nats://localhost",
    "CASHBACK_PROBE_PORT": "9000",
    "CASHBACK_ADAPTER_ADDRESS": "localhost:50051",
}


@pytest.mark.parametrize(
    "process, required",
    [
        (mint_worker, ["MINTING_DSN", "NATS_URL", "ADAPTER_ADDRESS", "PROBE_PORT"]),
        (ledger_worker, ["LEDGER_DSN", "NATS_URL", "ADAPTER_ADDRESS", "PROBE_PORT"]),
        (relay, ["RELAY_SERVICE", "RELAY_DSN", "NATS_URL", "PROBE_PORT"]),
    ],
)
def test_what_is_missing_is_told_at_once(process: Any, required: list[str]) -> None:  # noqa: ANN401  # a module
    """A person mends it in one go, and nothing more is required."""
    with pytest.raises(SettingsInvalid) as caught:
        load(process.Settings, {})
    assert sorted(caught.value.problems) == sorted(f"CASHBACK_{name} is required" for name in required)
    load(process.Settings, COMPLETE)


@pytest.mark.parametrize(
    "process, name, wrong",
    [
        (mint_worker, "ADAPTER_ADDRESS", "localhost"),
        (mint_worker, "ADAPTER_ADDRESS", "localhost:"),
        (mint_worker, "ADAPTER_ADDRESS", ":50051"),
        (mint_worker, "ADAPTER_ADDRESS", "localhost:port"),
        (mint_worker, "ADAPTER_ADDRESS", "localhost:99999"),
        (ledger_worker, "PROBE_PORT", "0"),
        (relay, "PROBE_PORT", "65536"),
        (relay, "RELAY_SERVICE", "chain"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(process: Any, name: str, wrong: str) -> None:  # noqa: ANN401  # a module
    """At the start, not when the first mint is submitted."""
    with pytest.raises(SettingsInvalid) as caught:
        load(process.Settings, {**COMPLETE, f"CASHBACK_{name}": wrong})
    assert [problem.split()[0] for problem in caught.value.problems] == [f"CASHBACK_{name}"]


def test_no_secret_shows_in_the_settings_of_a_process() -> None:
    """They may be logged."""
    settings = load(mint_worker.Settings, {**COMPLETE, "CASHBACK_NATS_PASSWORD": "hunter2"})
    assert "postgresql" not in repr(settings)
    assert "hunter2" not in repr(settings)
