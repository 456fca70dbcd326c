"""Real servers and our own processes as children: no Docker, nothing installed by hand, nothing left behind.

`cashback dev`, the demo, the tests and the benchmarks stand on it. Each server takes a data folder of its own and free
ports of 127.0.0.1, so any number of them run side by side, as root and as an ordinary user:

    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedNats(folder / "nats") as nats:
        ...  # postgres.dsn("cashback"), nats.url()

A child ends with its launcher, even one that was killed with -9 (`leash`); a start returns on a fact and not on a pause
(`facts`); and what a child said last is in the error when it fails (`child`). Linux only: it reads /proc and ties lives
by prctl(2).
"""

from cashback.processes.embedded.anvil import CHAIN_ID, EmbeddedAnvil
from cashback.processes.embedded.anvil_program import cache_dir, find_anvil
from cashback.processes.embedded.child import BinaryMissing, Child, ChildFailed, Launch
from cashback.processes.embedded.facts import HOST, answers, eventually, free_port, listening_ports
from cashback.processes.embedded.nats import ADMIN, EmbeddedNats, NatsTls, NatsUser
from cashback.processes.embedded.nats_cluster import EmbeddedNatsCluster
from cashback.processes.embedded.ports import HeldPort
from cashback.processes.embedded.postgres import SUPERUSER, EmbeddedPostgres, postgres_program
from cashback.processes.embedded.process import CashbackProcess

__all__ = [
    "ADMIN",
    "CHAIN_ID",
    "HOST",
    "SUPERUSER",
    "BinaryMissing",
    "CashbackProcess",
    "Child",
    "ChildFailed",
    "EmbeddedAnvil",
    "EmbeddedNats",
    "EmbeddedNatsCluster",
    "EmbeddedPostgres",
    "HeldPort",
    "Launch",
    "NatsTls",
    "NatsUser",
    "answers",
    "cache_dir",
    "eventually",
    "find_anvil",
    "free_port",
    "listening_ports",
    "postgres_program",
]
