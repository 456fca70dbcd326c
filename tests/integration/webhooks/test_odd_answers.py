"""Whatever an endpoint answers costs its own delivery a try, and the deliveries of others nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cashback.webhooks import NewEndpoint
from cashback.webhooks.consumer import TYPES
from cashback.webhooks.gateway import Post, Sent
from tests.integration.webhooks.world import HOST, World, eventually, refunded

ATTEMPTS = """
    select attempt.status, attempt.error
    from webhooks.attempts as attempt
    join webhooks.deliveries as delivery on delivery.id = attempt.delivery_id
    join webhooks.endpoints as endpoint on endpoint.id = delivery.endpoint_id
    where endpoint.url like '%%/odd'
"""


@asynccontextmanager
async def answering(answer: bytes, *, dawdles: bool = False) -> AsyncIterator[int]:
    """Give the port of a server that answers everything with these bytes, and says no more if it dawdles."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, and answer."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if dawdles:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            over.set()


async def endpoint_at(world: World, port: int) -> None:
    """Make an endpoint of a merchant's at `/odd` of a port of this machine."""
    new = NewEndpoint(merchant_id="mer_1", url=f"http://{HOST}:{port}/odd", types=tuple(TYPES), by="test")
    async with world.api.transaction() as tx:
        await world.endpoints.create(tx, new)


@pytest.mark.parametrize(
    "head,noted",
    [
        (b"HTTP/1.1 000 Nothing", (None, "answer_malformed")),
        (b"HTTP/1.1 042 Odd", (None, "answer_malformed")),
        (b"HTTP/1.1 999 Odd", (None, "answer_malformed")),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999999", (503, None)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 1 Jan 99999999999999999999 00:00:00 GMT", (429, None)),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_try_that_failed(
    world: World, head: bytes, noted: tuple[int | None, str | None]
) -> None:
    """It is noted and tried again as published, and the other endpoint has its own meanwhile."""
    await world.endpoint("/well")
    async with answering(head + b"\r\nContent-Length: 0\r\n\r\n") as port:
        await endpoint_at(world, port)
        await world.take(refunded())
        async with world.delivering():
            await world.tried(2)
    assert world.states() == ["delivered", "due"]
    assert world.rows(ATTEMPTS) == [noted]
    assert len(world.shop.at("/well")) == 1


@pytest.mark.parametrize("words", [b"", b"stored, and "])
async def test_a_status_is_the_answer_though_the_time_is_over_before_its_words_are_here(
    world: World, monkeypatch: pytest.MonkeyPatch, words: bytes
) -> None:
    """As when it comes in the last second of a try: the endpoint has the delivery, and is not told once more."""
    monkeypatch.setattr("cashback.webhooks.gateway.post.WORDS_WITHIN_S", 60.0)
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + words, dawdles=True) as port:
        await endpoint_at(world, port)
        await world.take(refunded())
        async with world.delivering(within_s=0.5):
            await world.tried(1)
    assert world.states() == ["delivered"]
    assert world.rows("select status, error, answer from webhooks.attempts") == [(200, None, words)]


@pytest.mark.parametrize("within_s", [0.5, 60.0])
async def test_words_that_dawdle_are_waited_for_a_while_and_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch, within_s: float
) -> None:
    """Whichever of both times is over first; what came of them is kept."""
    monkeypatch.setattr("cashback.webhooks.gateway.post.WORDS_WITHIN_S", 0.5)
    async with answering(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\noops", dawdles=True) as port:
        await endpoint_at(world, port)
        await world.take(refunded())
        async with world.delivering(within_s=within_s):
            await world.tried(1)
    assert world.states() == ["due"]
    assert world.rows("select status, error, answer from webhooks.attempts") == [(500, None, b"oops")]


async def test_what_nobody_thought_of_costs_a_delivery_a_try_and_the_worker_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of ours, so that it does not count towards disabling the endpoint."""
    send = Post.send

    async def fail(self: Post, url: str, *, headers: dict[str, str], body: bytes) -> Sent:
        """Fail as nothing that is foreseen does, for one endpoint."""
        if url.endswith("/odd"):
            raise ZeroDivisionError
        return await send(self, url, headers=headers, body=body)

    monkeypatch.setattr(Post, "send", fail)
    await world.endpoint("/well")
    await world.endpoint("/odd")
    await world.take(refunded())
    async with world.delivering():
        await world.tried(2)
        await world.take(refunded())
        await eventually(lambda: world.has_got(2, "/well"))
    assert world.rows(ATTEMPTS)[0] == (None, "unforeseen")
    assert world.rows("select count(*) from webhooks.endpoints where failing_since is not null") == [(0,)]
