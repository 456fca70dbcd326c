"""Taking signers out of service over gRPC: with a reason, by somebody who is named, and never the last one."""

import msgspec
import psycopg
import pytest
import structlog
from psycopg import errors

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.gateway.node import Node
from cashback.chain.model import AdapterRefused, Address, LaneView
from cashback.processes import adapter
from tests.integration.chain.levers import Lever
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import CHAIN_ID, Bench, assembled, loops, mint, running, serving
from tests.integration.chain.waiting import eventually


@pytest.fixture
async def two(settings: adapter.Settings) -> adapter.Settings:
    """Give the settings of an adapter with two lanes, whose signers may mint and can pay."""
    several = msgspec.structs.replace(settings, key_count=2)
    async with assembled(settings) as bench:
        for signer in several.signers():
            await bench.people.employ(signer.address)
    return several


async def lane(caller: Adapter, signer: Address) -> LaneView:
    """Return what is told of one signer's lane."""
    return next(one for one in (await caller.status()).lanes if one.address == signer)


@pytest.mark.invariant("I2", "I9")
async def test_a_signer_drains_while_its_successor_mints_and_is_told_when_its_key_may_go(two: adapter.Settings) -> None:
    """What it has sent becomes final; what comes later is carried by the other alone."""
    old, new = (signer.address for signer in two.signers())
    async with serving(two) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await eventually(lambda: _are_open(caller, 2))
        await bench.submit(*[mint(number) for number in range(1, 21)])
        await bench.reached(range(1, 21), "submitted", "included", "safe", "final")
        assert await caller.set_lane(old, is_draining=True, by="alice", reason="yearly rotation")
        assert (await lane(caller, old)).is_draining
        assert not await caller.set_lane(old, is_draining=True, by="bob", reason="once more")
        before = (await lane(caller, old)).next_nonce
        await bench.submit(*[mint(number) for number in range(21, 41)])
        await bench.settled(range(1, 41))
        await eventually(lambda: _is_drained(bench, caller, old))
        assert (await lane(caller, old)).next_nonce == before
        assert not (await lane(caller, new)).is_draining
        assert await caller.set_lane(old, is_draining=False, by="bob", reason="the new key is lost")
        assert not (await lane(caller, old)).is_draining
        journal = await bench.rows("select lane_journal.state, reason, person from chain.lane_journal order by id")
    assert journal == [("draining", "yearly rotation", "alice"), ("active", "the new key is lost", "bob")]


async def test_the_last_signer_that_takes_mints_is_not_taken_out(two: adapter.Settings) -> None:
    """Nor is one that nobody knows; and nobody without a name or a reason takes any out."""
    old, new = (signer.address for signer in two.signers())
    async with serving(two) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await eventually(lambda: _are_open(caller, 2))
        await caller.set_lane(old, is_draining=True, by="alice", reason="yearly rotation")
        refusals: list[tuple[Address, str, str, str]] = [
            (new, "alice", "a slip", "last signer that takes mints"),
            (Address(b"\1" * 20), "alice", "a slip", "no lane has the signer"),
            (new, " ", "a slip", "say who you are"),
            (new, "alice", "", "give a reason"),
        ]
        for signer, by, reason, told in refusals:
            with pytest.raises(AdapterRefused, match=told):
                await caller.set_lane(signer, is_draining=True, by=by, reason=reason)
        assert [one.is_draining for one in (await caller.status()).lanes if one.address == new] == [False]


@pytest.mark.invariant("I4")
async def test_a_key_that_is_taken_out_too_early_is_missed_aloud_and_its_lane_goes_on_with_it(
    two: adapter.Settings,
) -> None:
    """Its transaction waits in no pool any more and nobody else can send it; the next start with the key does."""
    old, _ = (signer.address for signer in two.signers())
    async with assembled(msgspec.structs.replace(two, key_count=1)) as bench, running(*loops(bench)):
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        await bench.sent()
    await forget_the_pool(two)
    with structlog.testing.capture_logs() as lines:
        async with serving(msgspec.structs.replace(two, key_index=2, key_count=1)) as bench:
            await bench.submit(mint(2))
            await bench.settled([2])
            assert [view.state for view in await bench.views([1])] == ["submitted"]
    missed = [line for line in lines if line["event"] == "lane.unattended"]
    assert [(line["signer"], line["open_slots"]) for line in missed] == [(f"0x{old.hex()}", 1)]
    async with serving(two) as bench:
        await bench.settled([1, 2])


async def forget_the_pool(settings: adapter.Settings) -> None:
    """Have the pool forget everything, and the node mine by itself again."""
    async with Node.open(settings.rpc_urls, chain_id=CHAIN_ID, timeout_s=10) as node:
        lever = Lever(node)
        await lever.call("anvil_dropAllTransactions")
        await lever.automine(is_on=True)


async def test_the_journal_of_lanes_is_written_once(settings: adapter.Settings) -> None:
    """The adapter's role adds to it and reads it, and that is all."""
    with psycopg.connect(settings.chain_dsn.value) as connection:
        for statement in (
            "delete from chain.lane_journal",
            "update chain.lane_journal set reason = 'another one'",
            "insert into chain.lane_journal (lane, state, reason, person, at) values (1, 'active', 'x', 'y', now())",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


async def _are_open(caller: Adapter, count: int) -> bool | None:
    """Tell whether so many lanes are open."""
    return True if len((await caller.status()).lanes) == count else None


async def _is_drained(bench: Bench, caller: Adapter, signer: Address) -> bool | None:
    """Tell whether a signer's lane is drained; a block is made before each look."""
    await bench.lever.mine()
    return (await lane(caller, signer)).is_drained or None
