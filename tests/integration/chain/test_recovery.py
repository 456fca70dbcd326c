"""Crashes, lost answers, lying and silent endpoints: never two mints, never none, and no gap among the nonces."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from cashback.chain.model import WrongChain
from cashback.processes import adapter
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled, mint, running, serving

SEND = "eth_sendRawTransaction"


@pytest.fixture
async def proxy(settings: adapter.Settings) -> AsyncIterator[Proxy]:
    """Give a proxy in front of the node."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        yield proxy


def through(settings: adapter.Settings, proxy: Proxy, **changes: object) -> adapter.Settings:
    """Return the settings with the proxy as the only endpoint."""
    return msgspec.structs.replace(settings, rpc_urls=(proxy.url,), **changes)


@pytest.mark.invariant("I2", "I9")
async def test_an_adapter_that_dies_between_storing_and_sending_mints_once_after_its_restart(
    settings: adapter.Settings, proxy: Proxy
) -> None:
    """The stored bytes are what the next adapter sends, at the same nonce."""
    proxy.always(SEND, "refuse")
    async with assembled(through(settings, proxy)) as bench:
        await bench.submit(mint(1), mint(2))
        stop = asyncio.Event()
        dying = asyncio.create_task(bench.adapter.lanes[0].run(stop))
        await bench.reached([1, 2], "submitted")
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        [stored] = await bench.rows("select hash from chain.blockchain_transactions")
    proxy.always(SEND, "pass")
    async with serving(through(settings, proxy)) as bench:
        outcomes = await bench.settled([1, 2])
        assert {outcome.place.transaction_hash for outcome in outcomes} == {stored[0]}
        assert [attempt[0] for attempt in await bench.attempts()] == [0]
        assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]


async def test_a_node_that_is_down_makes_the_next_endpoint_serve(settings: adapter.Settings, proxy: Proxy) -> None:
    """Reads and sends go on; the first endpoint is reported as unhealthy."""
    proxy.always("*", "refuse")
    both = msgspec.structs.replace(settings, rpc_urls=(proxy.url, settings.rpc_urls[0]), rpc_quorum=1)
    async with serving(both) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        first, second = (await bench.adapter.reading.status()).endpoints
        assert not first.is_healthy
        assert first.problem
        assert second.is_healthy


async def test_an_endpoint_that_serves_another_chain_later_is_refused(settings: adapter.Settings, proxy: Proxy) -> None:
    """Down at the start, it gets no question but which chain it is when it comes back, and above all no transaction."""
    proxy.always("eth_chainId", {"error": {"code": -32_000, "message": "starting"}})
    both = msgspec.structs.replace(settings, rpc_urls=(proxy.url, settings.rpc_urls[0]), rpc_quorum=1)
    async with serving(both) as bench:
        proxy.always("eth_chainId", {"result": "0x1"})
        await bench.submit(mint(1))
        await bench.settled([1])
        [first, _] = (await bench.adapter.reading.status()).endpoints
        assert "chain 1" in first.problem
        assert set(proxy.asked) == {"eth_chainId"}


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "among others"])
async def test_an_adapter_one_of_whose_endpoints_serves_another_chain_does_not_start(
    settings: adapter.Settings, proxy: Proxy, others: int
) -> None:
    """No waiting mends that: the reason names the endpoint, both chains, and the settings to look at."""
    proxy.always("eth_chainId", {"result": "0x1"})
    urls = (proxy.url, *settings.rpc_urls * others)
    with pytest.raises(
        WrongChain, match=r"0:127.0.0.1:\d+ serves chain 1, not 31337: take it out of CASHBACK_RPC_URLS"
    ):
        async with assembled(msgspec.structs.replace(settings, rpc_urls=urls)):
            pass
    assert set(proxy.asked) == {"eth_chainId"}


async def test_addresses_without_contracts_are_refused_at_the_start(settings: adapter.Settings) -> None:
    """The message says which address is empty."""
    wrong = msgspec.structs.replace(settings, token_address="0x" + "12" * 20)
    with pytest.raises(WrongChain, match="no contract at CASHBACK_TOKEN_ADDRESS"):
        async with assembled(wrong):
            pass


@pytest.mark.invariant("I9")
async def test_a_nonce_that_is_not_in_our_records_halts_minting(settings: adapter.Settings) -> None:
    """Somebody else holds the key, or this database is older than the chain."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.lever.call("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000)})
        await bench.submit(mint(2))
        assert await bench.halted() == "nonce_ahead_of_records"
        assert [view.state for view in await bench.views([2])] == ["accepted"]


@pytest.mark.invariant("I9")
async def test_a_stranger_who_uses_our_nonce_halts_minting_once_that_is_final(settings: adapter.Settings) -> None:
    """Until then it may still be reorganised away; afterwards the attempt is dead and a person must look."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        [view] = await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.lever.call(
            "eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000), "nonce": "0x0"}
        )
        assert await bench.halted(mining=True) == "nonce_used_by_stranger"


@pytest.mark.invariant("I2", "I9")
async def test_a_node_that_restarts_without_its_pool_and_its_old_states_is_served_again(
    settings: adapter.Settings, node: EmbeddedAnvil
) -> None:
    """The transaction in the pool is gone and offered again (raiden-network/raiden#2933), the same bytes."""
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(2))
        [view] = await bench.reached([2], "submitted")
        await bench.sent()
        await asyncio.to_thread(node.restart)
        outcomes = await bench.settled([2])
        assert outcomes[-1].place.transaction_hash == view.transaction_hash
        assert [attempt[0] for attempt in await bench.attempts()] == [0, 1]


@pytest.mark.invariant("I2", "I9")
async def test_of_two_adapters_on_one_database_one_leads_each_lane_and_the_other_takes_over(
    settings: adapter.Settings,
) -> None:
    """Whoever accepts a mint, it is signed once; a dead leader is followed within the lease's time."""
    async with assembled(settings) as first, assembled(settings) as second:
        stop = asyncio.Event()
        leading = [
            asyncio.create_task(first.adapter.lanes[0].run(stop)),
            asyncio.create_task(first.adapter.follower.run(stop)),
        ]
        await first.submit(mint(1))
        await first.settled([1])
        async with running(second.adapter.lanes[0].run, second.adapter.follower.run):
            await second.submit(mint(2))
            await second.settled([2])
            [(leases, holders)] = await second.rows("select count(*), count(distinct holder) from chain.leases")
            assert (leases, holders) == (2, 1)
            for task in leading:
                task.cancel()
            await asyncio.gather(*leading, return_exceptions=True)
            await second.submit(mint(3))
            await second.settled([3])
        nonces = [row[0] for row in await second.rows("select nonce from chain.slots order by nonce")]
        assert nonces == [0, 1, 2]
        assert [await second.logs_of(number) for number in (1, 2, 3)] == [1, 1, 1]
