"""Three NATS servers that are one broker: each stream is on all of them, and two are enough to go on.

    client ──any of three URLs──▶ nats-1 ◀──routes──▶ nats-2 ◀──▶ nats-3       the leader of a stream, of a consumer and
                                    └────────────────────────────────┘         of the whole may each be another server

Its servers may be killed, paused and started one by one, which is what fault tests do.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

from cashback.kernel.ids import new_id
from cashback.processes.embedded.child import ChildFailed
from cashback.processes.embedded.facts import HOST, answers, eventually
from cashback.processes.embedded.nats import ADMIN, SYSTEM, EmbeddedNats, NatsMember, NatsTls, NatsUser
from cashback.processes.embedded.ports import HeldPort

SIZE: Final = 3
NAME: Final = "cashback"

_READY_WITHIN_S: Final = 60.0


class EmbeddedNatsCluster:
    """Three servers in one folder; all calls block, and every one may be repeated.

    `servers` are they by name, `routes` the ports at which they meet. Users, TLS and durability are as with one server;
    the passwords of `admin` and `system` are made up for all.
    """

    def __init__(
        self, folder: Path, *, users: tuple[NatsUser, ...] = (), tls: NatsTls | None = None, durable: bool = True
    ) -> None:
        """Start nothing yet; the servers know each other by ports that are held from now on."""
        self._ports = tuple(HeldPort() for _ in range(SIZE))
        self.routes = tuple(port.number for port in self._ports)
        self._system_password = new_id("key")
        admin = NatsUser(name=ADMIN, password=new_id("key"))
        password = new_id("key")
        self.servers: dict[str, EmbeddedNats] = {}
        for number, port in enumerate(self.routes, 1):
            name = f"nats-{number}"
            member = NatsMember(
                cluster=NAME,
                name=name,
                port=port,
                routes=self.routes,
                password=password,
                system_password=self._system_password,
            )
            self.servers[name] = EmbeddedNats(
                folder / name, users=(admin, *users), tls=tls, member=member, durable=durable
            )

    def start(self) -> Self:
        """Return this cluster once it has a leader and every server is in step.

        Raises:
            BinaryMissing: the program is not installed.
            ChildFailed: a server could not be started, or they did not come together; none is left running.
        """
        try:
            with ThreadPoolExecutor(max_workers=SIZE) as starters:
                for started in [starters.submit(server.start) for server in self.servers.values()]:
                    started.result()
            self._await_all()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every server, at once."""
        with ThreadPoolExecutor(max_workers=SIZE) as stoppers:
            for stopped in [stoppers.submit(server.stop) for server in self.servers.values()]:
                stopped.result()

    def _await_all(self) -> None:
        """Return once they have come together.

        Raises:
            ChildFailed: they did not.
        """
        if not eventually(self.is_well, within_s=_READY_WITHIN_S):
            raise ChildFailed("the servers of the NATS cluster did not come together")

    def is_well(self) -> bool:
        """Tell whether every server says that it is in step with the others, in all that it holds."""
        return all(
            server.is_running and answers(server.monitoring_port, "/healthz") for server in self.servers.values()
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, user: str = ADMIN) -> str:
        """Return the URLs of all servers, comma-separated, for one of the users, its password included."""
        return ",".join(server.url(user) for server in self.servers.values())

    @property
    def system_url(self) -> str:
        """Return the URLs for the user who sees the servers and no subject of ours."""
        return ",".join(
            f"nats://{SYSTEM}:{self._system_password}@{HOST}:{server.port}" for server in self.servers.values()
        )
