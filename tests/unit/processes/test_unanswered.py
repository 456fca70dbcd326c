"""Why an HTTP server gave no answer: cut off, or odd, or asked at an address that is none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import pytest

from cashback.client import Call
from cashback.kernel.config import Secret
from cashback.kernel.errors import CashbackError
from cashback.processes.anchored import Chain, events_of
from cashback.processes.client import Client
from cashback.processes.doctor.served import api

Asker: TypeAlias = Callable[[str], Awaitable[object]]

CUT_OFF: Final = "it ended the connection"
ODD: Final = "what it said cannot be read"
HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n"


async def by_verb(url: str) -> object:
    """Ask as the command line does."""
    with Client(url, Secret("key")) as client:
        return await asyncio.to_thread(client.send, Call(method="GET", path="/v1", answer=dict))


async def by_proof(url: str) -> object:
    """Ask a node as whoever verifies a proof does."""
    return await events_of(Chain(rpc_url=url, minter="0x"))


ASKERS: Final[dict[str, Asker]] = {"the command line": by_verb, "doctor": api, "a proof": by_proof}


@asynccontextmanager
async def saying(words: bytes) -> AsyncIterator[str]:
    """Give the URL of a server that says this to the one who asks, and hangs up."""
    is_over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        writer.write_eof()
        # It is the other side's to hang up, or a reset could overtake what was said.
        await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        is_over.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await is_over.wait()


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize(
    "said, words",
    [
        (b"", CUT_OFF),
        (HEAD + b"\r\n{", CUT_OFF),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ODD),
        (HEAD + b"content-encoding: gzip\r\n\r\nabc", ODD),
    ],
)
async def test_who_was_cut_off_is_told_so_and_who_heard_nonsense_is_told_that(
    asker: str, said: bytes, words: str
) -> None:
    """Whoever mends it looks for a process that ended, or for a wrong port."""
    async with saying(said) as url:
        with pytest.raises(CashbackError, match=words):
            await ASKERS[asker](url)


@pytest.mark.parametrize("asker", ASKERS)
async def test_an_address_without_its_scheme_is_the_reason(asker: str) -> None:
    """Nobody was asked, so nobody ended anything."""
    with pytest.raises(CashbackError, match="its address begins with neither http:// nor https://"):
        await ASKERS[asker]("localhost:8080")
