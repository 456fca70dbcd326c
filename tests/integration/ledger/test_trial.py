"""The trial balance, and every balance computed anew: both add up, and both can fail."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.clock import advance, start_file
from cashback.kernel.config import Secret
from cashback.ledger.model.trial import KindSum
from cashback.ledger.rules.trial import is_due, trial_of
from cashback.ledger.service import Recomputer, trial, trial_balance
from cashback.ledger.service.figures import gauges
from cashback.ledger.service.trial import LEASE
from cashback.processes import recomputing
from tests.integration.ledger.sealing import fence_of, minted
from tests.integration.ledger.world import START, Dsns, World

DAY = timedelta(days=1)


@pytest.mark.invariant("I8")
async def test_debits_equal_credits_in_every_currency(world: World) -> None:
    """What is owed to the budget and by it, per kind, in money and in tokens (I8)."""
    await minted(world)
    told = await trial_balance(world.auditor, at=None, within_s=30)
    assert told.is_balanced
    assert {each.currency: (each.exponent, each.debit, each.credit) for each in told.currencies} == {
        "CBK": (6, "1500000", "1500000"),
        "USD": (2, "1000000", "1000000"),
    }
    kinds = {(each.currency, kind.kind): (kind.debit, kind.credit) for each in told.currencies for kind in each.kinds}
    assert kinds["USD", "funding"] == ("1000000", "0")
    assert kinds["CBK", "minted"] == ("0", "1500000")


@pytest.mark.invariant("I8")
async def test_a_trial_balance_of_the_past_is_that_of_the_past(world: World) -> None:
    """Computed from the transfers that were known then: after the grant, before the request (I8)."""
    await world.programme()
    assert (await trial_balance(world.auditor, at=START - DAY, within_s=30)).currencies == []
    world.clock.advance(DAY)
    await minted(world)
    then = await trial_balance(world.auditor, at=START, within_s=30)
    now = await trial_balance(world.auditor, at=world.clock.now(), within_s=30)
    assert [each.currency for each in then.currencies] == ["USD"]
    assert then.is_balanced
    as_it_stands = await trial_balance(world.auditor, at=None, within_s=30)
    assert [(each.currency, each.debit) for each in now.currencies] == [
        (each.currency, each.debit) for each in as_it_stands.currencies
    ]


async def test_a_balance_out_of_place_is_out_of_balance(world: World) -> None:
    """One unit too much in one account."""
    await minted(world)
    await world.rows("update ledger.accounts set balance = balance + 1 where kind = 'budget'")
    told = await trial_balance(world.auditor, at=None, within_s=30)
    assert (told.is_balanced, [each.currency for each in told.currencies if not each.is_balanced]) == (False, ["USD"])


def test_a_currency_is_balanced_by_itself() -> None:
    """Too much of one never makes up for too little of another."""
    sums = [KindSum("EUR", "budget", 1, 0, 5), KindSum("USD", "funding", 1, 5, 0)]
    assert not trial_of(sums, at=None).is_balanced


async def test_every_balance_is_computed_anew(world: World) -> None:
    """From the transfers, and the run is recorded in the name of whoever asked."""
    await minted(world)
    accounts = await world.one("select count(*) from ledger.accounts")
    entries = await world.one("select count(*) from ledger.entries")
    done = await Recomputer(world.worker, clock=world.clock, by="alice").recompute()
    assert (done.accounts, done.entries, done.differences, done.first_difference) == (accounts, entries, 0, None)
    assert await world.rows("select by, accounts, entries, differences from ledger.recomputations") == [
        ("alice", accounts, entries, 0)
    ]


@pytest.mark.parametrize(
    "plant",
    [
        "update ledger.accounts set balance = balance + 1 where kind = 'budget'",
        "update ledger.transfers set amount = amount + 1 where cause = 'accrual'",
        "update ledger.transfers set debit_balance_after = 1 where cause = 'accrual'",
        "delete from ledger.transfers where cause = 'accrual'",
    ],
)
async def test_a_balance_that_is_not_what_its_entries_say_sounds_the_alarm(world: World, plant: str) -> None:
    """Balance, sum of the entries, and balance after the last: all three, and the first account is named."""
    await minted(world)
    await world.rows(f"set session_replication_role = replica; {plant}")
    done = await Recomputer(world.worker, clock=world.clock, by="alice").recompute()
    assert done.differences >= 1
    assert "/budget/USD holds" in (done.first_difference or "")
    await gauges(world.worker, clock=world.clock).look()
    assert REGISTRY.get_sample_value("cashback_ledger_recomputed_differences") == done.differences
    assert await world.one("select first_difference from ledger.recomputations") == done.first_difference


async def test_stretches_make_no_difference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few accounts are computed at a time."""
    await minted(world)
    whole = await Recomputer(world.worker, clock=world.clock, by="alice").recompute()
    for stretch in (1, 2, 3):
        monkeypatch.setattr(trial, "STRETCH", stretch)
        assert await Recomputer(world.worker, clock=world.clock, by="alice").recompute() == whole


async def test_it_is_done_once_a_night(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch a turn, so that the lease is renewed in between; then not before the next night."""
    monkeypatch.setattr(trial, "STRETCH", 2)
    await minted(world)
    recomputer, fence = Recomputer(world.worker, clock=world.clock, by="night"), await fence_of(world, name=LEASE)
    turns = 1
    while await recomputer.turn(fence):
        turns += 1
    assert turns > 2
    assert await world.one("select count(*) from ledger.recomputations") == 1
    assert not await recomputer.turn(fence)
    world.clock.advance(DAY)
    while await recomputer.turn(fence):
        pass
    assert await world.one("select count(*) from ledger.recomputations") == 2


async def test_whoever_gets_the_lease_anew_begins_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another worker did in between is not mixed with what this one had begun."""
    monkeypatch.setattr(trial, "STRETCH", 2)
    await minted(world)
    slow, first = Recomputer(world.worker, clock=world.clock, by="slow"), await fence_of(world, name=LEASE)
    assert await slow.turn(first)
    await world.rows("update ledger.leases set expires_at = clock_timestamp()")
    other, second = (
        Recomputer(world.worker, clock=world.clock, by="other"),
        await fence_of(world, name=LEASE, holder="two"),
    )
    while await other.turn(second):
        pass
    await world.rows("update ledger.leases set expires_at = clock_timestamp()")
    third = await fence_of(world, name=LEASE)
    assert not await slow.turn(third)
    assert await world.rows("select by from ledger.recomputations") == [("other",)]


@pytest.mark.parametrize(
    "now,last,due",
    [
        ("2026-03-02T03:00", None, True),
        ("2026-03-02T03:00", "2026-03-01T03:00", True),
        ("2026-03-02T02:59", "2026-03-01T03:00", False),
        ("2026-03-02T02:59", "2026-03-01T02:59", True),
        ("2026-03-02T23:59", "2026-03-02T03:00", False),
        ("2026-03-05T01:00", "2026-03-02T03:00", True),
    ],
)
def test_it_is_due_from_the_hour_on(now: str, last: str | None, due: bool) -> None:
    """Once a day; a night that was missed is made up for."""
    last_at = None if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert is_due(datetime.fromisoformat(now).replace(tzinfo=UTC), last_began_at=last_at, hour=3) is due


@pytest.mark.parametrize("role", ["cashback_api", "cashback_relay", "cashback_auditor"])
def test_only_the_worker_and_an_operator_record_a_run(dsns: Dsns, role: str) -> None:
    """And nobody changes one."""
    with psycopg.connect(dsns.of(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into ledger.recomputations (by) values ('me')")
    with psycopg.connect(dsns.superuser) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from ledger.recomputations")


async def test_a_person_recomputes_by_business_time_as_the_worker_does(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the worker, whose time was moved ahead, would not see that tonight's is done."""
    start_file(tmp_path / "clock")
    advance(tmp_path / "clock", 3 * DAY)
    monkeypatch.setenv("CASHBACK_CLOCK_PATH", str(tmp_path / "clock"))
    monkeypatch.setenv("CASHBACK_DEVELOPMENT", "true")
    settings = recomputing.Settings(ledger_operator_dsn=Secret(world.dsns.of("cashback_operator")))
    done = await recomputing.recompute(settings, by="alice", reached=lambda _: None)
    assert done.began_at - datetime.now(UTC) > 2 * DAY
    assert await world.one("select began_at from ledger.recomputations") == done.began_at
