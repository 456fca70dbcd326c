"""Three servers by TLS, among themselves and with whoever comes: nobody without a certificate gets in anywhere."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import nats
import nats.errors
import pytest

from cashback.kernel.config import Secret
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.embedded import EmbeddedNats, EmbeddedNatsCluster, HeldPort, NatsTls, NatsUser, eventually
from cashback.processes.embedded.nats import NatsMember
from cashback.processes.embedded.nats_cluster import NAME
from cashback.processes.stack.rights import broker_rights
from cashback.processes.tls import client_context
from tests.support.certificates import Authority, Certificate

USER: Final = "relay-cashback"
PASSWORD: Final = "pass-word"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give the broker's authority."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def cluster(tmp_path: Path, authority: Authority) -> Iterator[EmbeddedNatsCluster]:
    """Give three servers with a relay's user."""
    served = authority.sign("nats")
    tls = NatsTls(cert=served.cert, key=served.key, ca=served.ca)
    rights = broker_rights()[USER]
    relay = NatsUser(name=USER, password=PASSWORD, publish=rights.publish, subscribe=rights.subscribe)
    with EmbeddedNatsCluster(tmp_path / "cluster", users=(relay,), tls=tls, durable=False) as cluster:
        yield cluster


def settings_of(urls: str, shown: Certificate) -> BrokerSettings:
    """Return the settings of a relay that comes with a certificate, and wants its streams on three servers."""
    return BrokerSettings(
        nats_url=urls,
        nats_user=USER,
        nats_password=Secret(PASSWORD),
        nats_tls_cert=shown.cert,
        nats_tls_key=shown.key,
        nats_tls_ca=shown.ca,
        stream_replicas=3,
    )


async def test_a_relay_makes_its_streams_on_three_servers_by_tls(
    cluster: EmbeddedNatsCluster, authority: Authority
) -> None:
    """As the deployment has it: three addresses, a certificate, narrow rights, an account with JetStream."""
    urls = ",".join(f"tls://127.0.0.1:{server.port}" for server in cluster.servers.values())
    async with broker_of(settings_of(urls, authority.sign(USER)), "relay") as bus:
        assert await bus.wait_connected(at_most_s=10)
        assert [(report.created, report.differences) for report in await bus.apply_streams()] == [(True, ())] * 2


async def test_a_client_without_a_certificate_is_let_in_nowhere(
    cluster: EmbeddedNatsCluster, authority: Authority, tmp_path: Path
) -> None:
    """Neither with the right password alone, nor with a stranger's certificate: at no server, and not by a route."""
    stranger = Authority(tmp_path / "stranger").sign(USER)
    known = authority.sign(USER)
    contexts = {
        "ours": client_context(cert=known.cert, key=known.key, ca=known.ca, alpn=()),
        "a stranger's": client_context(cert=stranger.cert, key=stranger.key, ca=known.ca, alpn=()),
    }
    admitted = {
        (number, whose)
        for number, server in enumerate(cluster.servers.values(), 1)
        for whose, context in contexts.items()
        if await _is_let_in(f"tls://{USER}:{PASSWORD}@127.0.0.1:{server.port}", context)
    }
    assert admitted == {(number, "ours") for number in (1, 2, 3)}


async def test_a_server_that_knows_no_password_of_the_routes_joins_nothing(
    cluster: EmbeddedNatsCluster, authority: Authority, tmp_path: Path
) -> None:
    """A worker's certificate is of the same authority: it alone makes no server of the cluster."""
    shown = authority.sign("worker-mint")
    tls = NatsTls(cert=shown.cert, key=shown.key, ca=shown.ca)
    port = HeldPort()
    member = NatsMember(
        cluster=NAME,
        name="intruder",
        port=port.number,
        routes=cluster.routes,
        password="guessed",
        system_password="any",
    )
    intruder = EmbeddedNats(tmp_path / "intruder", tls=tls, member=member, durable=False)
    try:
        await asyncio.to_thread(intruder.start)
        assert eventually(lambda: "Authorization" in intruder.log.read_text(), within_s=20)
    finally:
        await asyncio.to_thread(intruder.stop)
    line = await nats.connect(
        cluster.system_url.split(","), tls=client_context(cert=shown.cert, key=shown.key, ca=shown.ca, alpn=())
    )
    answered = msgspec.json.decode((await line.request("$SYS.REQ.SERVER.PING.ROUTEZ", timeout=10)).data)
    await line.close()
    assert {route["remote_name"] for route in answered["data"]["routes"]} == cluster.servers.keys() - {
        answered["server"]["name"]
    }


async def _is_let_in(url: str, context: object) -> bool:
    """Tell whether a server lets a client in that comes with this certificate."""
    try:
        line = await nats.connect(
            url, tls=context, allow_reconnect=False, connect_timeout=5, error_cb=_unheard, max_reconnect_attempts=1
        )
    except (nats.errors.Error, OSError):
        return False
    await line.close()
    return True


async def _unheard(cause: Exception) -> None:
    """Drop what the library says: whether it was let in is looked at instead."""
    del cause
