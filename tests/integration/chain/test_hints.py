"""New heads by websocket: they wake the follower, and nothing depends on them."""

from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from cashback.processes import adapter
from cashback.processes.embedded import EmbeddedAnvil, free_port
from tests.integration.chain.forwarder import Forwarder
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import Bench, mint, serving
from tests.integration.chain.waiting import eventually

NEVER_MS: Final = 60_000
"""Twice as long as these tests wait for anything: whatever is followed was followed upon a hint."""


def hinted(settings: adapter.Settings, port: int, *, poll_ms: int = NEVER_MS) -> adapter.Settings:
    """Return the settings with a websocket at a port of this machine."""
    return msgspec.structs.replace(settings, ws_urls=(f"ws://127.0.0.1:{port}",), poll_ms=poll_ms)


async def subscribed(bench: Bench, *, is_so: bool = True) -> None:
    """Return once heads are announced, or once they are not."""

    async def look() -> bool | None:
        return True if bench.adapter.hints[0].is_subscribed is is_so else None

    await eventually(look)


async def test_a_new_head_wakes_the_follower_though_no_poll_is_due(
    settings: adapter.Settings, node: EmbeddedAnvil
) -> None:
    """From the node to the outcome without one poll."""
    async with serving(hinted(settings, node.port)) as bench:
        await subscribed(bench)
        await bench.submit(mint(1))
        await bench.reached([1], "included", "safe")
        await bench.settled([1])


async def test_a_websocket_that_dies_is_connected_again_and_what_was_missed_is_followed(
    settings: adapter.Settings, node: EmbeddedAnvil
) -> None:
    """The subscription that stands again is a hint itself: blocks may have come meanwhile."""
    async with Forwarder.before(node.port) as forwarder, serving(hinted(settings, forwarder.port)) as bench:
        await subscribed(bench)
        await bench.followed()
        forwarder.is_open = False
        forwarder.cut()
        await subscribed(bench, is_so=False)
        await bench.lever.mine(3)
        forwarder.is_open = True
        await subscribed(bench)
        await bench.followed()
        assert forwarder.connections >= 2


async def test_without_its_websocket_the_adapter_polls_and_says_once_that_no_hints_come(
    settings: adapter.Settings,
) -> None:
    """Nobody listens there, from the start to the end; everything goes on, and stopping takes no longer."""
    with structlog.testing.capture_logs() as lines:
        async with serving(hinted(settings, free_port(), poll_ms=20)) as bench:
            await bench.submit(mint(1))
            await bench.settled([1])

            async def look() -> bool | None:
                return True if sum(line["event"] == "hints.interrupted" for line in lines) >= 2 else None

            await eventually(look)
    told = [line["log_level"] for line in lines if line["event"] == "hints.interrupted"]
    assert told[0] == "warning"
    assert set(told[1:]) == {"info"}


async def test_a_websocket_that_dies_for_good_leaves_the_polling(
    settings: adapter.Settings, node: EmbeddedAnvil
) -> None:
    """It was there, then it is not: mints go on."""
    async with Forwarder.before(node.port) as forwarder, serving(hinted(settings, forwarder.port, poll_ms=20)) as bench:
        await subscribed(bench)
        forwarder.is_open = False
        forwarder.cut()
        await subscribed(bench, is_so=False)
        await bench.submit(mint(1))
        await bench.settled([1])
        assert not bench.adapter.hints[0].is_subscribed


async def test_a_websocket_that_refuses_the_subscription_is_asked_again_later(settings: adapter.Settings) -> None:
    """Something answers there that speaks no websocket: no hint, no harm, and the URL's path is told to nobody."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        port = urlsplit(proxy.url).port
        assert port is not None
        secret = msgspec.structs.replace(settings, ws_urls=(f"ws://127.0.0.1:{port}/v3/apikey",))
        with structlog.testing.capture_logs() as lines:
            async with serving(secret) as bench:
                await bench.submit(mint(1))
                await bench.settled([1])
        told = [line for line in lines if line["event"] == "hints.interrupted"]
        assert told
        assert "apikey" not in str(told)
