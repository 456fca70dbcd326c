"""A body of lines: read as it comes, in pieces of any size, each line bounded and in its order."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from cashback.kernel.http.broken_bodies import JsonMalformed
from cashback.kernel.http.lines import Line, LineBounds, LineTooLarge, batches_of_lines, check_lines, whole_line
from cashback.kernel.http.media import UnsupportedMediaType
from cashback.kernel.lifecycle import bounds as server
from tests.support.facts import eventually, pause
from tests.support.small_servers import connected, counting

BOUNDS = LineBounds(body_bytes_max=1_000, line_bytes_max=20, lines_max=50, batch_max=3, batch_bytes_max=1_000)
LINES = {"content-type": "application/x-ndjson; charset=utf-8"}


async def read(
    pieces: Sequence[bytes], headers: dict[str, str] = LINES, *, is_cut_off: bool = False
) -> list[list[Line]]:
    """Return the batches of a body that comes in these pieces."""
    messages: list[Any] = [
        {"type": "http.request", "body": piece, "more_body": is_cut_off or place < len(pieces) - 1}
        for place, piece in enumerate(pieces)
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> Any:  # noqa: ANN401  # a message of ASGI
        """Give the next one."""
        return messages.pop(0)

    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    request: Request[Any, Any, Any] = Request({"type": "http", "headers": told}, receive)  # type: ignore[arg-type]  # as much of a scope as it looks at
    check_lines(request)
    return [batch async for batch in batches_of_lines(request, BOUNDS)]


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=30), st.data())
def test_lines_are_the_same_in_whatever_pieces_they_come(lines: list[bytes], data: st.DataObject) -> None:
    """Numbered from 1, blank ones counted and left out, at most so many together."""
    body = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    batches = asyncio.run(read(pieces))
    expected = [(place, line) for place, line in enumerate(lines, start=1) if line.strip(b" \t\r")]
    assert [line for batch in batches for line in batch] == expected
    assert [len(batch) for batch in batches[:-1]] == [3] * (len(batches) - 1)


async def test_a_body_may_have_as_many_lines_as_it_says() -> None:
    """Each ends with a line feed, and after the last one there is no other line; one more is one too many."""
    whole = b"x\n" * BOUNDS.lines_max
    assert [number for batch in await read([whole]) for number, _ in batch] == list(range(1, BOUNDS.lines_max + 1))
    for more in (b"\n", b"x"):
        with pytest.raises(RequestEntityTooLarge, match="more than 50 lines"):
            await read([whole, more])


async def test_few_long_lines_are_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at a time has a bound in bytes as well, whatever is blank between."""
    monkeypatch.setattr(f"{__name__}.BOUNDS", msgspec.structs.replace(BOUNDS, batch_bytes_max=25))
    batches = await read([b"x" * 20 + b"\n\n" + b"y" * 5 + b"\nz\n"])
    assert batches == [[(1, b"x" * 20), (3, b"y" * 5)], [(4, b"z")]]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"1\n" + b"x" * 200 + b"\n2"], id="at-once"),
        pytest.param([b"1\n", *[b"x" * 10] * 20, b"\n2"], id="in-parts"),
        pytest.param([b"1\n", b"x" * 200, b"\n", b"2\n"], id="in-one"),
    ],
)
async def test_of_a_line_that_is_too_long_as_much_is_held_as_shows_it(pieces: list[bytes]) -> None:
    """It is refused by whoever reads it, and the lines beside it are whole."""
    [batch] = await read(pieces)
    assert batch == [(1, b"1"), (2, b"x" * 21), (3, b"2")]
    assert whole_line(b"x" * 20, BOUNDS) == b"x" * 20
    with pytest.raises(LineTooLarge):
        whole_line(batch[1][1], BOUNDS)


@pytest.mark.parametrize(
    "pieces", [pytest.param([b"1\n" * 51], id="lines"), pytest.param([b" " * 10 + b"\n"] * 91, id="bytes")]
)
async def test_what_is_too_large_is_refused(pieces: list[bytes]) -> None:
    """The number of lines, and the bytes of all of them together."""
    with pytest.raises(RequestEntityTooLarge):
        await read(pieces)


async def test_what_is_no_body_of_lines_or_has_no_end_is_refused() -> None:
    """The kind must be said, since only lines are waited for; and half a body is none."""
    for headers in ({}, {"content-type": "application/json"}, {**LINES, "content-encoding": "gzip"}):
        with pytest.raises(UnsupportedMediaType):
            await read([b"1\n"], headers)
    with pytest.raises(JsonMalformed):
        await read([b"1\n2"], is_cut_off=True)


async def slowly(port: int, kind: str, *, bytes_at_once: int, times: int) -> int:
    """Send a body a part each 0.1 s and return to how many parts the server has listened."""
    reader, writer = await connected(port)
    sent = 0
    length = bytes_at_once * times
    writer.write(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode())
    answered = asyncio.create_task(reader.read(1))
    for _ in range(times):
        writer.write(b"\n" * bytes_at_once)
        sent += 1
        await asyncio.wait({answered}, timeout=0.1)
        if answered.done():
            break
    await asyncio.wait_for(asyncio.gather(answered, return_exceptions=True), timeout=10)
    writer.close()
    return sent


async def test_who_does_not_read_its_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes nothing is closed by nobody: closing waits until all is read."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.3)
    async with counting(answer=b"x" * 2**24) as (port, whole):
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")

        async def is_cut_off() -> bool | None:
            """Tell whether nothing more can be sent."""
            writer.write(b"\r\n")
            try:
                await writer.drain()
            except ConnectionError:
                return True
            return None

        assert await eventually(is_cut_off, within_s=10, what="the server has cut it off")
        assert whole == [0]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(2**24)
        writer.close()


async def test_who_reads_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as something is read all the time, however long the whole takes."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.5)
    async with counting(answer=b"x" * 2**22) as (port, _):
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        size = 0
        while part := await reader.read(2**18):
            size += len(part)
            await pause(0.1)
        assert size > 2**22
        writer.close()


async def test_lines_are_waited_for_as_long_as_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than any other body, not when they trickle, and not for ever."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.5)
    async with counting() as (port, whole):
        await slowly(port, server.LINES_MEDIA_TYPE, bytes_at_once=2**16, times=10)
        assert whole == [10 * 2**16]
        await slowly(port, "application/json", bytes_at_once=2**16, times=10)
        await slowly(port, server.LINES_MEDIA_TYPE, bytes_at_once=100, times=10)
        monkeypatch.setattr(server, "LINES_WITHIN_S", 0.8)
        assert await slowly(port, server.LINES_MEDIA_TYPE, bytes_at_once=2**16, times=100) < 50
        assert whole == [10 * 2**16]
