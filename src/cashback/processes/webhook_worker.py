"""`cashback worker webhooks`: takes events in and delivers them to the endpoints that hear of them.

events ──▶ consumer ──inbox──▶ webhooks.deliveries ──▶ deliverer ──HTTPS, signed──▶ endpoints
                 └── whose cashback? ──▶ ledger.cashback_ledger (id, merchant_id)
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cashback.kernel.bus import Consumer
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Dsn, Port
from cashback.kernel.db import Database
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.ledger.store.merchants import merchants_of
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.webhook_settings import WebhookKey, contradictions_of_loopback, key_of
from cashback.webhooks import Deliverer, open_post
from cashback.webhooks.consumer import NAME, TYPES, WebhookEvents
from cashback.webhooks.service.standing import gauges


class Settings(BrokerSettings, frozen=True, kw_only=True):
    """Where database and broker are, the key that opens secrets, and whether this machine may be delivered to.

    That last is for development alone, and wants to be called so.
    """

    webhooks_dsn: Dsn
    webhook_key: WebhookKey
    probe_port: Port
    probe_host: str = "127.0.0.1"
    webhook_allow_loopback: bool = False
    development: bool = False

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what the broker's settings lack, and that production delivers nothing to itself."""
        yield from BrokerSettings.contradictions(settings)
        yield from contradictions_of_loopback(settings)


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; any number of these may run beside each other."""
    async with (
        Database.open(settings.webhooks_dsn.value, name="worker webhooks") as database,
        broker_of(settings, "worker webhooks") as bus,
        open_post(allow_loopback=settings.webhook_allow_loopback) as post,
    ):
        events = WebhookEvents(merchants_of)
        consumer = Consumer(bus, database, schema="webhooks", name=NAME, types=TYPES, handler=events.handle)
        deliverer = Deliverer(database, post, SystemClock(), key=key_of(settings.webhook_key))
        checks = {"database": database.ping, "broker": bus.ping}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {"events": consumer.run, "deliverer": deliverer.run, "gauges": gauges(database).run, "probe": probe.run}
        )
