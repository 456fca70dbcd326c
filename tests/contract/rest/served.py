"""`cashback api` as a process over a test's database, and whoever speaks to it without a client's help."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.kernel.http import Scope
from cashback.processes.embedded import HOST, CashbackProcess, free_port
from cashback.purchases import ApiKeys
from tests.contract.rest.world import NOWHERE, PEPPER
from tests.integration.ledger.world import Dsns
from tests.support.rates import UNLIMITED


class Served(msgspec.Struct, frozen=True):
    """A running API, an operator's secret, and where it logs."""

    process: CashbackProcess
    secret: str
    log: Path
    probe_port: int

    def head(self, *lines: str, method: str = "GET", path: str = "/v1/programmes/current") -> bytes:
        """Return the head of a request with the operator's key."""
        told = [f"{method} {path} HTTP/1.1", "Host: api", f"Authorization: Bearer {self.secret}", *lines]
        return "\r\n".join([*told, "", ""]).encode("latin-1")

    async def say(self, *chunks: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the last answer on a connection of its own."""
        reader, writer = await asyncio.open_connection(HOST, self.process.port)
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass  # it has heard enough; what it answered is still to be read
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        writer.close()
        return int(lines[0].split(" ")[1]), headers, body


@contextmanager
def serving(dsns: Dsns, folder: Path, **settings: str) -> Iterator[Served]:
    """Give a running API over that database, which logs into `folder`; `settings` are beside those that it needs.

    Several in folders of their own are several processes.
    """
    probe_port, secret = free_port(), operators_secret(dsns)
    process = process_over(dsns, folder, CASHBACK_PROBE_PORT=str(probe_port), **settings)
    with process:
        yield Served(process, secret, process.log, probe_port)


def process_over(dsns: Dsns, folder: Path, **settings: str) -> CashbackProcess:
    """Return an API over that database that was not started yet, as `serving` does."""
    port, log = free_port(), folder / "log"
    needed = {
        "CASHBACK_API_DSN": dsns.of("cashback_api"),
        "CASHBACK_API_KEY_PEPPER": PEPPER.value,
        "CASHBACK_WEBHOOK_KEY": b64encode(b"k" * 32).decode(),
        "CASHBACK_ADAPTER_ADDRESS": NOWHERE,
        "CASHBACK_API_PORT": str(port),
        "CASHBACK_PROBE_PORT": str(free_port()),
    }
    return CashbackProcess("api", log=log, port=port, settings=needed | settings)


def operators_secret(dsns: Dsns) -> str:
    """Return a new operator's key."""
    return asyncio.run(_operators_secret(dsns))


async def _operators_secret(dsns: Dsns) -> str:
    """Return a new operator's key."""
    async with Database.open(dsns.of("cashback_api"), name="test", connections_max=1) as database:
        keys = ApiKeys(database, pepper=PEPPER, clock=SystemClock())
        return (await keys.create(scope=Scope.OPERATOR, label="of a test", rate=UNLIMITED))[1].value
