"""The broker of `deploy`, really started: its configurations and scripts, with only places and ports put in."""

import asyncio
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.kernel.config import Secret
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.embedded import HOST, Child, HeldPort, Launch, answers, eventually
from tests.support.certificates import Authority

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy"
SERVERS: Final = ("nats", "nats-2", "nats-3")
FILES: Final = ("nats.conf", "nats.users.conf", "nats.sh", "nats.cluster.conf", "nats.cluster.sh")


class Deployed:
    """One server in a folder of its own, as its container would have it."""

    def __init__(self, folder: Path, *, secrets: Path, script: str) -> None:
        """Start nothing yet."""
        self.folder, self.secrets, self.script = folder, secrets, script
        self.client, self.route, self.probe = (HeldPort() for _ in range(3))
        self.child = Child("nats-server", folder / "log", self._prepare)
        self.routes: Sequence[HeldPort] = (self.route,)

    def _prepare(self) -> Launch:
        """Put the places of this machine into the files, and return how to start with them."""
        places = {
            "/run/secrets": str(self.secrets),
            "/etc/nats": str(self.folder),
            '"/data"': f'"{self.folder / "data"}"',
            "0.0.0.0:6222": f"{HOST}:{self.route.number}",
            "0.0.0.0": HOST,  # noqa: S104 - what a container binds to is put away here
            '"port": 4222': f'"port": {self.client.number}',
            "127.0.0.1:8222": f"{HOST}:{self.probe.number}",
        }
        for name in FILES:
            text = (DEPLOY / name).read_text()
            for place, own in places.items():
                text = text.replace(place, own)
            (self.folder / name).write_text(text)
        env = {
            "PATH": f"{sysconfig.get_path('scripts')}:{os.defpath}",
            "NATS_SERVER_NAME": self.folder.name,
            "NATS_SERVERS": " ".join(f"{HOST}:{port.number}" for port in self.routes),
        }
        return Launch(command=("/bin/sh", str(self.folder / self.script)), ready=self._serves, env=env)

    def _serves(self, pid: int) -> bool:
        """Tell whether the server answers."""
        del pid
        return answers(self.probe.number, "/healthz?js-server-only=true")

    def is_well(self) -> bool:
        """Tell whether it is in step with the others."""
        return answers(self.probe.number, "/healthz")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Give the secrets of a cluster, its servers' certificate good for this machine instead of for their names."""
    folder = tmp_path / "secrets"
    subprocess.run(["sh", str(DEPLOY / "secrets.cluster.sh"), str(folder)], check=True)
    authority = Authority(tmp_path / "authority")
    files: dict[str, str] = {}
    for whose, name in (("broker", "nats"), ("broker_worker_ledger", "worker-ledger")):
        signed = authority.sign(name)
        files |= {f"{whose}_cert": signed.cert, f"{whose}_key": signed.key, "broker_ca": signed.ca}
    for name, source in files.items():
        (folder / name).chmod(0o600)
        (folder / name).write_bytes(Path(source).read_bytes())
    return folder


@pytest.fixture
def servers(tmp_path: Path, secrets: Path) -> Iterator[list[Deployed]]:
    """Give the three servers of compose.cluster.yaml, which have come together."""
    with ExitStack() as life:
        found = []
        for name in SERVERS:
            (tmp_path / name).mkdir()
            found.append(Deployed(tmp_path / name, secrets=secrets, script="nats.cluster.sh"))
        for server in found:
            server.routes = [one.route for one in found]
            life.callback(server.child.stop)
        with ThreadPoolExecutor(len(found)) as starters:
            for started in [starters.submit(server.child.start) for server in found]:
                started.result()
        assert eventually(lambda: all(server.is_well() for server in found), within_s=60)
        yield found


async def lets_in(settings: BrokerSettings, secrets: Path) -> None:
    """Return once the broker let the ledger's worker in, and JetStream answered it."""
    password = Secret((secrets / "nats_worker_ledger_password").read_text())
    own = msgspec.structs.replace(settings, nats_user="worker-ledger", nats_password=password)
    async with broker_of(own, "worker ledger") as bus:
        assert await bus.wait_connected(at_most_s=10), bus._why
        await bus.ping()


async def test_the_three_servers_of_the_deployment_are_one_broker(servers: list[Deployed], secrets: Path) -> None:
    """By certificate and password each of them lets the worker in, and JetStream answers it."""
    for server in servers:
        settings = BrokerSettings(
            nats_url=f"tls://{HOST}:{server.client.number}",
            nats_tls_cert=str(secrets / "broker_worker_ledger_cert"),
            nats_tls_key=str(secrets / "broker_worker_ledger_key"),
            nats_tls_ca=str(secrets / "broker_ca"),
        )
        await lets_in(settings, secrets)


async def test_the_one_server_of_the_deployment_lets_a_worker_in(tmp_path: Path, secrets: Path) -> None:
    """As compose.yaml alone has it: a password, no certificate."""
    (tmp_path / "alone").mkdir()
    server = Deployed(tmp_path / "alone", secrets=secrets, script="nats.sh")
    try:
        await asyncio.to_thread(server.child.start)
        await lets_in(BrokerSettings(nats_url=f"nats://{HOST}:{server.client.number}"), secrets)
    finally:
        await asyncio.to_thread(server.child.stop)
