"""How often an answer asks the system to write: once, where head and body come together."""

import asyncio
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from cashback.kernel.lifecycle.bounds import BoundedHttp
from cashback.kernel.lifecycle.together import Together
from tests.support.facts import eventually

HEAD = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n"


class Written:
    """A transport that notes what each call of the system was given."""

    def __init__(self) -> None:
        """Have written nothing."""
        self.calls: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Note a call."""
        self.calls.append(data)

    def writelines(self, parts: list[bytes]) -> None:
        """Note one call for all of them."""
        self.calls.append(b"".join(parts))

    def close(self) -> None:
        """Be closed."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it is closed."""
        return self.is_closed

    def get_extra_info(self, name: str) -> None:
        """Know nothing of who is at the other end."""
        del name

    def resume_reading(self) -> None:
        """Read whatever there is."""


def together() -> tuple[Together, Written]:
    """Return an answer's view of a transport, and that."""
    written = Written()
    return Together(cast("asyncio.Transport", written)), written


def test_a_head_waits_for_the_body_and_what_follows_does_not() -> None:
    """Whatever that looks like: a part of a body may read like a head."""
    answer, written = together()
    answer.write(HEAD)
    assert written.calls == []
    answer.write(b"{}")
    answer.write(HEAD)
    assert written.calls == [HEAD + b"{}", HEAD]


def test_a_head_without_a_length_leaves_at_once() -> None:
    """Whoever sends lines waits for it before sending on."""
    answer, written = together()
    answer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    answer.write(b"2\r\n{}\r\n")
    assert len(written.calls) == 2


def test_a_head_whose_body_never_comes_is_written_before_the_end() -> None:
    """Its reader sees that something broke, and of which request."""
    answer, written = together()
    answer.write(HEAD)
    answer.close()
    assert (written.calls, answer.is_closing()) == ([HEAD], True)


def test_a_head_that_waits_for_a_connection_that_has_gone_is_written_nowhere() -> None:
    """Writing to what is closed is a defect of its own."""
    answer, written = together()
    answer.write(HEAD)
    written.close()
    answer.close()
    assert written.calls == []


async def serve(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
    """Answer with two bytes, and tell HEAD of them."""
    await receive()
    body = b"" if scope["method"] == "HEAD" else b"{}"
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    "asked, answers",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [b"\r\n\r\n{}"], id="get"),
        pytest.param(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", [b"\r\n\r\n"], id="head"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
            [b"100 Continue\r\n\r\n", b"\r\n\r\n", b"{}"],
            id="expect",
        ),
    ],
)
async def test_the_server_writes_an_answer_at_once(asked: bytes, answers: list[bytes]) -> None:
    """One call each: but for who was told to go on before, which is written by itself."""
    config = uvicorn.Config(serve, http=BoundedHttp, ws="none", log_config=None, lifespan="off", interface="asgi3")
    config.load()
    connection, written = BoundedHttp(config, ServerState(), {}), Written()
    connection.connection_made(cast("asyncio.Transport", written))
    connection.data_received(asked)
    if b"Expect" in asked:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.data_received(b"{}")

    async def all_written() -> bool | None:
        """Tell whether all of it is there."""
        return len(written.calls) >= len(answers) or None

    await eventually(all_written, within_s=5, what="the answer is written")
    connection.connection_lost(None)
    assert [call.endswith(answer) for call, answer in zip(written.calls, answers, strict=True)] == [True] * len(answers)
