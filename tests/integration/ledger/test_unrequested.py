"""Cashbacks whose mint could be requested and is not, as `cashback doctor` finds them while no worker is at work."""

from datetime import timedelta

import pytest

from cashback.kernel.clock import ManualClock
from cashback.kernel.config import Secret
from cashback.ledger import Readings
from cashback.ledger.service import readings
from cashback.processes import doctor
from cashback.processes.doctor.ledger import RequestsOverdue, requests
from cashback.processes.embedded import EmbeddedNats
from tests.integration.ledger.lives import bought
from tests.integration.ledger.world import World, buy, wallet_number

MINUTE = timedelta(minutes=1)


async def unrequested(world: World) -> list[str]:
    """Return what was approved and had a wallet a minute ago, and is not requested, by the auditor's role."""
    return await Readings(world.auditor).unrequested(due_by=world.clock.now() - MINUTE, limit=10)


async def test_what_has_a_wallet_and_is_not_requested_is_found_after_a_while(world: World) -> None:
    """And no more once it is requested; what waits for a wallet is no worker's to move."""
    await world.programme()
    [with_wallet], _ = await bought(world), await bought(world, wallet=None)
    assert await unrequested(world) == []
    world.clock.advance(MINUTE)
    assert await unrequested(world) == [with_wallet]
    await world.request(with_wallet)
    assert await unrequested(world) == []


async def test_a_wallet_that_was_linked_just_now_is_given_the_same_while(world: World) -> None:
    """However long its user's cashbacks have waited for it."""
    await world.programme()
    user, merchant = await world.user(wallet=None), await world.merchant()
    [answer] = await world.record(buy(user, merchant))
    world.clock.advance(timedelta(days=10))
    await world.link(user, wallet_number(7))
    assert await unrequested(world) == []
    world.clock.advance(MINUTE)
    assert await unrequested(world) == [answer.cashback.id]


async def test_what_is_paused_or_was_until_now_is_not_due(world: World) -> None:
    """The worker comes to it a while after the pause has ended."""
    programme = await world.programme()
    [cashback] = await bought(world)
    world.clock.advance(timedelta(hours=1))
    await world.rows("update ledger.programmes set paused_at = %s", world.clock.now())
    assert await unrequested(world) == []
    await world.rows("update ledger.programmes set paused_at = null")
    await world.rows(
        "insert into ledger.programme_pauses (programme_id, is_paused, person, reason, at)"
        " values (%s, false, 'alice', 'mended', %s)",
        programme.id,
        world.clock.now(),
    )
    assert await unrequested(world) == []
    world.clock.advance(MINUTE)
    assert await unrequested(world) == [cashback]


async def test_so_many_are_looked_through_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest: without a worker these wait as well as all before them."""
    monkeypatch.setattr(readings, "UNREQUESTED_AMONG", 2)
    await world.programme()
    [oldest] = await bought(world)
    for expected in ([oldest], []):
        world.clock.advance(MINUTE)
        await bought(world, wallet=None)
        world.clock.advance(MINUTE)
        assert await unrequested(world) == expected
    [newest] = await bought(world)
    world.clock.advance(MINUTE)
    assert await unrequested(world) == [newest]


async def test_doctor_names_them_and_the_worker_to_start(
    world: World, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to five, each by its id; and says so when none is due."""
    later = ManualClock(world.clock.now() + timedelta(minutes=2))
    monkeypatch.setattr("cashback.processes.doctor.ledger.business_clock", lambda: later)
    dsn = Secret(world.dsns.of("cashback_auditor"))
    await world.programme()
    assert await requests(dsn) == "whatever is approved and has a wallet was requested"
    ids = [(await bought(world))[0] for _ in range(6)]
    with pytest.raises(RequestsOverdue, match="start `cashback worker ledger`") as said:
        await requests(dsn)
    named = [one for one in sorted(ids) if one in said.value.detail]
    assert (named, "and more" in said.value.detail) == (sorted(ids)[:5], True)
    await world.request(*ids)
    assert await requests(dsn) == "whatever is approved and has a wallet was requested"
    assert "mint requests" in {one.what for one in await doctor.examine(ledger_alone(world, nats))}


def ledger_alone(world: World, nats: EmbeddedNats) -> doctor.Settings:
    """Return settings under which all but the ledger is away, or has nothing."""
    # Nothing of minting and the chain is in it; what is not there at all is waited for, for seconds.
    dsn = Secret(world.dsns.of("cashback_auditor"))
    return doctor.Settings(
        ledger_audit_dsn=dsn,
        minting_audit_dsn=dsn,
        chain_audit_dsn=dsn,
        nats_url=nats.url(),
        adapter_address="127.0.0.1:1",
    )
