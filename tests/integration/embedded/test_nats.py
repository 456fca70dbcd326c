"""Embedded NATS: streams outlive the server, a pause is not a death, and each role may do only its own."""

import asyncio
import socket
from pathlib import Path

import nats
import pytest
from nats.js.errors import NotFoundError

from cashback.kernel.errors import Conflict, Invalid
from cashback.processes.embedded import HOST, EmbeddedNats, NatsUser, answers


async def publish(url: str, *, stream: str = "notes") -> None:
    """Store one note, in a stream that is made when it is not there."""
    connection = await nats.connect(url, allow_reconnect=False)
    try:
        context = connection.jetstream()
        await context.add_stream(name=stream, subjects=[f"{stream}.>"])
        await context.publish(f"{stream}.kept", b"kept")
    finally:
        await connection.close()


async def stored(url: str, *, stream: str = "notes") -> int:
    """Return how many notes the stream holds."""
    connection = await nats.connect(url, allow_reconnect=False)
    try:
        return (await connection.jetstream().stream_info(stream)).state.messages
    finally:
        await connection.close()


async def test_a_restart_keeps_the_ports_and_every_acknowledged_message(tmp_path: Path) -> None:
    """Stopped or killed, clients come back to the address they know and find what was acknowledged."""
    with EmbeddedNats(tmp_path) as server:
        before = (server.url(), server.monitoring_url)
        await publish(server.url())
        await asyncio.to_thread(server.restart)
        assert (server.url(), server.monitoring_url) == before
        assert await stored(server.url()) == 1
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        assert await stored(server.url()) == 1


async def test_wiping_loses_everything_and_needs_a_stopped_server(tmp_path: Path) -> None:
    """The broken disk of the fault tests, which happens to nobody by accident."""
    with EmbeddedNats(tmp_path, durable=False) as server:
        await publish(server.url())
        with pytest.raises(Conflict):
            server.wipe()
        await asyncio.to_thread(server.stop)
        server.wipe()
        await asyncio.to_thread(server.start)
        with pytest.raises(NotFoundError):
            await stored(server.url())


async def test_a_paused_server_answers_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    """A partition looks like this from a client: the address is there, and silent."""
    with EmbeddedNats(tmp_path, durable=False) as server:
        server.pause()
        assert not answers(server.monitoring_port, "/healthz")
        server.resume()
        await publish(server.url())


async def test_each_user_has_a_password_and_only_its_own_subjects(tmp_path: Path) -> None:
    """A process that may publish receipts may not publish purchases."""
    clerk = NatsUser(name="clerk", password="its-own", publish=("receipts.>",), subscribe=("_INBOX.>",))
    refusals: asyncio.Queue[Exception] = asyncio.Queue()

    with EmbeddedNats(tmp_path, users=(clerk,), durable=False) as server:
        connection = await nats.connect(server.url("clerk"), error_cb=refusals.put, allow_reconnect=False)
        await connection.publish("receipts.one", b"")
        await connection.publish("purchases.one", b"")
        assert "purchases.one" in str(await asyncio.wait_for(refusals.get(), timeout=20))
        await connection.close()
    assert refusals.empty()


def test_nobody_gets_in_without_the_password(nats: EmbeddedNats) -> None:
    """Other users of the machine reach the port, too (spoken by hand: a client that is refused leaks its socket)."""
    with socket.create_connection((HOST, nats.port), timeout=10) as line, line.makefile("rw", newline="\r\n") as talk:
        assert talk.readline().startswith("INFO ")
        talk.write('CONNECT {"user": "admin", "pass": "guessed"}\nPING\n')
        talk.flush()
        assert talk.readline().startswith("-ERR 'Authorization Violation'")


def test_a_password_that_would_not_survive_in_a_url_is_refused(tmp_path: Path) -> None:
    """The client does not decode what a URL must encode, and would be refused with the right password."""
    with pytest.raises(Invalid, match="clerk"):
        EmbeddedNats(tmp_path, users=(NatsUser(name="clerk", password="p:w/d?"),))


def test_its_configuration_can_be_read_by_its_owner_only(nats: EmbeddedNats, tmp_path: Path) -> None:
    """It holds passwords."""
    with EmbeddedNats(tmp_path, durable=False):
        assert (tmp_path / "nats.conf").stat().st_mode & 0o777 == 0o600


def test_a_durable_server_syncs_before_it_acknowledges(tmp_path: Path) -> None:
    """Production's setting is the default here, so that measurements and demos are honest."""
    with EmbeddedNats(tmp_path) as server:
        assert answers(server.monitoring_port, "/healthz")
        assert '"sync_interval": "always"' in (tmp_path / "nats.conf").read_text()
