"""What calls leave in the adapter's memory, those of others and its own: nothing that waits for the collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from grpclib.events import RecvRequest
from grpclib.exceptions import GRPCError
from grpclib.protocol import Stream

from cashback.chain.gateway.jsonrpc import EndpointRefused, EndpointSilent
from cashback.chain.gateway.node import Node
from cashback.chain.model import ChainUnavailable, RaceLost
from cashback.chain.rpc.edge import MESSAGE_BYTES_MAX
from cashback.chain.service.acceptance import SUBMITTED_MAX
from cashback.chain.service.tenure import Tenure
from cashback.kernel.db import Database
from cashback.processes import adapter
from cashback.processes.embedded import HOST, free_port
from cashback.wire.cashback.chain import v1
from tests.integration.chain.support import CHAIN_ID, serving
from tests.integration.chain.test_rpc import Served, asked, listening

CALLS: Final = 10
"""Of each of four kinds."""

LAST_MAX: Final = 2
"""What ended last, on either of two endpoints, the event loop may hold until it turns."""

ENDED_MAX: Final = 10
"""So many calls that have ended grpclib itself may keep, before it looks what has."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Have the collector of cycles take away what there is now, and nothing more while the block lasts."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def alive(*kinds: type) -> int:
    """Return how many objects of these kinds there are."""
    return sum(isinstance(one, kinds) for one in gc.get_objects())


async def refused(served: Served, *mints: v1.Mint) -> None:
    """Submit what is refused."""
    with pytest.raises(GRPCError):
        await served.stub.submit_mints(v1.SubmitMintsRequest(mints=list(mints)))


async def test_a_call_that_has_ended_waits_for_no_collector(settings: adapter.Settings) -> None:
    """Answered, or refused for what it says or for its length. Each is 40 objects, and 50,000 are looked at at once."""
    too_long = asked(2, cashback_id="x" * MESSAGE_BYTES_MAX)
    async with serving(settings) as bench, listening(bench) as served:
        await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1)]))
        await bench.settled([1])
        with uncollected():
            for _ in range(CALLS):
                await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1)]))
                await served.stub.list_mint_logs(v1.ListMintLogsRequest())
                await refused(served, *[asked(2)] * (SUBMITTED_MAX + 1))
                await refused(served, too_long)
            assert alive(RecvRequest) <= LAST_MAX
            assert alive(Stream) <= ENDED_MAX


@pytest.mark.parametrize("quorum", [1, 2])
async def test_what_a_node_refused_waits_for_no_collector(settings: adapter.Settings, quorum: int) -> None:
    """Whoever asks while a block arrives is refused now and then, and all that it has in hand would wait along.

    A call that reverts, as the limiter's does then, and one that no endpoint takes.
    """
    reverting = {"to": settings.minter_address, "data": "0xffffffff"}
    urls = settings.rpc_urls * quorum
    async with Node.open(urls, chain_id=CHAIN_ID, timeout_s=10, quorum=quorum) as node:
        with uncollected():
            for _ in range(CALLS):
                with pytest.raises(EndpointRefused):
                    await node.agree([("eth_call", [reverting, "latest"])], list)
                with pytest.raises(EndpointRefused):
                    await node.agree([("eth_call", ["nothing"])], list)
                with pytest.raises(EndpointRefused):
                    await node.ask([("eth_call", ["nothing"])])
            assert alive(EndpointRefused) <= LAST_MAX


@pytest.mark.parametrize("quorum", [1, 2])
async def test_what_a_node_did_not_answer_waits_for_no_collector(quorum: int) -> None:
    """Nor does it where nobody listens, however many are asked and whatever for."""
    urls = tuple(f"http://{HOST}:{free_port()}" for _ in range(quorum))
    async with Node.open(urls, chain_id=CHAIN_ID, timeout_s=10, quorum=quorum) as node:
        with uncollected():
            for _ in range(CALLS):
                with pytest.raises(ChainUnavailable):
                    await node.agree([("eth_blockNumber", [])], list)
                with pytest.raises(ChainUnavailable):
                    await node.survey([("eth_blockNumber", [])], list, is_enough=bool)
                with pytest.raises(ChainUnavailable):
                    await node.ask([("eth_blockNumber", [])])
            assert alive(EndpointSilent) <= LAST_MAX


async def test_work_that_failed_under_a_lease_waits_for_no_collector(adapter_dsn: str) -> None:
    """Nor does what it had in hand."""

    async def fail() -> None:
        raise RaceLost("the head moved meanwhile")

    async with Database.open(adapter_dsn, name="a test") as database:
        tenure = Tenure(database, name="lane:1", holder="one")
        assert await tenure.hold()
        with uncollected():
            for _ in range(CALLS):
                with pytest.raises(RaceLost):
                    await tenure.keep(fail())
            assert alive(RaceLost) <= LAST_MAX
