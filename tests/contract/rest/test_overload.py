"""More than a process takes: what is too much is told so at once, and nothing falls over."""

import asyncio
import json
import re
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec
import psycopg
import pytest

from cashback.kernel.lifecycle.bounds import REQUEST_WITHIN_S
from cashback.processes.embedded import HOST
from tests.contract.rest.document import assert_problem
from tests.contract.rest.served import Served, serving
from tests.contract.rest.world import UNGUARDED, Rest
from tests.integration.ledger.world import Dsns, new_key
from tests.support.facts import eventually

FEW: Final = 8
CONNECTIONS: Final = 2_000
REQUESTS: Final = 5_000
TOLD_TO_WAIT: Final = {429, 503}


@pytest.fixture(scope="module")
def narrow(dsns: Dsns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a running API that takes few connections."""
    folder = tmp_path_factory.mktemp("narrow")
    with serving(dsns, folder, CASHBACK_HTTP_CONNECTIONS_MAX=str(FEW)) as running:
        yield running


async def test_a_connection_too_many_is_told_so_and_closed(narrow: Served) -> None:
    """Once it says something, whatever that is; when another one is closed, the next is served."""
    health = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    kept = [await asyncio.open_connection(HOST, narrow.process.port) for _ in range(FEW)]
    for reader, writer in kept:
        writer.write(health)
        await reader.readuntil(b"alive")
    for sent in (b"GET /livezz HTTP/1.1\r\nHost: a\r\n\r\n", narrow.head()):
        status, headers, body = await narrow.say(sent)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert (json.loads(body)["code"], headers["x-content-type-options"]) == ("overloaded", "nosniff")
    # A process that is busy is not dead; but nothing else is answered beside that.
    for path, told in ((b"/livez", "alive"), (b"/readyz", "ready")):
        status, headers, body = await narrow.say(health.replace(b"/livez", path) + narrow.head())
        assert (status, headers["connection"], json.loads(body)["status"]) == (200, "close", told)
    kept[0][1].close()

    async def served() -> bool | None:
        """Tell whether there is room."""
        return (await narrow.say(narrow.head()))[0] != 503 or None

    await eventually(served, within_s=10, what="there is room again")
    for _, writer in kept:
        writer.close()
    async with httpx.AsyncClient() as http:
        metrics = (await http.get(f"http://{HOST}:{narrow.probe_port}/metrics")).text
    [refused] = re.findall(r"^cashback_http_connections_refused_total (\S+)$", metrics, re.MULTILINE)
    assert float(refused) >= 2


async def test_a_silent_connection_too_many_is_closed_within_seconds(narrow: Served) -> None:
    """It keeps no place from anybody; one that is as silent and has a place may say something for half a minute."""
    kept = [await asyncio.open_connection(HOST, narrow.process.port) for _ in range(FEW)]
    silent, writer = await asyncio.open_connection(HOST, narrow.process.port)
    async with asyncio.timeout(REQUEST_WITHIN_S):
        assert await silent.read() == b""
    # One or the other may have come before a connection of the test above had left its place.
    assert not all(reader.at_eof() for reader, _ in kept)
    for each in (writer, *(one for _, one in kept)):
        each.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_request_that_waits_too_long_is_answered_and_may_be_repeated(rest: Rest, dsns: Dsns) -> None:
    """503 `request_timeout`, with `Retry-After`; the same key finds out, here that nothing was done."""
    impatient = Rest(rest.world, rest.adapter, guards=msgspec.structs.replace(UNGUARDED, request_within_s=0.3))
    caller, key = await impatient.operator(), new_key()
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute(
            "insert into purchases.idempotency_keys (owner, key, fingerprint, created_at)"
            " values ('operator', %s, sha256('first'), now())",
            (key,),
        )
        refused = await caller.post("/v1/users", {}, key=key)
        assert_problem(refused, 503, "request_timeout")
        assert refused.headers["retry-after"] == "1"
        await holder.rollback()

    async def done() -> httpx.Response | None:
        """Return the answer once it is done."""
        answer = await caller.post("/v1/users", {}, key=key)
        return answer if answer.status_code == 201 else None

    await eventually(done, within_s=10, what="the same request is done")


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Let this process have so many open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(count, before[1])), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Crowd:
    """Many who ask at once, each on a connection of its own, and what they were answered."""

    def __init__(self, port: int) -> None:
        """Ask at `port`."""
        self._port = port
        self.statuses: Counter[int] = Counter()
        self.left_waiting = 0

    async def ask(self, heads: list[bytes]) -> None:
        """Ask one thing after the other on one connection, which is opened again where it was closed."""
        while heads:
            reader, writer = await asyncio.open_connection(HOST, self._port)
            is_kept = True
            while heads and is_kept:
                writer.write(heads.pop())
                is_kept = await self._hear(reader)
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> bool:
        """Take one answer, and tell whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        await reader.readexactly(int(lines[b"content-length"]))
        status = int(head.split(b" ")[1])
        self.statuses[status] += 1
        self.left_waiting += status in TOLD_TO_WAIT and b"retry-after" not in lines
        return lines.get(b"connection") != b"close"


@pytest.fixture
def api(dsns: Dsns, tmp_path: Path) -> Iterator[Served]:
    """Give a running API with the bounds that it has by itself."""
    with serving(dsns, tmp_path) as running:
        yield running


async def test_a_crowd_is_served_or_told_to_wait_and_nothing_else(api: Served) -> None:
    """2,000 connections at once with 5,000 requests of an operator's and a merchant's key: and ready a second later."""
    with many_files(CONNECTIONS + 500):
        merchant = await _merchants_secret(api)
        shop = b"GET /v1/api-keys HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + merchant.encode() + b"\r\n\r\n"
        heads = [
            shop
            if number % 2
            else api.head("Content-Length: 2", f"Idempotency-Key: c-{number}", method="POST", path="/v1/users") + b"{}"
            for number in range(REQUESTS)
        ]
        crowd = Crowd(api.process.port)
        async with asyncio.timeout(90):
            await asyncio.gather(*(crowd.ask(heads[place::CONNECTIONS]) for place in range(CONNECTIONS)))
        assert crowd.statuses.keys() <= {200, 201} | TOLD_TO_WAIT
        assert (crowd.statuses.total(), crowd.left_waiting) == (REQUESTS, 0)
        assert crowd.statuses[201] > 0
        async with httpx.AsyncClient(timeout=1) as http:
            assert (await http.get(f"{api.process.url}/readyz")).status_code == 200


async def _merchants_secret(api: Served) -> str:
    """Return a new merchant's API key, with the rate of its kind."""
    headers = {"Authorization": f"Bearer {api.secret}"}
    async with httpx.AsyncClient(base_url=api.process.url, headers=headers) as http:
        merchant = (await http.post("/v1/merchants", json={"name": "x"}, headers={"Idempotency-Key": "m"})).json()
        body = {"label": "shop", "merchant_id": merchant["id"]}
        made = (await http.post("/v1/api-keys", json=body, headers={"Idempotency-Key": "k"})).json()
    return str(made["secret"])
