"""Endpoints that answer, but not what was asked: limiters, gateways, halves of answers; and some that hang."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.decoding import MINTED, SKIPPED
from cashback.chain.gateway.endpoint import Endpoint
from cashback.chain.gateway.jsonrpc import EndpointRefused, EndpointSilent
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, ChainUnavailable, RaceLost
from cashback.processes import adapter
from tests.integration.chain.proxy import Http, Proxy, Whim
from tests.integration.chain.support import assembled, mint, serving
from tests.integration.chain.waiting import eventually

SEND: Final = "eth_sendRawTransaction"
CHAIN_ID: Final = 31_337
LIMITED: Final = Http(429, b'{"message": "Too Many Requests"}')
BROKEN: Final = Http(502, b'{"message": "Bad Gateway"}')
SOMEBODY: Final = Address(b"\7" * 20)
HISTORY: Final = {
    "result": {"oldestBlock": "0x7", "baseFeePerGas": ["0x1", "0x1"], "gasUsedRatio": [0], "reward": [["0x0"]]}
}
HEAD: Final = {
    "result": {"number": "0x7", "hash": f"0x{'ab' * 32}", "parentHash": f"0x{'aa' * 32}", "timestamp": "0x1"}
}


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Give something that answers as a node of our chain, with nothing behind it."""
    async with Proxy.before("http://127.0.0.1:1") as proxy:
        proxy.always("eth_chainId", {"result": hex(CHAIN_ID)})
        yield proxy


@pytest.fixture
async def endpoint(proxy: Proxy) -> AsyncIterator[Endpoint]:
    """Give the endpoint at the proxy."""
    endpoint = Endpoint(proxy.url, place=0, chain_id=CHAIN_ID, timeout_s=5)
    yield endpoint
    await endpoint.close()


@pytest.mark.parametrize(
    "whim",
    [
        LIMITED,
        BROKEN,
        Http(500, b"{}"),
        Http(200, b"{}"),
        Http(200, b"[]"),
        Http(200, b'{"message": "Too Many Requests"}'),
        Http(200, b'{"error": "Too Many Requests"}'),
        Http(200, b'{"id": 0, "error": null}'),
        Http(500, b'{"id": 0, "result": "0x1"}'),
        Http(200, b'{"result": "0x1"}'),
        Http(200, b'{"id": "0", "result": "0x1"}'),
        Http(200, b'{"id": 0, "result": '),
        Http(429, b'{"id": 0, "error": {"code": -32005, "message": "limit"}}'),
        {"id": 7, "result": "0x1"},
        {"id": 7, "error": {"code": -32_000, "message": "another call's"}},
        {"result": "0x1", "error": {"code": -32_000, "message": "both"}},
        {"result": None},
        {"result": "many"},
        {"result": 12},
        {"result": {}},
    ],
    ids=str,
)
async def test_what_is_no_answer_to_the_question_is_silence(proxy: Proxy, endpoint: Endpoint, whim: Whim) -> None:
    """Never a null that somebody takes for a result: another endpoint is asked, and this one rests."""
    proxy.always("eth_blockNumber", whim)
    with pytest.raises(EndpointSilent):
        await endpoint.ask([("eth_blockNumber", [])])
    assert endpoint.problem


@pytest.mark.parametrize(
    "whim,words",
    [
        ({"error": {"code": -32_000, "message": "header not found"}}, "-32000: header not found"),
        ({"id": None, "error": {"code": -32_600, "message": "bad"}}, "-32600: bad"),
        ({"result": None, "error": {"code": 3, "message": "reverted"}}, "3: reverted"),
        (Http(400, b'{"id": 0, "error": {"code": -32602, "message": "bad"}}'), "HTTP 400: -32602: bad"),
    ],
)
async def test_an_error_of_the_node_is_a_refusal_whatever_the_status(
    proxy: Proxy, endpoint: Endpoint, whim: Whim, words: str
) -> None:
    """In its own words; the endpoint is well."""
    proxy.always("eth_blockNumber", whim)
    with pytest.raises(EndpointRefused) as refusal:
        await endpoint.ask([("eth_blockNumber", [])])
    assert refusal.value.detail == words
    assert endpoint.is_healthy


async def test_a_null_is_a_result_where_something_is_looked_up(proxy: Proxy, endpoint: Endpoint) -> None:
    """The node has no such block, or not any more: no fault of its own."""
    proxy.always("eth_getBlockByNumber", {"result": None, "error": None})
    assert await endpoint.ask([("eth_getBlockByNumber", ["0x7", False])]) == [None]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id": 0, "result": "0x1"}]',
        b'[{"id": 0, "result": "0x1"}, {"id": 0, "result": "0x2"}]',
        b'{"id": 0, "result": "0x1"}',
        b'[{"id": 0, "result": "0x1"}, {"id": 1}]',
    ],
)
async def test_a_batch_with_an_answer_missing_is_silence(proxy: Proxy, endpoint: Endpoint, body: bytes) -> None:
    """One answer is never taken for another one."""
    proxy.always("eth_blockNumber", Http(200, body))
    with pytest.raises(EndpointSilent):
        await endpoint.ask([("eth_blockNumber", []), ("eth_blockNumber", [])])


async def test_one_error_may_answer_a_whole_batch(proxy: Proxy, endpoint: Endpoint) -> None:
    """As the specification says of a batch that was not understood, and providers of one that is too long."""
    proxy.always("eth_blockNumber", Http(200, b'{"id": null, "error": {"code": -32600, "message": "batch too large"}}'))
    with pytest.raises(EndpointRefused, match="batch too large"):
        await endpoint.ask([("eth_blockNumber", []), ("eth_blockNumber", [])])


@pytest.mark.parametrize(
    "log",
    [
        {"topics": [], "data": "0x"},
        {"topics": [f"0x{'00' * 32}", f"0x{'00' * 32}"], "data": "0x"},
        {"topics": [f"0x{SKIPPED.hex()}", f"0x{1:064x}"], "data": "0x63"},
        {"topics": [f"0x{MINTED.hex()}", f"0x{1:064x}"], "data": "0x"},
        {"data": "0x"},
    ],
    ids=["no topics", "another event", "an unknown reason", "a mint of nothing to nobody", "half a log"],
)
async def test_a_log_that_the_token_does_not_write_is_not_believed(proxy: Proxy, log: dict[str, Any]) -> None:
    """A node that ignores the filter is told apart from a retirement."""
    where = {"blockNumber": "0x1", "blockHash": f"0x{'ab' * 32}", "transactionHash": f"0x{'cd' * 32}"}
    proxy.always("eth_getLogs", {"result": [{**where, **log}]})
    async with Node.open([proxy.url], chain_id=CHAIN_ID, timeout_s=5) as node:
        with pytest.raises(ChainUnavailable):
            await Blocks(node, token=SOMEBODY).logs_from(1, 1)


@pytest.mark.parametrize("whim", [LIMITED, BROKEN, {"result": None}, {"result": "ok"}, {"result": "0x12"}], ids=str)
async def test_an_offer_that_is_not_answered_with_a_hash_is_unanswered(proxy: Proxy, whim: Whim) -> None:
    """Nobody may call such a send accepted, nor failed."""
    proxy.always(SEND, whim)
    async with Node.open([proxy.url], chain_id=CHAIN_ID, timeout_s=5) as node:
        [answer] = await node.send(b"\2")
        assert (answer.is_accepted, answer.is_answered) == (False, False)


@pytest.mark.parametrize(
    "refusal,kind",
    [
        ({"error": {"code": -32_005, "message": "limit reached"}}, EndpointRefused),
        ({"error": {"code": -32_602, "message": "unknown block tag: pending"}}, EndpointRefused),
        ({"error": {"code": 3, "message": "execution reverted", "data": f"0x4e487b71{17:064x}"}}, RaceLost),
    ],
)
async def test_only_a_call_that_was_executed_and_reverted_has_lost_a_race(
    proxy: Proxy, refusal: Whim, kind: type[Exception]
) -> None:
    """A limit, or a tag that the node does not know, lasts: whoever asks again at once asks for ever."""
    proxy.always("eth_getBlockByNumber", HEAD)
    proxy.always("eth_getBalance", {"result": "0x1"})
    proxy.always("eth_getTransactionCount", {"result": "0x0"})
    proxy.always("eth_feeHistory", HISTORY)
    proxy.always("eth_call", refusal)
    async with Node.open([proxy.url], chain_id=CHAIN_ID, timeout_s=5) as node:
        with pytest.raises(kind):
            await Contracts(node, token=SOMEBODY, minter=SOMEBODY).policy(SOMEBODY)


async def test_balances_of_a_token_that_the_node_does_not_know_yet_are_not_told(proxy: Proxy) -> None:
    """A call of nothing answers nothing: that is no balance of 0, and no empty list."""
    proxy.always("eth_getBlockByNumber", HEAD)
    proxy.always("eth_call", {"result": "0x"})
    async with Node.open([proxy.url], chain_id=CHAIN_ID, timeout_s=5) as node:
        with pytest.raises(ChainUnavailable, match="does not know the token"):
            await Contracts(node, token=SOMEBODY, minter=SOMEBODY).balances([SOMEBODY])


async def becomes(endpoint: Endpoint, *, is_healthy: bool) -> None:
    """Return once the endpoint says so of itself."""

    async def look() -> bool | None:
        return True if endpoint.is_healthy is is_healthy else None

    await eventually(look)


async def test_while_one_asks_a_failed_endpoint_how_it_is_the_others_go_elsewhere(
    proxy: Proxy, endpoint: Endpoint
) -> None:
    """Otherwise each pause that ends would let everybody hang along with it."""
    proxy.once("eth_blockNumber", BROKEN)
    with pytest.raises(EndpointSilent):
        await endpoint.ask([("eth_blockNumber", [])])

    await becomes(endpoint, is_healthy=True)
    proxy.always("eth_chainId", "hang")
    asking = asyncio.create_task(endpoint.ask([("eth_blockNumber", [])]))
    await becomes(endpoint, is_healthy=False)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize("whim", [LIMITED, BROKEN], ids=["limited", "broken"])
async def test_an_endpoint_that_answers_http_errors_in_json_makes_the_next_one_serve(
    settings: adapter.Settings, whim: Whim
) -> None:
    """Reads and sends go on, and the operator sees the status."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.always("*", whim)
        urls = (proxy.url, settings.rpc_urls[0])
        async with serving(msgspec.structs.replace(settings, rpc_urls=urls, rpc_quorum=1)) as bench:
            await bench.submit(mint(1))
            await bench.settled([1])
            first, second = (await bench.adapter.reading.status()).endpoints
            assert (first.is_healthy, second.is_healthy) == (False, True)
            assert "HTTP" in first.problem


async def test_an_adapter_whose_only_endpoint_answers_http_errors_goes_on_when_it_is_well(
    settings: adapter.Settings,
) -> None:
    """No loop ends, and no send was taken for accepted."""
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,), resend_ms=60_000)) as bench,
    ):
        proxy.once(SEND, BROKEN, LIMITED, {"result": None})
        await bench.submit(mint(1))
        await bench.reached([1], "submitted", "included")
        await bench.sent()
        [(_, sends, answer, _)] = await bench.attempts()
        assert (sends, answer) == (4, "accepted")
        proxy.always("*", LIMITED)
        asked = len(proxy.asked)

        async def look() -> bool | None:
            return True if len(proxy.asked) > asked + 5 else None

        await eventually(look)
        proxy.always("*", "pass")
        await bench.settled([1])


async def test_an_adapter_whose_only_endpoint_answers_http_errors_says_so_at_the_start(
    settings: adapter.Settings,
) -> None:
    """Its supervisor tries again; no traceback."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.always("*", LIMITED)
        with pytest.raises(ChainUnavailable, match="HTTP 429"):
            async with assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))):
                pass
