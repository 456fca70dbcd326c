"""`api_peer`: the accept rate of `cashback api` beside what most people would write: FastAPI, pydantic and an ORM.

Method. As `api`. The reference (peers/fastapi_orm) is one process of uvicorn with uvloop and httptools, SQLAlchemy's
async ORM on psycopg, one transaction per request, at whichever number of connections to the database serves it best;
its packages have an environment of their own (requirements/peer.txt, build/peer), its server, driver and ORM the
versions of ours. It writes to the same database, through the same constraints and triggers, as the same role. Before
anything is measured both must answer odd requests alike; at the end every row of the whole run is counted, and a
tier-one test (integration/purchases/test_peer.py) holds its rows against ours column by column.

It is spared what the benchmark's purchases do not have (lines, limits, holds, exchange rates), the look for refunds
that came first, the notification of the relay, tracing and metrics. It remembers API keys for five seconds, as ours.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

import httpx

from cashback.kernel.ids import new_id
from cashback.processes.embedded import HOST, free_port
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.desks import Desk, real, served
from tests.benchmarks.machine import ROOT
from tests.benchmarks.pairs import best, in_turns
from tests.benchmarks.shop import AMOUNT_MINOR, Shop, open_shop

DATABASE_CONNECTIONS: Final = (2, 8, 32)
"""How many transactions at a time are tried."""

Told: TypeAlias = tuple[str, int, str | None, bool]
"""Which request, the status of its answer, whether that is marked as a replay, whether it is the one given before."""


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    python = await _python()
    async with open_shop(folder) as shop:
        before = await shop.rows()
        async with real(folder, shop) as ours:
            connections, tried = await _best_peer(folder, shop, python)
            async with _peer(folder, shop, python, connections) as theirs:
                unlike = await _unlike(shop, ours, theirs)
                pairs = await in_turns(ours.rate, theirs.rate)
                crowds = [*await ours.crowds("ours"), *await theirs.crowds("the peer")]
        desks = (ours, theirs, *tried)
        astray = await shop.astray(before, sum(desk.accepted for desk in desks))
    return [
        at_least("accept rate against the peer", pairs.ratio, "times", bound=5),
        reported("accept rate", median(pairs.ours), "purchases/s"),
        reported(f"the peer ({connections} at a time)", median(pairs.theirs), "purchases/s"),
        *crowds,
        exactly("odd requests that the peer answers otherwise", len(unlike), "requests", expected=0),
        exactly("requests not accepted", sum(desk.refused for desk in desks), "requests", expected=0),
        exactly("rows lost or doubled, balances wrong", astray, "rows", expected=0),
    ]


async def _python() -> Path:
    """Return the peer's Python, after its environment was made what its requirements name.

    Raises:
        RuntimeError: it could not be made; its own output has said why.
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "requirements.tool", "peer", cwd=ROOT)
    if await process.wait():
        raise RuntimeError("the peer's environment could not be made")
    return ROOT / "build" / "peer" / "bin" / "python"


@asynccontextmanager
async def _peer(folder: Path, shop: Shop, python: Path, connections: int) -> AsyncIterator[Desk]:
    """Yield the peer with so many connections to the database."""
    port = free_port()
    settings = {
        "PEER_DSN": shop.dsn,
        "PEER_PEPPER": shop.plan.pepper.value,
        "PEER_PORT": str(port),
        "PEER_CONNECTIONS": str(connections),
        "PYTHONPATH": str(ROOT),
    }
    command = (str(python), "-m", "tests.benchmarks.peers.fastapi_orm")
    async with served(command, log=folder / f"peer-{connections}.log", port=port, settings=settings):
        yield Desk(shop, port)


async def _best_peer(folder: Path, shop: Shop, python: Path) -> tuple[int, list[Desk]]:
    """Return how many connections to the database serve the peer best, and the desks that were tried."""
    tried: list[Desk] = []

    async def trial(connections: int) -> float:
        async with _peer(folder, shop, python, connections) as desk:
            tried.append(desk)
            await desk.rate()
            return await desk.rate()

    return await best({number: partial(trial, number) for number in DATABASE_CONNECTIONS}), tried


async def _unlike(shop: Shop, ours: Desk, theirs: Desk) -> list[tuple[Told, Told]]:
    """Return what both were told of the same odd requests, as far as that differs; each has recorded one purchase."""
    pairs = zip(await _told(shop, ours), await _told(shop, theirs), strict=True)
    return [(one, other) for one, other in pairs if one != other]


async def _told(shop: Shop, desk: Desk) -> list[Told]:
    """Return how odd requests are answered: one that is sound, its repetition, and what must be refused."""
    key, sound = new_id("req"), _sound(shop)
    requests: list[tuple[str, str | None, str, dict[str, Any]]] = [
        ("sound", key, shop.operator_key, sound),
        ("again", key, shop.operator_key, sound),
        ("another under the same key", key, shop.operator_key, sound | {"amount_minor": "1"}),
        ("no key", None, shop.operator_key, sound),
        ("unknown API key", new_id("req"), f"{shop.operator_key}x", sound),
        ("unknown user", new_id("req"), shop.operator_key, sound | {"user_id": new_id("usr")}),
        ("unknown merchant", new_id("req"), shop.operator_key, sound | {"merchant_id": new_id("mer")}),
        ("amount as a number", new_id("req"), shop.operator_key, sound | {"amount_minor": AMOUNT_MINOR}),
        ("amount below zero", new_id("req"), shop.operator_key, sound | {"amount_minor": "-1"}),
        ("unknown member", new_id("req"), shop.operator_key, sound | {"colour": "red"}),
        ("time without offset", new_id("req"), shop.operator_key, sound | {"occurred_at": "2026-03-01T12:00:00"}),
        ("time to come", new_id("req"), shop.operator_key, sound | {"occurred_at": "2126-03-01T12:00:00Z"}),
    ]
    told, first = [], b""
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{desk.port}") as http:
        for name, idempotency_key, api_key, body in requests:
            headers = {"Authorization": f"Bearer {api_key}"}
            headers |= {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
            answer = await http.post("/v1/purchases", json=body, headers=headers)
            first = first or answer.content
            told.append((name, answer.status_code, answer.headers.get("Idempotency-Replayed"), answer.content == first))
    desk.accepted += 1
    return told


def _sound(shop: Shop) -> dict[str, Any]:
    """Return the body of a sound purchase."""
    return {
        "merchant_id": shop.cast.merchant_id,
        "user_id": shop.cast.user_ids[0],
        "amount_minor": str(AMOUNT_MINOR),
        "currency": "USD",
        "occurred_at": "2026-03-01T12:00:00Z",
    }
