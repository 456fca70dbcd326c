"""Each process carries what its service needs and nothing of another's: the service boundary, as a list of modules."""

import json
import subprocess
import sys

import pytest

# What must not be in memory once a process's module is imported, whoever imported it.
CONTEXTS = frozenset(
    {"cashback.purchases", "cashback.ledger", "cashback.webhooks", "cashback.minting", "cashback.chain"}
)
CHAIN_DRIVERS = frozenset({"aiobotocore", "botocore", "web3", "eth_account", "coincurve"})
# What libraries would load beside themselves, and is spared them.
UNUSED = frozenset({"rich"})
WEB = frozenset({"aiohttp"})
BANNED = {
    "relay": CONTEXTS | CHAIN_DRIVERS | UNUSED | WEB | {"cashback.wire", "grpclib", "litestar"},
    "api": CHAIN_DRIVERS | UNUSED | {"cashback.chain", "cashback.minting", "grpclib.server"},
    "ledger_worker": CHAIN_DRIVERS
    | UNUSED
    | WEB
    | {"cashback.chain", "cashback.minting", "cashback.webhooks", "grpclib.server"},
    "webhook_worker": CHAIN_DRIVERS
    | UNUSED
    | (CONTEXTS - {"cashback.webhooks", "cashback.ledger"})
    | {"grpclib.server", "litestar"},
    "mint_worker": CHAIN_DRIVERS | UNUSED | WEB | (CONTEXTS - {"cashback.minting"}) | {"grpclib.server", "litestar"},
    "adapter": (CONTEXTS - {"cashback.chain"}) | UNUSED | {"aiobotocore", "botocore", "litestar"},
}


def loaded_by(*modules: str) -> frozenset[str]:
    """Return the names of all modules in memory after a fresh interpreter imported these."""
    program = f"import sys, json, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return frozenset(json.loads(told.stdout))


def trespassers(loaded: frozenset[str], banned: frozenset[str]) -> list[str]:
    """Return what of `loaded` is a banned module or lies in a banned package."""
    return sorted(name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in banned))


@pytest.mark.parametrize("process", BANNED)
def test_a_process_loads_nothing_of_another_service(process: str) -> None:
    """Importing the process's module, which is what its command does first, loads no banned module."""
    loaded = loaded_by(f"cashback.processes.{process}")
    assert trespassers(loaded, BANNED[process]) == []


@pytest.mark.parametrize("process", BANNED)
def test_the_footprint_of_a_process_sees_a_planted_module(process: str) -> None:
    """One banned import beside the process is seen, so an empty list above means something."""
    planted = min(BANNED[process] - CONTEXTS)
    assert planted in trespassers(loaded_by(f"cashback.processes.{process}", planted), BANNED[process])


def test_the_command_loads_no_process_before_it_is_told_which() -> None:
    """`cashback` with all its verbs loads neither a driver nor a framework: a verb imports its process when called."""
    drivers = CHAIN_DRIVERS | {"grpclib", "litestar", "nats", "psycopg", "sqlalchemy"}
    assert trespassers(loaded_by("cashback.__main__", "cashback.cli"), CONTEXTS | drivers) == []
