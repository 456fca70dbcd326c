"""The broker of servers of one's own: the rights of `cashback dev`, passwords that are mounted, and it syncs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cashback.processes.embedded import ADMIN
from cashback.processes.stack.rights import broker_rights
from tests.architecture.test_compose import ROOT, secrets, services

__all__ = ["secrets"]


def broker(name: str = "nats.conf") -> dict[str, Any]:
    """Return a configuration of the broker: JSON, once it is whole, without comments, a `$VARIABLE` its own name."""
    text = re.sub(r"include (\S+)", lambda found: bare(found[1]).strip()[1:-1], bare(name))
    return msgspec.json.decode(re.sub(r"(?<=[ \[])\$(\w+)", r'"\1"', text), type=dict[str, Any])


def bare(name: str) -> str:
    """Return a file of the folder `deploy` without its comments."""
    lines = (ROOT / "deploy" / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def permissions(user: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a broker user may publish and subscribe to."""
    return tuple(user["permissions"]["publish"]), tuple(user["permissions"]["subscribe"])


def test_the_brokers_users_have_the_rights_that_dev_gives_them() -> None:
    """Beside `admin`, deploy/nats.users.conf has one user per process, with its subjects and no other."""
    here = {user["user"]: permissions(user) for user in broker()["authorization"]["users"]}
    there = {name: (rights.publish, rights.subscribe) for name, rights in broker_rights().items()}
    assert here == there | {ADMIN: ((">",), (">",))}


def test_the_broker_syncs_and_knows_each_password(secrets: Path) -> None:
    """It writes before it acknowledges; nats.sh reads a secret for each password that nats.conf asks for."""
    configuration = broker()
    assert configuration["jetstream"]["sync_interval"] == "always"
    asked = {user["password"]: user["user"] for user in configuration["authorization"]["users"]}
    script = (ROOT / "deploy" / "nats.sh").read_text()
    told = re.search(r"for user in ([A-Z_ ]+);", script)
    assert told is not None
    assert asked.keys() == {f"NATS_{user}_PASSWORD" for user in told[1].split()}
    mounted = services()["nats"]["secrets"]
    assert {f"nats_{user.replace('-', '_')}_password" for user in asked.values()} == set(mounted)
    assert all((secrets / name).is_file() for name in mounted)
