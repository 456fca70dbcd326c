"""How each endpoint is, told while it is asked: hanging ones, limiters, other chains; and sends reach all of them."""

import asyncio

import msgspec

from cashback.minting.gateway import Adapter
from cashback.processes import adapter
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled, mint, serving
from tests.integration.chain.test_rpc import HOST, listening


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
            async with asyncio.timeout(3):
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
        assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), rpc_timeout_ms=2_500)) as bench,
        listening(bench) as served,
        Adapter.connect(HOST, served.port) as minting,
    ):
        proxy.always("*", "hang")
        await minting.ping()
        async with asyncio.timeout(3):
            status = await bench.adapter.reading.status()
        assert (status.head, status.total_supply) == (0, None)
