"""Who gets which settings: each process its own role, its own broker user and nothing that it does not need."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.config import Secret
from cashback.kernel.ids import new_secret
from cashback.processes import migrate
from cashback.processes.embedded import CHAIN_ID, HOST, EmbeddedNats, EmbeddedPostgres, HeldPort, NatsUser
from cashback.processes.stack.rights import broker_rights

PROCESSES: Final[dict[str, tuple[str, ...]]] = {
    "adapter": ("adapter",),
    "api": ("api",),
    "relay-cashback": ("relay",),
    "relay-minting": ("relay",),
    "worker-ledger": ("worker", "ledger"),
    "worker-mint": ("worker", "mint"),
    "worker-webhooks": ("worker", "webhooks"),
}
"""Every process by the name of its service in compose.yaml, and what follows `cashback` on its command line."""

DEVELOPMENT_MNEMONIC: Final = "test test test test test test test test test test test junk"
"""Foundry's well-known phrase: its accounts hold money on development chains only, and its keys are no secret."""

_EVIDENCE_SOON: Final = {"CASHBACK_SEAL_AFTER_S": "5", "CASHBACK_ANCHOR_EVERY_S": "30"}
"""On a chain that costs nothing, what was posted is sealed and anchored while a person watches."""

_RECONCILED_SOON: Final = {"CASHBACK_RECONCILE_EVERY_S": "300"}
"""A person who watches sees what holders burned in the books after five minutes."""


class Ports(msgspec.Struct, frozen=True):
    """The ports of the processes: the API's and the adapter's own, and each one's probe; `held` keeps them theirs."""

    api: int
    adapter: int
    probes: Mapping[str, int]
    held: tuple[HeldPort, ...] = ()

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody else is given for as long as the result lives, whoever listens at them or not."""
        api, adapter, *probes = held = tuple(HeldPort() for _ in range(2 + len(PROCESSES)))
        numbers = (port.number for port in probes)
        return cls(api.number, adapter.number, dict(zip(PROCESSES, numbers, strict=True)), held)

    def ready(self, name: str) -> int:
        """Return the port at which `/readyz` says that a process does its work: the API's is where it is called."""
        return self.api if name == "api" else self.probes[name]


Secrets: TypeAlias = Callable[[str], Secret]
"""Gives the secret of a name."""


def _made_up(name: str) -> Secret:
    """Return a secret that is nowhere kept."""
    del name
    return Secret(new_secret())


class Plan:
    """The secrets and the ports of one stack, and the settings of each process that follow from them."""

    def __init__(self, ports: Ports, secrets: Secrets = _made_up) -> None:
        """Ask for every password, once."""
        self.ports = ports
        self.pepper = secrets("api_key_pepper")
        self._webhook_key = b64encode(sha256(secrets("webhook_key").value.encode()).digest()).decode()
        self._roles = {name: secrets(name) for name in migrate.Settings.__struct_fields__ if name != "admin_dsn"}
        self._rights = broker_rights()
        self._broker = {name: secrets(f"nats_{name}_password") for name in self._rights}

    def broker_users(self) -> tuple[NatsUser, ...]:
        """Return the broker's users with their rights."""
        return tuple(
            NatsUser(name=name, password=self._broker[name].value, publish=rights.publish, subscribe=rights.subscribe)
            for name, rights in self._rights.items()
        )

    def migration(self, postgres: EmbeddedPostgres) -> migrate.Settings:
        """Return the settings of `cashback migrate`."""
        return migrate.Settings(admin_dsn=Secret(postgres.dsn()), **self._roles)

    def dsn(self, postgres: EmbeddedPostgres, database: str, role: str) -> str:
        """Return how one role reaches its database."""
        return postgres.dsn(database, user=role, password=self._roles[f"{role}_password"].value)

    def clock(self, file: Path) -> dict[str, str]:
        """Return the variables of whoever does business by the stack's own clock."""
        return {"CASHBACK_CLOCK_PATH": str(file), "CASHBACK_DEVELOPMENT": "true"}

    def settings(
        self, name: str, *, postgres: EmbeddedPostgres, nats: EmbeddedNats, chain: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the `CASHBACK_*` variables of one process; `chain` are those of the adapter's node and contracts."""
        adapter = {"CASHBACK_ADAPTER_ADDRESS": f"{HOST}:{self.ports.adapter}"}
        match name:
            case "api":
                return (
                    self._probe(name)
                    | adapter
                    | self._webhooks()
                    | {
                        "CASHBACK_API_DSN": self.dsn(postgres, "cashback", "cashback_api"),
                        "CASHBACK_API_KEY_PEPPER": self.pepper.value,
                        "CASHBACK_API_PORT": str(self.ports.api),
                        "CASHBACK_CHAIN_ID": str(CHAIN_ID),
                        "CASHBACK_SIWE_DOMAIN": f"{HOST}:{self.ports.api}",
                        "CASHBACK_SIWE_URI": f"http://{HOST}:{self.ports.api}/",
                    }
                )
            case "adapter":
                return (
                    self._probe(name)
                    | dict(chain)
                    | {
                        "CASHBACK_CHAIN_DSN": self.dsn(postgres, "chain", "chain_adapter"),
                        "CASHBACK_ADAPTER_PORT": str(self.ports.adapter),
                    }
                )
            case "relay-cashback" | "relay-minting":
                service = name.removeprefix("relay-")
                return (
                    self._probe(name)
                    | self._nats(name, nats)
                    | {
                        "CASHBACK_RELAY_SERVICE": service,
                        "CASHBACK_RELAY_DSN": self.dsn(postgres, service, f"{service}_relay"),
                    }
                )
            case "worker-ledger":
                dsn = self.dsn(postgres, "cashback", "cashback_ledger")
                return (
                    self._probe(name)
                    | self._nats(name, nats)
                    | adapter
                    | _EVIDENCE_SOON
                    | _RECONCILED_SOON
                    | self._auditors(postgres)
                    | {"CASHBACK_LEDGER_DSN": dsn}
                )
            case "worker-mint":
                dsn = self.dsn(postgres, "minting", "minting_worker")
                return self._probe(name) | self._nats(name, nats) | adapter | {"CASHBACK_MINTING_DSN": dsn}
            case "worker-webhooks":
                dsn = self.dsn(postgres, "cashback", "cashback_webhooks")
                return self._probe(name) | self._nats(name, nats) | self._webhooks() | {"CASHBACK_WEBHOOKS_DSN": dsn}
            case _:
                raise KeyError(name)

    def audit(self, postgres: EmbeddedPostgres) -> dict[str, str]:
        """Return the variables of the operator's verbs: `reconcile`, `mint cancel`, `doctor`, `chain halt` ..."""
        return {
            "CASHBACK_ADAPTER_ADDRESS": f"{HOST}:{self.ports.adapter}",
            **self._auditors(postgres),
            "CASHBACK_LEDGER_OPERATOR_DSN": self.dsn(postgres, "cashback", "cashback_operator"),
            "CASHBACK_MINTING_OPERATOR_DSN": self.dsn(postgres, "minting", "minting_operator"),
            "CASHBACK_LEDGER_DSN": self.dsn(postgres, "cashback", "cashback_ledger"),
            "CASHBACK_WEBHOOK_KEY": self._webhook_key,
        }

    def _auditors(self, postgres: EmbeddedPostgres) -> dict[str, str]:
        """Return how each service's auditor reaches its database."""
        return {
            "CASHBACK_LEDGER_AUDIT_DSN": self.dsn(postgres, "cashback", "cashback_auditor"),
            "CASHBACK_MINTING_AUDIT_DSN": self.dsn(postgres, "minting", "minting_auditor"),
            "CASHBACK_CHAIN_AUDIT_DSN": self.dsn(postgres, "chain", "chain_auditor"),
        }

    def _webhooks(self) -> dict[str, str]:
        """Return the key of webhooks' secrets, and that endpoints may be on this machine, where it is all tried out."""
        return {
            "CASHBACK_WEBHOOK_KEY": self._webhook_key,
            "CASHBACK_WEBHOOK_ALLOW_LOOPBACK": "true",
            "CASHBACK_DEVELOPMENT": "true",
        }

    def _probe(self, name: str) -> dict[str, str]:
        """Return where a process's probe answers."""
        return {"CASHBACK_PROBE_PORT": str(self.ports.probes[name])}

    def _nats(self, name: str, nats: EmbeddedNats) -> dict[str, str]:
        """Return how a process reaches the broker."""
        return {
            "CASHBACK_NATS_URL": f"nats://{HOST}:{nats.port}",
            "CASHBACK_NATS_USER": name,
            "CASHBACK_NATS_PASSWORD": self._broker[name].value,
        }
