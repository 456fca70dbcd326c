"""When the last reconciliation is too old, and what of it a person hears."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cashback.ledger.model.supply import Supply
from cashback.processes.reconciled import Reconciled, concerns, summary

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STALE = timedelta(hours=3)
WELL = Reconciled(
    ended_at=NOW - timedelta(hours=1),
    whole_ended_at=NOW - timedelta(hours=10),
    at_block=7,
    kinds={},
    since=NOW - timedelta(days=9),
    unexplained=0,
    booked=None,
)
NEVER = msgspec.structs.replace(WELL, ended_at=None, whole_ended_at=None, at_block=None)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, None),
        ({"ended_at": NOW - STALE}, None),
        ({"ended_at": NOW - STALE - timedelta(seconds=1)}, "the last reconciliation was 3 h ago"),
        ({"whole_ended_at": NOW - timedelta(hours=27)}, None),
        ({"whole_ended_at": NOW - timedelta(hours=28)}, "the last whole reconciliation was more than a day ago"),
        ({"whole_ended_at": None}, "the last whole reconciliation was more than a day ago"),
        ({"kinds": {"wrong_amount": 2, "nonce_gap": 1}}, "found wrong_amount 2, nonce_gap 1: cashback reconcile"),
        ({"unexplained": -1_000}, "-1,000 base units of the supply are explained by no request and no burn"),
    ],
)
def test_what_needs_a_person_is_said(changes: dict[str, object], words: str | None) -> None:
    """An old run, a whole one that is more than a day older than that, a difference, and unexplained supply."""
    found = concerns(msgspec.structs.replace(WELL, **changes), now=NOW, stale=STALE)
    assert [words is not None and words in one for one in found] == ([] if words is None else [True])


@pytest.mark.parametrize(
    "since, is_told", [(None, False), (NOW - STALE, False), (NOW - STALE - timedelta(seconds=1), True)]
)
def test_that_nothing_was_ever_reconciled_is_said_once_there_was_time_to(since: datetime | None, is_told: bool) -> None:
    """A worker without the auditors' DSNs has none made; a ledger that is empty or young needs none yet."""
    found = concerns(msgspec.structs.replace(NEVER, since=since), now=NOW, stale=STALE)
    assert [one.startswith("nothing was ever reconciled") for one in found] == [True] * is_told


def test_the_last_run_is_summed_up() -> None:
    """With its age and its block, and what is booked."""
    assert summary(NEVER, now=NOW) == "none yet"
    assert summary(WELL, now=NOW) == "60 min ago, up to block 7; no supply is booked yet"
    booked = Supply(reconciliation=1, at_block=6, at_block_hash="0x", explained=5_000, burned=1_000, total_supply=4_000)
    said = summary(msgspec.structs.replace(WELL, booked=booked), now=NOW)
    assert said == "60 min ago, up to block 7; supply 4,000 booked at block 6"
