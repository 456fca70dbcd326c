"""How long a call may take: as long as its caller allows and at most the server's own bound, told in words."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from cashback.chain.rpc import edge
from cashback.chain.rpc.errors import DOMAIN, DetailsCodec
from cashback.processes import adapter
from cashback.wire.cashback.chain import v1
from cashback.wire.google.rpc import ErrorInfo
from tests.integration.chain.listening import listening_at
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled

BALANCES = v1.GetBalancesRequest(addresses=[b"\7" * 20])


@pytest.fixture
async def hanging(settings: adapter.Settings) -> AsyncIterator[v1.ChainAdapterServiceStub]:
    """Give a caller of an adapter whose only node takes questions and says nothing for as long as it may."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        through = msgspec.structs.replace(settings, rpc_urls=(proxy.url,), rpc_timeout_ms=30_000)
        async with assembled(through) as bench, listening_at(bench) as address:
            proxy.always("*", "hang")
            host, _, port = address.rpartition(":")
            async with Channel(host, int(port), status_details_codec=DetailsCodec()) as channel:
                yield v1.ChainAdapterServiceStub(channel)


async def test_a_call_ends_at_its_callers_deadline(hanging: v1.ChainAdapterServiceStub) -> None:
    """The caller hears nothing later than it asked to; the adapter serves the next call at once."""
    with pytest.raises((GRPCError, TimeoutError)) as late:
        await hanging.get_balances(BALANCES, timeout=0.2)
    assert not isinstance(late.value, GRPCError) or late.value.status is Status.DEADLINE_EXCEEDED
    answer = await hanging.get_mints(v1.GetMintsRequest(numbers=[1]), timeout=5)
    assert [entry.state for entry in answer.entries] == [v1.MintState.UNKNOWN]


async def test_a_call_without_a_deadline_is_ended_by_the_server_which_says_why(
    hanging: v1.ChainAdapterServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`too_slow` stands in google.rpc.ErrorInfo, with our domain."""
    monkeypatch.setattr(edge, "CALL_S_MAX", 0.2)
    with pytest.raises(GRPCError) as late:
        await hanging.get_balances(BALANCES)
    assert late.value.status is Status.DEADLINE_EXCEEDED
    assert late.value.details == [ErrorInfo(reason="too_slow", domain=DOMAIN)]


async def test_a_callers_longer_deadline_does_not_outlast_the_servers_bound(
    hanging: v1.ChainAdapterServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for an hour gets the bound."""
    monkeypatch.setattr(edge, "CALL_S_MAX", 0.2)
    with pytest.raises(GRPCError) as late:
        await hanging.get_balances(BALANCES, timeout=3_600)
    assert late.value.details == [ErrorInfo(reason="too_slow", domain=DOMAIN)]
