"""What did not come on, or is no request: refused where its own answer stands, and never in another one's place."""

import asyncio
from typing import Any, Final

import msgspec
import pytest
from litestar import Request

from cashback.kernel.http.broken_bodies import JsonMalformed, RequestUnfinished, ended_early
from cashback.kernel.lifecycle import bounds as server
from tests.support.facts import eventually, pause
from tests.support.small_servers import connected, counting, serving

HEAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n", id="head"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", id="body"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", id="chunks"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Type: application/x-ndjson\r\n\r\nhalf",
            id="lines",
        ),
    ],
)
async def test_who_does_not_go_on_is_told_so(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """408, as a problem, and then the connection ends (RFC 9110, section 15.5.9); what there is of it is not taken."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.2)
    async with counting() as (port, whole):
        reader, writer = await connected(port)
        writer.write(sent)
        head, _, body = (await asyncio.wait_for(reader.read(), timeout=10)).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nconnection: close\r\n" in head + b"\r\n"
        assert msgspec.json.decode(body)["code"] == "request_unfinished"
        assert whole == []


@pytest.mark.parametrize("half", [HEAD[:-2], HEAD.replace(b"0", b"9") + b"half"], ids=["head", "body"])
async def test_who_said_a_whole_request_before_is_answered_that_alone(
    monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    """On a connection that goes on to half a request: one answer for each, in their order."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.2)
    async with counting() as (port, _):
        reader, writer = await connected(port)
        writer.write(HEAD + half)
        told = await asyncio.wait_for(reader.read(), timeout=10)
        writer.close()
        assert [line.split()[1] for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")] == [b"204", b"408"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\n", id="half a head"),
        pytest.param(b"no request\r\n\r\n", id="no request"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", id="too large a head"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno\r\n", id="no chunk"
        ),
    ],
)
async def test_nothing_is_said_into_the_answer_to_another_request(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    """What came before is answered whole; then the connection ends, and what came after is taken by nobody."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.2)
    ends = asyncio.Event()
    end = server.BoundedHttp._end

    def noted(self: server.BoundedHttp, *refusal: Any) -> None:  # noqa: ANN401  # what a refusal says
        """End it, and note that it is to end."""
        end(self, *refusal)
        ends.set()

    monkeypatch.setattr(server.BoundedHttp, "_end", noted)
    begun, asked = asyncio.Event(), list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Begin an answer, and not end it before the connection is to end."""
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        begun.set()
        await ends.wait()
        await send({"type": "http.response.body", "body": b"whole"})

    async with serving(app) as port:
        reader, writer = await connected(port)
        writer.write(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        await begun.wait()
        writer.write(more)
        told = await asyncio.wait_for(reader.read(), timeout=10)
        writer.close()
        assert (told.count(b"HTTP/1.1"), told.partition(b"\r\n\r\n")[2], asked) == (1, b"halfwhole", ["/first"])


async def test_whoever_was_answered_early_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that has begun before the body came is that to this request, however it goes on."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.2)
    seen = list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Begin an answer, and wait for the body."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async with serving(app) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        told = await asyncio.wait_for(reader.read(), timeout=10)
        writer.close()
        assert (told.count(b"HTTP/1.1"), told.partition(b"\r\n\r\n")[2]) == (1, b"half")
        assert seen == ["http.request", "http.disconnect"]


async def test_a_body_that_nobody_has_come_to_yet_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was sent in time and is held up by us: whoever sent it is told what becomes of it."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.1)
    comes, size = asyncio.Event(), 2**22

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Do something else first."""
        await comes.wait()
        read, has_more = 0, True
        while has_more and (message := await receive())["type"] == "http.request":
            read, has_more = read + len(message["body"]), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 204 if read == size else 400, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port:
        reader, writer = await connected(port)
        writer.write(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
        await pause(0.5)
        comes.set()
        assert (await asyncio.wait_for(reader.readline(), timeout=10)).split()[1] == b"204"
        writer.close()


async def test_who_was_given_up_is_written_down_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as somebody who went away, nor as broken JSON: in the metrics, and for whoever reads the body."""
    monkeypatch.setattr(server, "REQUEST_WITHIN_S", 0.2)
    failures, before = list[Exception](), server.UNFINISHED._value.get()

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Read to the end that there is, and keep how it is told."""
        while (await receive())["type"] == "http.request":
            pass
        failures.append(ended_early(Request(scope)))

    async with serving(app) as port:
        half = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"
        reader, writer = await connected(port)
        writer.write(half)
        assert b" 408 " in await asyncio.wait_for(reader.readline(), timeout=10)
        writer.close()
        _, gone = await connected(port)
        gone.write(half)
        gone.close()

        async def both() -> bool | None:
            """Tell whether there are two."""
            return len(failures) == 2 or None

        assert await eventually(both, within_s=10, what="both have ended")
        assert [type(failure) for failure in failures] == [RequestUnfinished, JsonMalformed]
        assert server.UNFINISHED._value.get() - before == 1
