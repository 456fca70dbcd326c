"""Why nobody answered, in words that are ours: found behind whatever the libraries make of it."""

import asyncio
import socket
import ssl

import aiohttp
import httpx
import pytest
import structlog
from grpclib.exceptions import ProtocolError

from cashback.kernel.unreached import why_unanswered, why_unreached
from cashback.processes.embedded import free_port

REFUSED = "nothing listens at its address"


def certificate(number: int) -> ssl.SSLCertVerificationError:
    """Return a refusal of a certificate, as OpenSSL numbers it."""
    refusal = ssl.SSLCertVerificationError()
    refusal.verify_code = number
    return refusal


@pytest.mark.parametrize(
    "cause, words",
    [
        (ConnectionRefusedError(111, "Connection refused"), REFUSED),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] ..."), REFUSED),
        (ExceptionGroup("all attempts", [ConnectionRefusedError(111, "Connection refused")]), REFUSED),
        (ConnectionResetError(104, "Connection reset by peer"), "it ended the connection"),
        (asyncio.IncompleteReadError(b"", 7), "it ended the connection"),
        (OSError(113, "No route to host"), "no way leads to its address"),
        (socket.gaierror(-2, "Name or service not known"), "its name leads nowhere"),
        (TimeoutError(), "it did not answer in time"),
        (certificate(10), "its certificate has expired"),
        (certificate(20), "its certificate is of no authority that is trusted here"),
        (certificate(62), "its certificate is for another name"),
        (certificate(26), "its certificate cannot be used"),
        (ssl.SSLError(1, "wrong version number"), "no TLS came about with it"),
        (ValueError("something else"), ""),
        (OSError(), ""),
    ],
    ids=repr,
)
def test_what_went_wrong_is_told_by_the_number_and_not_by_the_class(cause: Exception, words: str) -> None:
    """And what says nothing of it is told as nothing: whoever asked has a word of its own for that."""
    assert why_unreached(cause) == words


def test_what_an_error_was_made_of_is_looked_at_as_well() -> None:
    """However it was passed on; what was hidden on purpose stays hidden."""
    passed_on = RuntimeError("away")
    passed_on.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert why_unreached(passed_on) == REFUSED
    passed_on.__cause__ = TimeoutError()
    assert why_unreached(passed_on) == "it did not answer in time"
    passed_on.__cause__ = None
    assert why_unreached(passed_on) == ""


async def test_each_http_client_is_understood() -> None:
    """Each wraps what the system says in errors of its own."""
    url = f"http://127.0.0.1:{free_port()}"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError) as of_one:
            await client.get(url)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as of_other:
            await session.get(url)
    with pytest.raises(httpx.TransportError) as of_third:
        await asyncio.to_thread(httpx.get, url)
    assert {why_unreached(one.value) for one in (of_one, of_other, of_third)} == {REFUSED}


@pytest.mark.parametrize(
    "cause, words, named",
    [
        (ConnectionRefusedError(111, "Connection refused"), REFUSED, []),
        (KeyError("ended"), "it ended the connection", []),
        (ProtocolError("Stream is ended"), "it is not known why", ["grpclib.exceptions.ProtocolError"]),
    ],
    ids=repr,
)
def test_what_is_not_known_is_called_so_and_the_log_names_its_class(
    cause: Exception, words: str, named: list[str]
) -> None:
    """A guess would send people to look for a process that ended; `KeyError` is how this library says that one did."""
    with structlog.testing.capture_logs() as logs:
        assert why_unanswered(cause, ended=KeyError) == words
    assert [line["kind"] for line in logs] == named
