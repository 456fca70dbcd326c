"""Starting and stopping it all, each step a fact that is waited for, and side by side where nothing waits.

PostgreSQL ─▶ migrate, operator's key ─┐
NATS ───────▶ streams ─────────────────┼─▶ every process at once ─▶ ready
anvil ──────▶ contracts ───────────────┘
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, Self, TypeAlias

from cashback.kernel.clock import start_file
from cashback.kernel.errors import Unavailable
from cashback.processes.embedded import (
    ADMIN,
    CHAIN_ID,
    HOST,
    CashbackProcess,
    EmbeddedAnvil,
    EmbeddedNats,
    EmbeddedPostgres,
)
from cashback.processes.stack.keeping import Kept
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC, PROCESSES, Plan, Ports

Tell: TypeAlias = Callable[[str], None]
"""Is told each step as it begins, in a few words."""

FOR_A_PERSON: Final = frozenset({"minting", "mint_limit", "numbers"})
"""The checks of `/readyz` that no time mends: a halt, a limit, a ledger that is behind. With them a stack is up, for
whoever mends them needs the adapter, the databases and the settings to do so."""

_SIDE_BY_SIDE_MAX: Final = 8
_BY_BUSINESS_TIME: Final = frozenset({"api", "worker-ledger"})
"""Whose time `cashback clock` moves; the others know leases, retries and blocks alone, which are the machine's."""


class StackAbandoned(Unavailable):
    """The stack was told to end before it was up."""

    code = "stack_abandoned"


class Child(Protocol):
    """A server or a process of ours."""

    @property
    def is_running(self) -> bool:
        """Tell whether its process exists."""

    @property
    def exit_code(self) -> int | None:
        """Return what it ended with the last time, minus the signal when one ended it; None before."""

    @property
    def log(self) -> Path:
        """Return where it writes what it has to say."""

    def start(self) -> object:
        """Return when it is ready."""

    def stop(self) -> None:
        """End it; repeatable."""

    def abandon(self) -> None:
        """Make a start that is under way fail soon."""


def _to_nobody(step: str) -> None:
    """Keep the step to oneself."""
    del step


def _nothing() -> None:
    """Do nothing."""


class Stack:
    """Everything that `cashback dev` starts, in one folder; use it as a context manager.

    A folder that served before serves on, with the data, the passwords and the API keys that it has; ports are new.
    The servers and `processes` may be stopped, killed, paused and restarted one by one, which is what fault tests do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        anvil: Path,
        block_time_s: float = 1,
        durable: bool = True,
        gas_limit: int = 36_000_000,
        shared: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start nothing yet; `anvil` is the program, `durable` False trades fsync for speed in tests.

        `shared` are further `CASHBACK_*` variables, of every process.
        """
        self.folder = folder
        self._shared = shared
        self._kept = Kept(folder / "secrets")
        self.plan = Plan(Ports.free(), self._kept.secret)
        self.postgres = EmbeddedPostgres(folder / "postgres", durable=durable)
        self.nats = EmbeddedNats(folder / "nats", users=self.plan.broker_users(), durable=durable)
        self.anvil = EmbeddedAnvil(folder / "anvil", program=anvil, block_time_s=block_time_s, gas_limit=gas_limit)
        self.processes: dict[str, CashbackProcess] = {}
        self.operator_key = ""
        self.token_address = ""
        self.minter_address = ""
        self.clock_file = (folder / "clock").resolve()
        self._life = ExitStack()
        self._is_abandoned = False

    def start(self, tell: Tell = _to_nobody, *, furnished: Callable[[], None] = _nothing) -> Self:
        """Return this stack with every process up: ready, or kept from it only by what `problems` tells a person.

        `furnished` is called once the servers have all they need and before a process is started: from then on an
        operator's settings are known.

        Raises:
            ChildFailed: a server or process did not start; what did start is stopped again.
            StackAbandoned: it was told to end meanwhile; nothing is left running.
        """
        with ExitStack() as life:
            tell("starting PostgreSQL, NATS and the chain")
            life.callback(_stop_all, (self.postgres, self.nats, self.anvil))
            self._start_servers(tell)
            furnished()
            tell("starting " + ", ".join(PROCESSES))
            life.callback(_stop_all, self.processes.values())
            self._start_processes()
            self._life = life.pop_all()
        return self

    def problems(self) -> dict[str, Mapping[str, str]]:
        """Return what keeps each process from being ready, by process and check; without those that are ready."""
        asked = {name: process.problems for name, process in self.processes.items()}
        return {name: problems for name, problems in asked.items() if problems}

    def stop(self) -> None:
        """Stop every process, then every server; repeatable."""
        self._life.close()

    @property
    def servers(self) -> Mapping[str, Child]:
        """Return what is no process of ours, by the name that a person knows it by."""
        return {"PostgreSQL": self.postgres, "NATS": self.nats, "the chain (anvil)": self.anvil}

    def abandon(self) -> None:
        """Make a start that is under way fail soon, and leave nothing running. Repeatable, also by a signal."""
        self._is_abandoned = True
        for child in (*self.servers.values(), *self.processes.values()):
            child.abandon()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Return the base URL of the REST API."""
        return f"http://{HOST}:{self.plan.ports.api}"

    @property
    def chain_settings(self) -> Mapping[str, str]:
        """Return the adapter's settings of its node, contracts and key."""
        return {
            "CASHBACK_RPC_URLS": self.anvil.url,
            "CASHBACK_CHAIN_ID": str(CHAIN_ID),
            "CASHBACK_TOKEN_ADDRESS": self.token_address,
            "CASHBACK_MINTER_ADDRESS": self.minter_address,
            "CASHBACK_KEY_MNEMONIC": DEVELOPMENT_MNEMONIC,
        }

    def settings(self, name: str) -> dict[str, str]:
        """Return the `CASHBACK_*` variables of one process."""
        settings = self.plan.settings(name, postgres=self.postgres, nats=self.nats, chain=self.chain_settings)
        clock = self.plan.clock(self.clock_file) if name in _BY_BUSINESS_TIME else {}
        return settings | clock | dict(self._shared)

    def operator_settings(self) -> dict[str, str]:
        """Return what the operator's verbs need in another terminal."""
        return self.plan.audit(self.postgres) | {
            "CASHBACK_API_URL": self.url,
            "CASHBACK_API_KEY": self.operator_key,
            "CASHBACK_API_DSN": self.plan.dsn(self.postgres, "cashback", "cashback_api"),
            "CASHBACK_API_KEY_PEPPER": self.plan.pepper.value,
            "CASHBACK_NATS_URL": self.nats.url(ADMIN),
            "CASHBACK_RPC_URLS": self.anvil.url,
            "CASHBACK_TOKEN_ADDRESS": self.token_address,
            "CASHBACK_MINTER_ADDRESS": self.minter_address,
            **self.plan.clock(self.clock_file),
        }

    def _start_servers(self, tell: Tell) -> None:
        """Start the three servers, and give each what it lacks as soon as it is up."""
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE_MAX) as starters:
            postgres, nats, anvil = (starters.submit(server.start) for server in (self.postgres, self.nats, self.anvil))
            from cashback.processes.stack import furnish  # noqa: PLC0415 - a second of imports, while the servers start

            nats.result()
            streams = starters.submit(furnish.streams, self.nats.url(ADMIN))
            anvil.result()
            tell("deploying the token contracts, migrating five schemas in three databases")
            chain = starters.submit(furnish.chain, self.anvil)
            postgres.result()
            api_dsn = self.plan.dsn(self.postgres, "cashback", "cashback_api")
            key = furnish.databases(
                self.plan.migration(self.postgres), api_dsn=api_dsn, pepper=self.plan.pepper, kept=self._kept
            )
            self.operator_key = key.value
            self.token_address, self.minter_address = chain.result().token, chain.result().minter
            streams.result()

    def _start_processes(self) -> None:
        """Start our own processes, all at once: each waits for what it needs."""
        for name, arguments in PROCESSES.items():
            self.processes[name] = CashbackProcess(
                *arguments,
                log=self.folder / "logs" / f"{name}.log",
                port=self.plan.ports.ready(name),
                settings=self.settings(name),
                for_a_person=FOR_A_PERSON,
            )
        start_file(self.clock_file)
        if self._is_abandoned:
            raise StackAbandoned("the stack was told to end before it was up")
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE_MAX) as starters:
            started = [starters.submit(process.start) for process in self.processes.values()]
            done, waiting = wait(started, return_when=FIRST_EXCEPTION)
            if waiting:  # one has failed; the others need not be waited for
                self.abandon()
        for each in done:
            each.result()


def _stop_all(children: Iterable[Child]) -> None:
    """Stop all of them at once, and return when the last is gone."""
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE_MAX) as stoppers:
        stopped = [stoppers.submit(child.stop) for child in children]
    for each in stopped:
        each.result()
