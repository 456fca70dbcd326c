"""What is final: the node's word for it, which may move while no block comes."""

import msgspec
import pytest

from cashback.processes import adapter
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import mint, serving
from tests.integration.chain.waiting import eventually


@pytest.mark.invariant("I4")
async def test_a_block_that_becomes_final_while_no_block_comes_is_seen_at_once(settings: adapter.Settings) -> None:
    """On a chain that rests, the tag moves without a new head: the outcome must not wait for the next block."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        await bench.followed()
        head = await bench.lever.head()
        # The chain's finality moves ahead, its head stays.
        newest = await bench.lever.call("eth_getBlockByNumber", hex(head), False)
        proxy.tag("finalized", newest)
        await bench.reached([1], "final")
        assert await bench.lever.head() == head
        epoch = await bench.adapter.stream.epoch()

        async def look() -> bool | None:
            return True if await bench.adapter.stream.read(epoch=epoch, after=0) else None

        assert await eventually(look)
