"""Receipts are asked for only where no log tells what became of a nonce: a few one by one, many by their block."""

from typing import Final

import msgspec
import pytest

from cashback.chain.service.inspection import RECEIPTS_ALONE_MAX
from cashback.processes import adapter
from tests.integration.chain.proxy import Proxy, Whim
from tests.integration.chain.support import Bench, mint, serving
from tests.integration.chain.waiting import eventually

OF_ONE: Final = "eth_getTransactionReceipt"
OF_BLOCK: Final = "eth_getBlockReceipts"
UNKNOWN: Final[Whim] = {"error": {"code": -32601, "message": "the method does not exist"}}
NO_BLOCK: Final[Whim] = {"result": None}
NONE_YET: Final[Whim] = {"result": []}


async def revert(bench: Bench, calls: int) -> None:
    """Have so many calls revert in one block, each with a mint, and return once it is known why."""
    await bench.lever.automine(is_on=False)
    await bench.submit(*(mint(number) for number in range(1, calls + 1)))
    await bench.reached(range(1, calls + 1), "submitted")
    await bench.sent()
    await bench.people.pause()
    await bench.lever.mine()

    async def look() -> bool | None:
        reasons = await bench.rows("select revert_reason from chain.slots")
        return True if reasons == calls * [("minter_paused",)] else None

    await eventually(look)


async def test_many_unexplained_nonces_are_explained_by_one_question(settings: adapter.Settings) -> None:
    """Calls that revert do so together: none of their receipts is asked for alone."""
    calls = RECEIPTS_ALONE_MAX + 1
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), batch_mints=1)) as bench,
    ):
        await revert(bench, calls)
        assert (proxy.asked.count(OF_BLOCK), proxy.asked.count(OF_ONE)) == (1, 0)


async def test_a_few_are_asked_for_alone(settings: adapter.Settings) -> None:
    """A full block's receipts are some hundred kilobytes."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), batch_mints=1)) as bench,
    ):
        await revert(bench, RECEIPTS_ALONE_MAX)
        assert OF_BLOCK not in proxy.asked
        assert proxy.asked.count(OF_ONE) >= RECEIPTS_ALONE_MAX


@pytest.mark.parametrize("whim", [UNKNOWN, NO_BLOCK, NONE_YET], ids=["unknown method", "no block", "late index"])
async def test_a_node_that_does_not_tell_a_blocks_receipts_is_asked_for_each(
    settings: adapter.Settings, whim: Whim
) -> None:
    """The question is no part of every client's interface, and an index may be late."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), batch_mints=1)) as bench,
    ):
        proxy.always(OF_BLOCK, whim)
        await revert(bench, RECEIPTS_ALONE_MAX + 1)
        assert proxy.asked.count(OF_ONE) >= RECEIPTS_ALONE_MAX + 1
