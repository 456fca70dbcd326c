"""The two adapters that keep one contract: the fake of these tests, and the real one on a chain of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from cashback.chain.gateway.node import Node
from cashback.kernel.config import Secret
from cashback.kernel.migrations import upgrade
from cashback.processes import contracts
from cashback.processes.embedded import CHAIN_ID, HOST, CashbackProcess, EmbeddedAnvil, answers, free_port
from tests.integration.chain.levers import Lever
from tests.support import smart_wallet
from tests.support.adapter import FakeAdapter
from tests.support.servers import Databases

MNEMONIC: Final = "test test test test test test test test test test test junk"
BLOCKS: Final = 8


class Subject(msgspec.Struct, frozen=True):
    """An adapter that listens on `port`; after a few calls of `advance` what it accepted is final.

    `wallet_of` makes a contract that signs as the key of one address does, and returns where it stands.
    """

    port: int
    advance: Callable[[], Awaitable[None]]
    wallet_of: Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def a_fake() -> AsyncIterator[Subject]:
    """Give the fake adapter."""
    async with FakeAdapter.serving() as fake:

        async def advance() -> None:
            """Make it final at once."""
            fake.mint()
            fake.anchors.publish()

        async def wallet_of(owner: bytes) -> bytes:
            """Make one up."""
            wallet = sha256(owner).digest()[:20]
            fake.judge.owners[wallet] = owner
            return wallet

        yield Subject(fake.port, advance, wallet_of)


@contextmanager
def a_real_one(folder: Path, databases: Databases, *, program: Path) -> Iterator[Subject]:
    """Give the real adapter in its own process, on an own chain that mines each transaction at once."""
    with (
        EmbeddedAnvil(folder / "anvil", program=program, block_time_s=None) as chain,
        databases.fresh(databases.template("contract_template", _prepare)) as dsn,
    ):
        settings = contracts.Settings(rpc_urls=(chain.url,), chain_id=CHAIN_ID, key_mnemonic=Secret(MNEMONIC))
        where = asyncio.run(contracts.deploy(settings))
        port, probe = free_port(), free_port()
        environ = {
            "CASHBACK_CHAIN_DSN": dsn,
            "CASHBACK_RPC_URLS": chain.url,
            "CASHBACK_CHAIN_ID": str(CHAIN_ID),
            "CASHBACK_TOKEN_ADDRESS": where.token,
            "CASHBACK_MINTER_ADDRESS": where.minter,
            "CASHBACK_KEY_MNEMONIC": MNEMONIC,
            "CASHBACK_ADAPTER_PORT": str(port),
            "CASHBACK_PROBE_PORT": str(probe),
            "CASHBACK_POLL_MS": "20",
            "CASHBACK_BATCH_AGE_MS": "20",
        }

        async def advance() -> None:
            """Mine on top of it."""
            await asyncio.to_thread(_mine, chain)

        async def wallet_of(owner: bytes) -> bytes:
            """Deploy one."""
            async with Node.open([chain.url], chain_id=CHAIN_ID, timeout_s=10) as node:
                return await smart_wallet.deployed(Lever(node).call, owner)

        with CashbackProcess("adapter", log=folder / "adapter.log", port=probe, settings=environ):
            yield Subject(port, advance, wallet_of)


def _prepare(dsn: str) -> None:
    """Make the adapter's schema and the roles that it grants to; whoever has given them passwords keeps them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ("chain_adapter", "chain_auditor"):
            if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    upgrade(dsn, "chain")


def _mine(chain: EmbeddedAnvil) -> None:
    """Mine enough blocks for the one before them to be final."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "anvil_mine", "params": [hex(BLOCKS)]}
    port = int(chain.url.rpartition(":")[2].strip("/"))
    assert answers(port, "/", body=json.dumps(call)), f"no chain at {HOST}:{port}"
