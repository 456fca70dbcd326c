"""`cashback api`: the REST API. It reaches PostgreSQL and, for live figures, the adapter; no broker and no chain.

HTTP ─▶ Observe ─▶ Admission ─▶ Head ─▶ ApiKeyAuth ─▶ RateLimit ─▶ router
    router ─▶ Purchases, People, Programmes ─▶ database cashback
       └────▶ the stories ─▶ Readings ───────▶ database cashback
                    └──────▶ Adapter ────────▶ gRPC, short deadline
AnswerForgetter, once an hour ──────────────▶ database cashback
CoolDown ───────────────────────────────────▶ database cashback: changes of wallets whose time has come
KeyUses, once a minute, where any key was ──▶ database cashback

settings      what it needs to know
wiring        what handlers ask for, by name
application   the routes and what stands around them
guards        how strictly that does
operations    alive, ready
members       what members mean whose own struct says nothing of them
openapi       the document: what no handler says, and where it is served
reference     pages about its operations and problems, which it serves to everybody
scopes        what a key must have been made for, by operation
"""

import asyncio

from cashback.kernel.clock import SystemClock, business_clock
from cashback.kernel.db import Database
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.kernel.lifecycle.probe import serve_asgi
from cashback.kernel.sealing import Seal
from cashback.ledger.gateway import Adapter
from cashback.processes.api.application import BODY_BYTES_MAX, application
from cashback.processes.api.guards import Guards, door_of, guards_of
from cashback.processes.api.openapi import OPENAPI
from cashback.processes.api.scopes import SCOPES
from cashback.processes.api.settings import Settings
from cashback.processes.api.wiring import BACKTEST_CHUNK, endpoints_by, services_over
from cashback.processes.webhooks_once import WEBHOOK_REBUILDERS
from cashback.purchases.service import REBUILDERS, AnswerForgetter, ApiKeys, CoolDown, Purchases
from cashback.purchases.service.audit import PURPOSE

__all__ = [
    "BACKTEST_CHUNK",
    "BODY_BYTES_MAX",
    "OPENAPI",
    "SCOPES",
    "Guards",
    "Settings",
    "application",
    "door_of",
    "endpoints_by",
    "guards_of",
    "run",
    "services_over",
]


async def run(settings: Settings) -> None:
    """Serve until a signal ends it; commits in flight are answered first, unless the database keeps them too long."""
    clock = business_clock()
    async with (
        Database.open(settings.api_dsn.value, name="api", connections_max=settings.api_connections_max) as database,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
        Purchases.open(database, clock=clock) as purchases,
    ):
        checks, guards = {"database": database.ping}, guards_of(settings)
        keys = ApiKeys(database, pepper=settings.api_key_pepper, clock=SystemClock())
        app = application(
            services=services_over(
                database,
                adapter,
                purchases,
                clock=clock,
                endpoints=endpoints_by(settings, clock=SystemClock()),
                ownership=settings.ownership,
                seal=Seal.of(settings.api_key_pepper, PURPOSE),
            ),
            keys=keys,
            checks=checks,
            guards=guards,
        )
        forgetter = AnswerForgetter(
            database, keep_days=settings.answers_keep_days, deeds=REBUILDERS.keys() | WEBHOOK_REBUILDERS.keys()
        )
        door = door_of(settings, guards)
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)

        async def serve(stop: asyncio.Event) -> None:
            await serve_asgi(app, host=settings.api_host, port=settings.api_port, setting="API", stop=stop, door=door)
            await keys.uses.end()

        await run_until_stopped(
            {
                "http": serve,
                "probe": probe.run,
                "forgetting": forgetter.run,
                "wallets": CoolDown(database, clock=clock).run,
                "uses": keys.uses.run,
            }
        )
