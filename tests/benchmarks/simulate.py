"""How long the real API takes to simulate a purchase on a draft of 100 rules, with one client at a steady pace."""

import asyncio
import http.client
import json
import threading
from pathlib import Path
from statistics import quantiles
from typing import Final

import msgspec
import psycopg

from cashback.kernel.clock import monotonic_s
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.engine import canonical
from cashback.processes.embedded import HOST, CashbackProcess, EmbeddedNats
from tests.benchmarks.shop import BUDGET, Shop, open_shop

REQUESTS: Final = 1_000
WARM_UP: Final = 50
PACE: Final = 25
"""Requests a second: a fraction of what one core answers, so that nothing queues."""

_DRAFT: Final = "drf_bench"
_PATIENCE_S: Final = 30.0
_CREATED: Final = 201
_NEVER: Final = threading.Event()


class Simulated(msgspec.Struct, frozen=True):
    """Latencies in milliseconds from when each request was due, and how many were not granted."""

    p50_ms: float
    p99_ms: float
    refused: int


async def simulated(folder: Path, rules: Rules) -> Simulated:
    """Return what simulations by these rules take over REST."""
    async with open_shop(folder) as shop:
        await asyncio.to_thread(_draft, shop, rules)
        settings = shop.plan.settings("api", postgres=shop.postgres, nats=EmbeddedNats(folder / "nats"), chain={})
        process = CashbackProcess("api", log=folder / "api.log", port=shop.plan.ports.api, settings=settings)
        await asyncio.to_thread(process.start)
        try:
            return await asyncio.to_thread(_ask, shop, process.port)
        finally:
            await asyncio.to_thread(process.stop)


def _draft(shop: Shop, rules: Rules) -> None:
    """Keep the rules as a draft, with their campaigns open and funded."""
    campaigns = sorted({rule.campaign for rule in rules.rules})
    with psycopg.connect(shop.postgres.dsn("cashback")) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            """
            with opened as (
                insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
                select campaign, programme.id, campaign, '2020-01-01', now()
                from ledger.programmes as programme
                cross join unnest(%(campaigns)s::text[]) as campaign
            )
            insert into ledger.accounts (owner, kind, currency, balance)
            select campaign, 'budget', 'USD', %(budget)s
            from unnest(%(campaigns)s::text[]) as campaign
            """,
            {"campaigns": campaigns, "budget": BUDGET},
        )
        connection.execute(
            """
            insert into ledger.ruleset_drafts (id, programme_id, name, document, created_at, changed_at)
            select %s, id, 'bench', %s, now(), now()
            from ledger.programmes
            """,
            (_DRAFT, canonical(rules)),
        )


def _ask(shop: Shop, port: int) -> Simulated:
    """Return what one client on one connection sees."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_PATIENCE_S)
    latencies_ms, refused = [], 0
    began_s = monotonic_s()
    for number in range(WARM_UP + REQUESTS):
        due_s = began_s + number / PACE
        _NEVER.wait(max(0.0, due_s - monotonic_s()))
        connection.request("POST", "/v1/rulesets/simulate", _body(shop, number), _head(shop, number))
        answer = connection.getresponse()
        said = answer.read()
        if number >= WARM_UP:
            latencies_ms.append((monotonic_s() - due_s) * 1_000)
            refused += answer.status != _CREATED or b'"outcome":"granted"' not in said
    connection.close()
    percentiles = quantiles(latencies_ms, n=100)
    return Simulated(percentiles[49], percentiles[98], refused)


def _head(shop: Shop, number: int) -> dict[str, str]:
    """Return the headers of one request."""
    return {
        "Authorization": f"Bearer {shop.operator_key}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"simulate-{number}",
    }


def _body(shop: Shop, number: int) -> str:
    """Return one purchase, each of another amount."""
    return json.dumps(
        {
            "ruleset": _DRAFT,
            "merchant_id": shop.cast.merchant_id,
            "amount_minor": str(1_000 + number),
            "currency": "USD",
            "occurred_at": "2026-11-26T12:00:00Z",
            "mcc": "5411",
        }
    )
