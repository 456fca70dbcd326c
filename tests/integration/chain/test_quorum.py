"""Three endpoints of which one lies, lags, forks, forgets or hangs: it is outvoted and named."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec
import pytest
import structlog

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.quorum import QuorumMissing
from cashback.chain.model import ChainUnavailable, Hash
from cashback.processes import adapter, signing
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Lie, Proxy, Whim
from tests.integration.chain.support import CHAIN_ID, Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import eventually

SOME_HASH: Final = f"0x{'ab' * 32}"
SIGNER: Final = signing.address(ACCOUNTS[1])
NEVER_S: Final = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""
REFUSED: Final[Whim] = {"error": {"code": -32_000, "message": "missing trie node"}}


@pytest.fixture
async def proxies(settings: adapter.Settings) -> AsyncIterator[list[Proxy]]:
    """Give three endpoints of the same chain; the first is the one that misbehaves."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Proxy.before(settings.rpc_urls[0])) for _ in range(3)]


@pytest.fixture
async def nodes(proxies: list[Proxy]) -> AsyncIterator[Node]:
    """Give the three as one node, two of which must agree."""
    urls = [proxy.url for proxy in proxies]
    async with Node.open(urls, chain_id=CHAIN_ID, timeout_s=2, quorum=2) as node:
        yield node


def through(settings: adapter.Settings, proxies: Sequence[Proxy], **changes: Any) -> adapter.Settings:  # noqa: ANN401  # any setting
    """Return the settings with these endpoints, of which more than half must agree."""
    return msgspec.structs.replace(settings, rpc_urls=tuple(proxy.url for proxy in proxies), **changes)


async def problem_of(bench: Bench, place: int, *, about: str) -> str:
    """Return what is reported of an endpoint once that is `about` something; it is not healthy then."""

    async def look() -> str | None:
        one = (await bench.adapter.reading.status()).endpoints[place]
        return one.problem if about in one.problem and not one.is_healthy else None

    return await eventually(look)


def on_a_fork(block: dict[str, Any]) -> dict[str, Any]:
    """Return a block as a node on another branch has it."""
    return {**block, "hash": SOME_HASH}


def without_logs(_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a node says that has lost its logs."""
    return []


def tenfold(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return logs of ten times as much."""
    return [{**log, "data": f"0x{10 * int(log['data'], 16):064x}"} for log in logs]


@pytest.mark.invariant("I2")
@pytest.mark.parametrize(
    "method,lie",
    [
        ("eth_getBlockByNumber", on_a_fork),
        ("eth_getLogs", without_logs),
        ("eth_getLogs", tenfold),
        ("eth_call", lambda answer: f"0x{int(answer, 16) + 7:064x}"),
    ],
    ids=["fork", "lost logs", "other amounts", "another state"],
)
async def test_an_endpoint_that_lies_is_outvoted_and_named_and_mints_go_on(
    settings: adapter.Settings, proxies: list[Proxy], method: str, lie: Lie
) -> None:
    """Whatever it says about blocks, logs or contracts, nothing of it is believed, and the operator sees who it is."""
    async with serving(through(settings, proxies)) as bench:
        proxies[0].lie(method, lie)
        await bench.submit(mint(1))
        [outcome] = await bench.settled([1])
        assert (outcome.kind, outcome.mint.amount) == ("minted", 1_000_000)
        await problem_of(bench, 0, about=f"contradicts the others about {method}")
        status = await bench.adapter.reading.status()
        assert [one.is_healthy for one in status.endpoints] == [False, True, True]
        assert status.network.halted_reason is None


@pytest.mark.invariant("I10")
async def test_a_final_block_by_one_endpoints_word_alone_is_not_final(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """Depth is not finality (https://github.com/FuelLabs/fuel-core/issues/1336), and neither is one node's word.

    There a relayer took a block for final after so many others, and the base layer's tag was behind. Here one endpoint
    calls the head final: the outcome waits for the second.
    """
    async with serving(through(settings, proxies)) as bench:
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        await bench.followed()
        newest = await bench.lever.call("eth_getBlockByNumber", "latest", False)
        proxies[0].tag("finalized", newest)
        await proxies[0].met("finalized")
        assert [view.state for view in await bench.views([1])] == ["included"]
        proxies[1].tag("finalized", newest)
        await bench.reached([1], "final")


async def test_an_endpoint_that_lags_is_reported_with_how_far_and_recovers(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """It is quick to answer, and takes the head back for nobody; once it has caught up, nothing is held against it."""
    async with serving(through(settings, proxies, rpc_lag_blocks=3)) as bench:
        await bench.followed()
        stale_at = await bench.lever.head()
        with structlog.testing.capture_logs() as lines:
            proxies[0].stale(stale_at)
            await bench.lever.mine(7)
            await problem_of(bench, 0, about="is 7 blocks behind the others")
        assert [line["lag_blocks"] > 3 for line in lines if line["event"] == "endpoint.strayed"] == [True]
        await bench.submit(mint(1))
        await bench.settled([1])
        proxies[0].stale(None)

        async def look() -> bool | None:
            one = (await bench.adapter.reading.status()).endpoints[0]
            return True if one.is_healthy and one.lag == 0 else None

        await eventually(look)


async def test_an_endpoint_far_ahead_of_the_others_moves_nothing(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """A head that nobody else has is no head."""
    async with serving(through(settings, proxies)) as bench:
        head = await bench.lever.head()
        proxies[0].lie("eth_getBlockByNumber", lambda block: {**block, "number": hex(head + 1_000)})
        await problem_of(bench, 0, about="blocks that the others do not")
        await bench.submit(mint(1))
        await bench.settled([1])
        [(tip,)] = await bench.rows("select max(number) from chain.blocks")
        assert tip <= await bench.lever.head()


@pytest.mark.parametrize("whim", ["refuse", "hang", REFUSED], ids=["down", "silent", "refusing"])
async def test_without_a_quorum_everything_waits_and_goes_on_when_there_is_one(
    settings: adapter.Settings, proxies: list[Proxy], whim: Whim
) -> None:
    """Two of three tell nothing: one alone is never believed, however long that lasts."""
    async with serving(through(settings, proxies, rpc_timeout_ms=200)) as bench:
        await bench.followed()
        followed = await bench.rows("select max(number) from chain.blocks")
        for proxy in proxies[:2]:
            proxy.always("*", whim)
        await bench.lever.mine(3)
        await bench.submit(mint(1))
        with structlog.testing.capture_logs() as lines:
            await eventually(lambda: _warned(lines, "lane.interrupted"))
        assert await bench.rows("select max(number) from chain.blocks") == followed
        assert await bench.attempts() == []
        for proxy in proxies[:2]:
            proxy.always("*", "pass")
        await bench.settled([1])


async def test_two_endpoints_that_disagree_decide_nothing(settings: adapter.Settings, proxies: list[Proxy]) -> None:
    """Nobody can tell which of the two is right, so nobody guesses."""
    async with serving(through(settings, proxies[:2])) as bench:
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        proxies[0].lie("eth_getLogs", without_logs)
        with structlog.testing.capture_logs() as lines:
            await bench.lever.mine()
            await bench.submit(mint(2))
            await eventually(lambda: _warned(lines, "follower.interrupted"))
        said = {line["code"] for line in lines if line["event"] == "follower.interrupted"}
        assert said == {"quorum_missing"}
        assert [view.state for view in await bench.views([2])] == ["submitted"]
        proxies[0].lie("eth_getLogs", None)
        await bench.settled([1, 2])


async def _warned(lines: list[Any], event: str) -> bool | None:
    """Tell whether that was logged."""
    return True if any(line["event"] == event for line in lines) else None


async def test_disagreement_silence_null_and_refusal_are_told_apart(proxies: list[Proxy], nodes: Node) -> None:
    """Each has its own answer: a null is one, a refusal by a quorum is another, and the rest is not known."""
    blocks = Blocks(nodes, token=SIGNER)
    nobodys = Hash(b"\1" * 32)
    assert await blocks.receipts([nobodys]) == {}

    for proxy in proxies[:2]:
        proxy.always("eth_getTransactionReceipt", REFUSED)
    with pytest.raises(EndpointRefused, match="missing trie node"):
        await blocks.receipts([nobodys])

    proxies[1].always("eth_getTransactionReceipt", "hang")
    with pytest.raises(QuorumMissing) as missing:
        await blocks.receipts([nobodys])
    assert (missing.value.refusals, missing.value.silences, missing.value.is_disagreement) == (1, 1, True)
    assert all(endpoint.name in missing.value.detail for endpoint in nodes.endpoints)


async def test_endpoints_are_asked_at_the_same_time(proxies: list[Proxy], nodes: Node) -> None:
    """While none has answered, each has been asked: two that hang cost one timeout, not two."""
    for proxy in proxies:
        proxy.always("eth_chainId", "hang")
    asking = asyncio.create_task(Blocks(nodes, token=SIGNER).latest())

    async def look() -> bool | None:
        return True if all(proxy.asked for proxy in proxies) else None

    await eventually(look)
    assert not asking.done()
    with pytest.raises(ChainUnavailable):
        await asking


async def test_a_hanging_endpoint_holds_up_no_decision(proxies: list[Proxy]) -> None:
    """The other two are enough; the third is not waited for, whose timeout never comes here."""
    urls = [proxy.url for proxy in proxies]
    async with Node.open(urls, chain_id=CHAIN_ID, timeout_s=NEVER_S, quorum=2) as nodes:
        blocks = Blocks(nodes, token=SIGNER)
        await blocks.latest()
        proxies[0].always("*", "hang")
        assert (await blocks.header_at(1)).number == 1


async def test_clients_that_write_the_same_otherwise_agree(proxies: list[Proxy], nodes: Node) -> None:
    """In capital letters, and with members that others do not have."""
    proxies[0].lie("eth_getBlockByNumber", lambda block: {**block, "hash": "0x" + block["hash"][2:].upper(), "more": 1})
    proxies[1].always("*", "refuse")
    assert (await Blocks(nodes, token=SIGNER).header_at(1)).number == 1
    assert nodes.endpoints[0].standing.fault == ""


@pytest.mark.invariant("I9")
@pytest.mark.parametrize("lie", ["0x0", "0x63"], ids=["stale", "ahead"])
async def test_a_nonce_that_one_endpoint_has_wrong_is_neither_used_nor_believed(
    settings: adapter.Settings, proxies: list[Proxy], lie: str
) -> None:
    """A lagging endpoint told an old nonce, and transactions were sent at it (https://github.com/cowprotocol/services/issues/64).

    The lane opens at the nonce that a quorum tells, and counts by itself from there; and one endpoint that claims to
    have seen more than our records hold halts nothing.
    """
    async with assembled(through(settings, proxies)) as bench:
        for _ in range(2):
            await bench.lever.call("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000)})
        await bench.lever.mine(6)
        proxies[0].lie("eth_getTransactionCount", lambda _: lie)
        async with running(bench.adapter.lanes[0].run, bench.adapter.follower.run):
            await bench.submit(mint(1))
            await bench.settled([1])
            assert [attempt[0] for attempt in await bench.attempts()] == [2]
            assert (await bench.adapter.reading.status()).network.halted_reason is None


async def test_what_a_quorum_has_seen_of_nonces_is_told_when_pools_differ(proxies: list[Proxy], nodes: Node) -> None:
    """An endpoint without a pool does not stop the lane, and what only one has heard of is a rumour."""
    seen = await Blocks(nodes, token=SIGNER).seen_nonces(SIGNER)
    assert (seen.mined, seen.sent, seen.rumoured) == (0, 0, 0)
    for proxy, count in zip(proxies, ("0x3", "0x5", "0x4"), strict=True):
        proxy.always("eth_getTransactionCount", {"result": count})
    seen = await Blocks(nodes, token=SIGNER).seen_nonces(SIGNER)
    assert (seen.mined, seen.sent, seen.rumoured) == (4, 4, 5)


@pytest.mark.invariant("I2")
async def test_of_the_limit_no_more_is_used_than_a_quorum_grants(
    settings: adapter.Settings, proxies: list[Proxy], nodes: Node
) -> None:
    """Clocks of nodes differ, and with them what the limiter has refilled: the smaller figure is certain."""
    token, minter = signing.address(settings.token_address), signing.address(settings.minter_address)
    contracts = Contracts(nodes, token=token, minter=minter)
    granted = (await contracts.policy(SIGNER)).available
    proxies[0].lie("eth_call", lambda word: f"0x{granted + 5:064x}" if int(word, 16) == granted else word)
    proxies[1].lie("eth_call", lambda word: f"0x{granted - 5:064x}" if int(word, 16) == granted else word)
    proxies[2].always("eth_getBalance", "hang")
    assert (await contracts.policy(SIGNER)).available == granted - 5
