"""Starting and stopping it all, in order, each step a fact that is waited for."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self, TypeAlias

from cashback.kernel.bus import Bus
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.http import Scope
from cashback.processes import contracts, migrate
from cashback.processes.embedded import (
    ADMIN,
    CHAIN_ID,
    HOST,
    CashbackProcess,
    EmbeddedAnvil,
    EmbeddedNats,
    EmbeddedPostgres,
)
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC, PROCESSES, Plan, Ports
from cashback.purchases.service import ApiKeys

Tell: TypeAlias = Callable[[str], None]
"""Is told each step as it begins, in a few words."""

_STARTERS_MAX: Final = 3


def _to_nobody(step: str) -> None:
    """Keep the step to oneself."""
    del step


class Stack:
    """Everything that `cashback dev` starts, in one folder; use it as a context manager.

    `servers` and `processes` may be stopped, killed, paused and restarted one by one, which is what fault tests do.
    """

    def __init__(
        self, folder: Path, *, anvil: Path, block_time_s: float = 1, durable: bool = True, gas_limit: int = 36_000_000
    ) -> None:
        """Start nothing yet; `anvil` is the program, `durable` False trades fsync for speed in tests."""
        self.folder = folder
        self.plan = Plan(Ports.free())
        self.postgres = EmbeddedPostgres(folder / "postgres", durable=durable)
        self.nats = EmbeddedNats(folder / "nats", users=self.plan.broker_users(), durable=durable)
        self.anvil = EmbeddedAnvil(folder / "anvil", program=anvil, block_time_s=block_time_s, gas_limit=gas_limit)
        self.processes: dict[str, CashbackProcess] = {}
        self.operator_key = ""
        self.token_address = ""
        self.minter_address = ""
        self._life = ExitStack()

    def start(self, tell: Tell = _to_nobody) -> Self:
        """Return this stack with every process ready.

        Raises:
            ChildFailed: a server or process did not start; what did start is stopped again.
        """
        with ExitStack() as life:
            tell("starting PostgreSQL, NATS and the chain")
            self._start_servers(life)
            tell("migrating four schemas in three databases")
            migrate.migrate(self.plan.migration(self.postgres))
            tell("deploying the token contracts, declaring streams")
            asyncio.run(self._set_up())
            tell("starting " + ", ".join(PROCESSES))
            self._start_processes(life)
            self._life = life.pop_all()
        return self

    def stop(self) -> None:
        """Stop every process, then every server; repeatable."""
        self._life.close()

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
        return self.plan.settings(name, postgres=self.postgres, nats=self.nats, chain=self.chain_settings)

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
        }

    def _start_servers(self, life: ExitStack) -> None:
        """Start the three servers at once."""
        servers = (self.postgres, self.nats, self.anvil)
        for server in servers:
            life.callback(server.stop)
        with ThreadPoolExecutor(max_workers=len(servers)) as starters:
            for started in [starters.submit(server.start) for server in servers]:
                started.result()

    async def _set_up(self) -> None:
        """Deploy the contracts, declare the streams, make the operator's key."""
        deployed = await contracts.deploy(
            contracts.Settings(rpc_urls=(self.anvil.url,), chain_id=CHAIN_ID, key_mnemonic=Secret(DEVELOPMENT_MNEMONIC))
        )
        self.token_address, self.minter_address = deployed.token, deployed.minter
        async with Bus.connect(self.nats.url(ADMIN), name="cashback dev") as bus:
            await bus.wait_connected()
            await bus.apply_streams()
        dsn = self.plan.dsn(self.postgres, "cashback", "cashback_api")
        async with Database.open(dsn, name="cashback dev", connections_max=1) as database:
            keys = ApiKeys(database, pepper=self.plan.pepper, clock=SystemClock())
            _, secret = await keys.create(scope=Scope.OPERATOR, label="made by cashback dev")
            self.operator_key = secret.value

    def _start_processes(self, life: ExitStack) -> None:
        """Start our own processes; the adapter first, since the mint worker is only ready when it answers."""
        for name, arguments in PROCESSES.items():
            process = CashbackProcess(
                *arguments,
                log=self.folder / "logs" / f"{name}.log",
                port=self.plan.ports.ready(name),
                settings=self.settings(name),
            )
            self.processes[name] = process
            life.callback(process.stop)
        self.processes["adapter"].start()
        with ThreadPoolExecutor(max_workers=_STARTERS_MAX) as starters:
            for started in [starters.submit(process.start) for process in self.processes.values()]:
                started.result()
