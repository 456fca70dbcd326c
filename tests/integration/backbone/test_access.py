"""How a process comes to the broker: by TLS or not at all where it was told so, and answered where it alone listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.kernel.bus import Bus, BusRefused, BusUnavailable
from cashback.kernel.bus.link import Address, Link
from cashback.kernel.config import Secret
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.embedded import EmbeddedNats, NatsTls, NatsUser
from tests.integration.backbone.world import eventually
from tests.support.certificates import Authority

WORD: Final = "pass-word"
ME: Final = NatsUser(name="me", password=WORD, publish=("$JS.API.>", "_INBOX.me.>"), subscribe=("_INBOX.me.>",))
INFO: Final = b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"auth_required":true}\r\n'
"""What a server says that has no TLS."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give an authority."""
    return Authority(tmp_path / "authority")


@asynccontextmanager
async def admitted(settings: BrokerSettings) -> AsyncIterator[Bus]:
    """Yield the bus of a process, once it is connected."""
    async with broker_of(settings, "test") as bus:
        assert await bus.wait_connected(at_most_s=10), bus._why
        yield bus


async def turned_away(settings: BrokerSettings, *, because: str) -> None:
    """Return once the process was let in nowhere, and says why."""
    async with broker_of(settings, "test") as bus:

        async def look() -> bool:
            assert not bus.is_connected
            try:
                await bus.ping()
            except BusUnavailable as cause:
                return because in cause.detail
            return False

        await eventually(look)


async def test_a_process_is_answered_where_its_user_alone_may_listen(tmp_path: Path) -> None:
    """No other user has to be allowed to read the answers that this one gets."""
    with EmbeddedNats(tmp_path / "nats", users=(ME,), durable=False) as server:
        settings = BrokerSettings(
            nats_url=f"nats://127.0.0.1:{server.port}", nats_user="me", nats_password=Secret(WORD)
        )
        async with admitted(settings) as bus:
            assert bus.link.reply_address().startswith("_INBOX.me.")
            assert bus.link.new_inbox().startswith("_INBOX.me.")
            await bus.ping()
            await bus.apply_streams()
        async with Bus.connect(server.url("me"), name="elsewhere") as bus:
            await bus.wait_connected(at_most_s=10)
            with pytest.raises(BusUnavailable):
                await bus.ping()


async def test_a_stream_is_on_as_many_servers_as_was_said_or_is_not_made(broker: EmbeddedNats) -> None:
    """A broker of one server refuses three; what was made on one is said to differ."""
    settings = BrokerSettings(nats_url=broker.url(), stream_replicas=3)
    async with admitted(settings) as bus:
        with pytest.raises(BusRefused):
            await bus.apply_streams()
        async with admitted(msgspec.structs.replace(settings, stream_replicas=1)) as other:
            await other.apply_streams()
        reports = await bus.examine_streams()
    assert [report.differences for report in reports] == [("num_replicas is 1, declared 3",)] * 2


async def test_a_process_with_a_certificate_is_let_in_and_no_other(tmp_path: Path, authority: Authority) -> None:
    """Both sides are known by the authority; a stranger's certificate is worth as much as none."""
    ours, stranger = authority.sign("me"), Authority(tmp_path / "stranger").sign("me")
    served = authority.sign("nats")
    tls = NatsTls(cert=served.cert, key=served.key, ca=served.ca)
    with EmbeddedNats(tmp_path / "nats", users=(ME,), tls=tls, durable=False) as server:
        plain = BrokerSettings(nats_url=f"nats://127.0.0.1:{server.port}", nats_user="me", nats_password=Secret(WORD))

        def shown(cert: str, key: str, ca: str) -> BrokerSettings:
            """Return what a process has to show."""
            return msgspec.structs.replace(plain, nats_tls_cert=cert, nats_tls_key=key, nats_tls_ca=ca)

        async with admitted(shown(ours.cert, ours.key, ours.ca)) as bus:
            await bus.ping()
        await turned_away(plain, because="its certificate is of no authority that is trusted here")
        await turned_away(shown(stranger.cert, stranger.key, ours.ca), because="cannot be reached")
        await turned_away(
            shown(ours.cert, ours.key, stranger.ca), because="its certificate is of no authority that is trusted here"
        )


async def test_a_server_that_lets_in_and_says_nothing_is_passed_by_with_the_next_turn(broker: EmbeddedNats) -> None:
    """A machine that hangs takes the time of one opening, and not of every one: the next begins with another server."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say nothing until the other side has had enough."""
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        silent = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        address = Address(f"{silent},{broker.url()}", name="test")
        first, second = Link(), Link()
        with pytest.raises(BusUnavailable):
            await first.open(address, turn=2)
        await second.open(address, turn=3)
        assert second.is_open
        await second.close()
        async with Bus.connect(address.url, name="test") as bus:
            assert await bus.wait_connected(at_most_s=10)


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_a_server_without_tls_is_told_no_password_by_whoever_was_to_come_by_tls(
    authority: Authority, scheme: str
) -> None:
    """Whoever stands between the two may say that there is no TLS; the library would then talk in plain text."""
    told: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say hello, and keep what the client says to that."""
        writer.write(INFO)
        told.append(await reader.read())
        writer.close()

    certificate = authority.sign("me")
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = BrokerSettings(nats_url=f"{scheme}://127.0.0.1:{port}", nats_user="me", nats_password=Secret(WORD))
        if scheme == "nats":
            settings = msgspec.structs.replace(
                settings, nats_tls_cert=certificate.cert, nats_tls_key=certificate.key, nats_tls_ca=certificate.ca
            )
        await turned_away(settings, because="offers no TLS")
        await eventually(lambda: _has(told))
    assert set(told) == {b""}


async def _has(told: list[bytes]) -> bool:
    """Tell whether anything was told."""
    return bool(told)
