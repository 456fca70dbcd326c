"""One endpoint that cannot be reached: bounded, remembered, and silent about its secrets."""

import pytest

from cashback.chain.gateway.endpoint import Endpoint
from cashback.chain.gateway.jsonrpc import EndpointSilent
from cashback.chain.gateway.node import Node
from cashback.kernel.errors import Broken
from cashback.processes.embedded import free_port


def endpoint() -> Endpoint:
    """Return an endpoint at a port where nobody listens, with secrets in its URL."""
    return Endpoint(f"http://someone:password@127.0.0.1:{free_port()}/v3/apikey", place=0, chain_id=1, timeout_s=1)


async def test_an_endpoint_that_is_down_says_so_without_its_secrets() -> None:
    """Neither path nor password of the URL are in the name, in the problem, or in the error."""
    down = endpoint()
    with pytest.raises(EndpointSilent) as silence:
        await down.ask([("eth_blockNumber", [])])
    told = f"{down.name} {down.problem} {silence.value}"
    assert "127.0.0.1" in told
    assert down.problem == "nothing listens at its address"
    assert "apikey" not in told
    assert "password" not in told
    assert not down.is_healthy
    await down.close()


async def test_an_offer_to_an_endpoint_that_is_down_is_unanswered_not_refused() -> None:
    """Nobody may call such a send failed."""
    node = Node([endpoint()])
    [answer] = await node.send(b"\2")
    assert not answer.is_accepted
    assert not answer.is_answered
    await node.close()


async def test_a_chain_is_not_asked_inside_a_transaction() -> None:
    """Row locks would wait for the network."""
    from cashback.kernel import db

    token = db._inside.set(True)
    try:
        with pytest.raises(Broken, match="inside a transaction"):
            await endpoint().ask([("eth_blockNumber", [])])
    finally:
        db._inside.reset(token)
