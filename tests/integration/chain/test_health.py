"""How each endpoint is, told while it is asked: hanging ones, limiters, other chains; and sends reach all of them."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import msgspec
import pytest

from cashback.chain.gateway.endpoint import REQUESTS_IN_FLIGHT_MAX, Endpoint
from cashback.chain.gateway.jsonrpc import EndpointSilent
from cashback.chain.gateway.limits import RETRY_AFTER_MAX_S
from cashback.chain.gateway.node import Node
from cashback.minting.gateway import Adapter
from cashback.processes import adapter
from tests.integration.chain.proxy import Http, Proxy, Whim
from tests.integration.chain.support import CHAIN_ID, assembled, mint, serving
from tests.integration.chain.test_rpc import HOST, listening
from tests.integration.chain.waiting import eventually

NEVER_MS: Final = 3_600_000
"""In place of a bound that must not be what ends a test: a test is given two minutes."""

SEND: Final = "eth_sendRawTransaction"
TAKEN: Final = f"0x{'ab' * 32}"
PAUSE: Final = Http(429, b"{}", b"retry-after: 1\r\n")


async def test_a_limiter_that_wants_a_pause_is_left_alone_until_it_is_over(settings: adapter.Settings) -> None:
    """Not one question reaches it meanwhile, whoever asks; and whoever asks is told at once."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        endpoint = Endpoint(proxy.url, place=0, chain_id=CHAIN_ID, timeout_s=5)
        proxy.once("eth_blockNumber", PAUSE)
        for _ in range(3):
            with pytest.raises(EndpointSilent, match="HTTP 429"):
                await endpoint.ask([("eth_blockNumber", [])])
        assert proxy.asked == ["eth_chainId", "eth_blockNumber"]
        assert not endpoint.is_healthy

        async def look() -> bool | None:
            return True if endpoint.pause_s == 0 and endpoint.is_healthy else None

        await eventually(look)
        await endpoint.ask([("eth_blockNumber", [])])
        await endpoint.close()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_is_bounded(settings: adapter.Settings, status: int) -> None:
    """A limiter that wants a day does not stop minting for a day."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        endpoint = Endpoint(proxy.url, place=0, chain_id=CHAIN_ID, timeout_s=5)
        proxy.once("eth_chainId", Http(status, b"later", b"retry-after: 86400\r\n"))
        with pytest.raises(EndpointSilent):
            await endpoint.ask([("eth_blockNumber", [])])
        assert RETRY_AFTER_MAX_S - 5 < endpoint.pause_s <= RETRY_AFTER_MAX_S
        await endpoint.close()


async def test_a_limiter_is_not_polled_for_receipts_and_everything_goes_on_after_its_pause(
    settings: adapter.Settings,
) -> None:
    """Waiting for a receipt per transaction ran into 429 at once (https://github.com/ApeWorX/web3.py/issues/1435).

    Here blocks tell of every mint, so that no receipt is asked for at all; and a 429 that names a pause is the last
    question before the pause is over.
    """
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), batch_mints=1)) as bench,
    ):
        await bench.submit(*(mint(number) for number in range(1, 9)))
        await bench.settled(range(1, 9))
        assert "eth_getTransactionReceipt" not in proxy.asked
        proxy.once("eth_getBlockByNumber", PAUSE)
        asked = proxy.asked

        async def look() -> int | None:
            rested = (await bench.adapter.reading.status()).endpoints[0]
            return len(asked) if "not to be asked for 1 s" in rested.problem else None

        during = await eventually(look)
        await bench.submit(mint(9))
        for _ in range(3):
            assert not (await bench.adapter.reading.status()).endpoints[0].is_healthy
        assert len(asked) == during
        await bench.settled([9])


async def test_no_more_questions_are_under_way_at_an_endpoint_than_its_bound(settings: adapter.Settings) -> None:
    """The others wait for their turn, and all get their answer."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        endpoint = Endpoint(proxy.url, place=0, chain_id=CHAIN_ID, timeout_s=5)
        await endpoint.ask([("eth_blockNumber", [])])
        gate = asyncio.Event()
        proxy.always("eth_blockNumber", gate)
        before = len(proxy.asked)
        asking = [
            asyncio.create_task(endpoint.ask([("eth_blockNumber", [])])) for _ in range(3 * REQUESTS_IN_FLIGHT_MAX)
        ]

        async def look() -> bool | None:
            return True if len(proxy.asked) == before + REQUESTS_IN_FLIGHT_MAX else None

        await eventually(look)
        gate.set()
        await asyncio.gather(*asking)
        assert proxy.in_flight_max == REQUESTS_IN_FLIGHT_MAX
        assert len(proxy.asked) == before + len(asking)
        await endpoint.close()


async def test_a_send_reaches_every_endpoint_though_the_first_acceptance_counts() -> None:
    """The answer waits neither for one that hangs nor for one that refuses, and both are offered it all the same."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy.before("http://127.0.0.1:1")) for _ in range(3)]
        whims: list[Whim] = ["hang", {"error": {"code": -32_000, "message": "txpool is full"}}, {"result": TAKEN}]
        for proxy, whim in zip(proxies, whims, strict=True):
            proxy.always("eth_chainId", {"result": hex(CHAIN_ID)})
            proxy.always(SEND, whim)
        urls = [proxy.url for proxy in proxies]
        node = await stack.enter_async_context(Node.open(urls, chain_id=CHAIN_ID, timeout_s=20, quorum=2))
        async with asyncio.timeout(10):
            answers = await node.send(b"\2")
        assert [one.endpoint for one in answers if one.is_accepted] == [node.endpoints[2].name]

        async def look() -> bool | None:
            return True if all(SEND in proxy.asked for proxy in proxies) else None

        await eventually(look)


async def test_an_endpoint_that_takes_questions_and_says_nothing_is_told_and_holds_up_nobody(
    settings: adapter.Settings,
) -> None:
    """The state of the adapter is there before whoever asks for it has given up."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.always("*", "hang")
        urls = (proxy.url, proxy.url, settings.rpc_urls[0])
        async with serving(
            msgspec.structs.replace(settings, rpc_urls=urls, rpc_quorum=1, rpc_timeout_ms=2_500)
        ) as bench:
            await bench.submit(mint(1))
            await bench.settled([1])
            status = await bench.adapter.reading.status()
            assert [one.is_healthy for one in status.endpoints] == [False, False, True]
            assert status.endpoints[0].problem == "no answer within 1 s"
            assert status.endpoints[0].head == 0
            assert status.head == status.endpoints[2].head > 0


async def test_an_adapter_all_of_whose_endpoints_hang_takes_calls_and_tells_its_state(
    settings: adapter.Settings,
) -> None:
    """Minting may hand over mints meanwhile; the adapter mints them when it can."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), rpc_timeout_ms=NEVER_MS)) as bench,
        listening(bench) as served,
        Adapter.connect(HOST, served.port) as minting,
    ):
        proxy.always("*", "hang")
        await minting.ping()
        status = await bench.adapter.reading.status()
        assert (status.head, status.total_supply) == (0, None)
