"""Who may act on a lane: holders that stood still, halts that come in between, turns longer than the lease."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest
import structlog
from prometheus_client import REGISTRY

from cashback.chain.gateway.node import Node
from cashback.chain.model import ChainDiverged, LeaseLost, MintingHalted, RaceLost
from cashback.chain.service.sequencing import Sequencer
from cashback.chain.service.tenure import TTL_S
from cashback.processes import adapter, signing
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.slow import SlowContracts, SlowSigner
from tests.integration.chain.support import CHAIN_ID, Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import eventually


@pytest.fixture
async def node_of(settings: adapter.Settings) -> AsyncIterator[Node]:
    """Give the chain as these tests reach it themselves."""
    async with Node.open(settings.rpc_urls, chain_id=CHAIN_ID, timeout_s=5) as node:
        yield node


async def prepared(bench: Bench) -> Sequencer:
    """Return the sequencer of an adapter that holds its lane, opened, with one ripe mint waiting."""
    lane = bench.adapter.lanes[0]
    assert await lane._tenure.hold()
    await lane._serve()
    await bench.submit(mint(1))
    await bench.ripe()
    return lane._intake.sequencer


async def halted_reason(bench: Bench) -> str | None:
    """Return why minting is halted, None when it is not."""
    return (await bench.adapter.reading.status()).network.halted_reason


@pytest.mark.invariant("I2", "I9")
async def test_a_holder_that_wakes_after_another_has_sent_halts_nothing(
    settings: adapter.Settings, node_of: Node, chain_dsn: str
) -> None:
    """The chain has seen more nonces than it remembers: those of its successor, and it is not its to judge any more."""
    async with assembled(settings) as sleeper, assembled(settings) as successor:

        async def succeeded() -> None:
            """Let the other adapter take the lease and send."""
            with psycopg.connect(chain_dsn) as connection:
                connection.execute("update chain.leases set expires_at = now()")
            async with running(successor.adapter.lanes[0].run):
                await successor.reached([1], "submitted")
                await successor.sent()

        sequencer = await prepared(sleeper)
        sequencer._reserving._contracts = SlowContracts(node_of, settings=settings, meanwhile=succeeded)
        with pytest.raises(LeaseLost):
            await sequencer.turn()
        assert await halted_reason(sleeper) is None
        assert await sleeper.rows("select nonce from chain.slots") == [(0,)]


@pytest.mark.invariant("I2", "I9")
async def test_a_holder_that_has_the_lease_again_after_another_has_sent_halts_nothing(
    settings: adapter.Settings, node_of: Node
) -> None:
    """The records hold the nonces by now; what it read before it stood still proves nothing."""
    async with assembled(settings) as sleeper, assembled(settings) as successor:
        tenure = sleeper.adapter.lanes[0]._tenure

        async def succeeded() -> None:
            """Let the other adapter take the lease and send."""
            await tenure.release()
            async with running(successor.adapter.lanes[0].run):
                await successor.reached([1], "submitted")
                await successor.sent()
            assert await tenure.hold()

        sequencer = await prepared(sleeper)
        sequencer._reserving._contracts = SlowContracts(node_of, settings=settings, meanwhile=succeeded)
        with pytest.raises(RaceLost):
            await sequencer.turn()
        assert await halted_reason(sleeper) is None


@pytest.mark.invariant("I9")
async def test_a_stranger_with_the_key_halts_minting_in_the_transaction_that_saw_it(
    settings: adapter.Settings, node_of: Node
) -> None:
    """The records are behind the chain, and still are when the holder looks at them again under its lease."""
    async with assembled(settings) as bench:

        async def stolen() -> None:
            """Send with the key past our records."""
            await bench.lever.call("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000)})

        sequencer = await prepared(bench)
        sequencer._reserving._contracts = SlowContracts(node_of, settings=settings, meanwhile=stolen)
        with pytest.raises(ChainDiverged, match="nonce_ahead_of_records"):
            await sequencer.turn()
        assert await halted_reason(bench) == "nonce_ahead_of_records"


@pytest.mark.invariant("I9")
async def test_nothing_is_stored_after_the_halt_that_concerned_it(settings: adapter.Settings) -> None:
    """A halt between the reading and the storing leaves no slot, no attempt, and the mint waiting."""
    async with assembled(settings) as bench, assembled(settings) as other:

        async def halted() -> None:
            """Halt minting."""
            await other.adapter.halting.halt("number_with_other_fingerprint")

        sequencer = await prepared(bench)
        sequencer._reserving._signer = SlowSigner(sequencer._reserving._signer, halted)
        with pytest.raises(RaceLost, match="halted"):
            await sequencer.turn()
        assert await bench.rows("select nonce from chain.slots") == []
        assert [view.state for view in await bench.views([1])] == ["accepted"]


@pytest.mark.invariant("I9")
async def test_no_replacement_is_stored_after_a_halt(settings: adapter.Settings) -> None:
    """It would be sent by whoever leads the lane when the halt is lifted, at a price that nobody wants by then."""
    async with assembled(msgspec.structs.replace(settings, resend_ms=1)) as bench, assembled(settings) as other:
        await bench.lever.automine(is_on=False)
        await (await prepared(bench)).turn()
        tender = bench.adapter.lanes[0]._tender
        await tender.turn()

        async def halted() -> None:
            """Halt minting."""
            await other.adapter.halting.halt("by hand")

        tender._signer = SlowSigner(tender._signer, halted)
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        async with running(bench.adapter.follower.run):
            await bench.lever.call("evm_mine")
            await bench.followed()
        with pytest.raises(RaceLost, match="halted"):
            await tender.turn()
        assert len(await bench.rows("select hash from chain.blockchain_transactions")) == 1


async def test_a_lease_is_renewed_beside_a_turn_that_hangs_for_longer_than_it_lasts(settings: adapter.Settings) -> None:
    """The first endpoint swallows everything: each turn waits for it, and yet the lane stays with one holder."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        both = msgspec.structs.replace(
            settings, rpc_urls=(proxy.url, settings.rpc_urls[0]), rpc_quorum=1, rpc_timeout_ms=int(1_500 * TTL_S)
        )
        async with assembled(both) as first, assembled(both) as second:
            for bench in (first, second):
                assert await bench.lever.head() > 0
            proxy.always("*", "hang")
            stop = asyncio.Event()
            runs = [asyncio.create_task(one.adapter.lanes[0].run(stop)) for one in (first, second)]
            await first.submit(mint(1))
            await first.reached([1], "submitted")
            assert await first.rows("select token from chain.leases where name like 'lane:%'") == [(1,)]
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)


async def test_a_lane_that_is_overtaken_again_and_again_slows_down_and_says_so_once(settings: adapter.Settings) -> None:
    """Each time it reads everything anew; from the fourth in a row on a person should know."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        through = msgspec.structs.replace(settings, rpc_urls=(proxy.url,))
        with structlog.testing.capture_logs() as lines:
            async with assembled(through) as bench, running(bench.adapter.lanes[0].run):
                proxy.always("eth_call", {"error": {"code": 3, "message": "execution reverted", "data": "0x4e487b71"}})
                await bench.submit(mint(1))

                async def look() -> list[str] | None:
                    """Return what the log has said of it, or None."""
                    levels = [line["log_level"] for line in lines if line["event"] == "lane.retried"]
                    return levels if len(levels) > 5 else None

                levels = await eventually(look)
                assert [place for place, level in enumerate(levels) if level == "warning"] == [3]
                proxy.always("eth_call", "pass")
                await bench.reached([1], "submitted")


async def test_the_metric_and_the_probe_know_of_a_halt_whoever_set_or_lifted_it(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """A person with SQL, another process, or this one before it was started again."""

    def told() -> float | None:
        """Return what the metric says."""
        return REGISTRY.get_sample_value("cashback_chain_halted")

    async def is_halted() -> bool | None:
        """Return true when the metric says so, or None."""
        return True if told() == 1 else None

    async def is_lifted() -> bool | None:
        """Return true when the metric says so no more, or None."""
        return True if told() == 0 else None

    async with serving(settings) as bench:
        await eventually(is_lifted)
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.network set halted_reason = 'by hand', halted_at = now()")
        await eventually(is_halted)
        with pytest.raises(MintingHalted, match="by hand"):
            await bench.adapter.halting.check()
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.network set halted_reason = null, halted_at = null")
        await eventually(is_lifted)
        await bench.adapter.halting.check()
