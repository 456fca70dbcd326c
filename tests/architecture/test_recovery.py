"""Whatever a killed process leaves behind, a lease, a claim, a delivery in hand, is another's within ten seconds."""

import importlib
import re
from typing import Final

import pytest

from cashback.kernel.bus.link import ASK_TIMEOUT_S
from cashback.kernel.db import IDLE_IN_TRANSACTION_TIMEOUT_MS, LOCK_TIMEOUT_MS
from cashback.kernel.outbox.drain.absence import ROUND_TRIPS_MAX
from cashback.kernel.outbox.drain.drainer import LEASE_TTL_S
from cashback.kernel.outbox.drain.outlet import MANY, RETRY
from tests.architecture.tidy import ROOT
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S

RECOVERED_WITHIN_S: Final = 10.0

HOLDS: Final = {
    "cashback.chain.service.tenure.TTL_S": ("cashback.chain.service.lane._TENDING_S",),
    "cashback.kernel.bus.durable.ACK_WAIT_S": (),
    "cashback.kernel.bus.ordered.tenure.LEASE_TTL_S": ("cashback.kernel.bus.ordered.consumer.STANDBY_S",),
    "cashback.kernel.outbox.drain.drainer.LEASE_TTL_S": ("cashback.kernel.outbox.drain.drainer.STANDBY_S",),
    "cashback.ledger.service.leased.LEASE_TTL_S": (
        "cashback.processes.ledger_worker.ANCHOR_LOOK_EVERY_S",
        "cashback.processes.ledger_worker.LOOK_AT_CLOCK_EVERY_S",
        "cashback.processes.ledger_worker.SEAL_EVERY_S",
        "cashback.processes.ledger_worker.SUPPLY_LOOK_EVERY_S",
    ),
    "cashback.minting.service.follower.LEASE_TTL_S": ("cashback.minting.service.follower.STANDBY_S",),
    "cashback.minting.service.submitter.CLAIM_HOLD_S": ("cashback.minting.service.submitter.POLL_S",),
    "cashback.processes.reconciling.LEASE_TTL_S": ("cashback.processes.reconciling.LOOK_EVERY_S",),
    "cashback.webhooks.service.delivering.HOLD_S": ("cashback.webhooks.service.delivering.POLL_S",),
}
"""How long each lasts by itself, and how often others look for it, each of the loops that share it by its own."""

NO_HOLD: Final = {
    # Who presented a key is remembered in the process alone.
    "cashback.purchases.service.api_keys.CACHE_TTL_S"
}


@pytest.mark.parametrize("name, looks", HOLDS.items())
def test_what_a_killed_process_held_is_another_s_within_ten_seconds(name: str, looks: tuple[str, ...]) -> None:
    """The hold runs out, and somebody looks."""
    assert _value(name) + max(map(_value, looks), default=0.0) <= RECOVERED_WITHIN_S


def test_every_loop_under_a_lease_of_the_ledger_worker_is_among_those_that_look() -> None:
    """Also after a failure: what a loop could not do is tried again when it looks the next time."""
    source = (ROOT / "src/cashback/processes/ledger_worker.py").read_text()
    looks = {f"cashback.processes.ledger_worker.{name}" for name in re.findall(r"every_s=([A-Z_]+)", source)}
    assert looks == set(HOLDS["cashback.ledger.service.leased.LEASE_TTL_S"])


def test_relays_that_stay_away_from_a_broker_come_back_within_half_a_minute() -> None:
    """All of them may: the longest absence, and a try that is not answered in time."""
    assert ROUND_TRIPS_MAX * RETRY.ceiling_s(MANY) + ASK_TIMEOUT_S + LEASE_TTL_S <= RECOVERS_SERVER_WITHIN_S


def test_locks_of_a_process_that_stands_still_are_let_go_in_half_of_the_time() -> None:
    """And before others have given up waiting for them."""
    assert IDLE_IN_TRANSACTION_TIMEOUT_MS / 1_000 <= RECOVERED_WITHIN_S / 2
    assert IDLE_IN_TRANSACTION_TIMEOUT_MS < LOCK_TIMEOUT_MS


def test_every_lease_and_claim_is_among_them() -> None:
    """By its name: a new one is to be entered here, with who looks for it."""
    pattern = re.compile(r"^((?:[A-Z_]*TTL|[A-Z_]*HOLD|ACK_WAIT)_S)\b", re.MULTILINE)
    found = {
        ".".join((*path.relative_to(ROOT / "src").with_suffix("").parts, match[1]))
        for path in (ROOT / "src/cashback").rglob("*.py")
        for match in pattern.finditer(path.read_text())
    }
    assert found == {*HOLDS, *NO_HOLD}


def _value(name: str) -> float:
    """Return a number of seconds by where it stands."""
    module, _, attribute = name.rpartition(".")
    return float(getattr(importlib.import_module(module), attribute))
