"""`cashback worker webhooks`: takes events in and delivers them to the endpoints that hear of them.

events ──▶ consumer ──inbox──▶ webhooks.events, webhooks.deliveries ──▶ deliverer ──HTTPS, signed──▶ endpoints
                 └── whose cashback? ──▶ ledger.cashback_ledger                         └── forgetter, once an hour
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from cashback.kernel.bus import Consumer
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Dsn, Port
from cashback.kernel.db import Database, Tx
from cashback.kernel.lifecycle import Probe, run_until_stopped
from cashback.ledger.store.belonging import belonging
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.webhook_settings import (
    NO_KEY,
    WebhookKey,
    contradictions_of_loopback,
    contradictions_of_trust,
    sealing_keys,
    trusting,
)
from cashback.webhooks import Deliverer, Forgetter, Kept, open_post
from cashback.webhooks.consumer import NAME, TYPES, WebhookEvents
from cashback.webhooks.model import Belonging
from cashback.webhooks.service.standing import gauges


class Settings(BrokerSettings, frozen=True, kw_only=True):
    """Where database and broker are, the keys that open secrets, for how long (days) what ended or happened is kept.

    Whom to trust at endpoints instead of whom the system does (a PEM file).

    And whether this machine may be delivered to, which is for development alone, and wants to be called so.
    """

    webhooks_dsn: Dsn
    webhook_key: WebhookKey
    probe_port: Port
    probe_host: str = "127.0.0.1"
    webhook_key_before: WebhookKey = NO_KEY
    webhook_tls_ca: str = ""
    webhook_keep_days: Annotated[int, msgspec.Meta(ge=7, le=3_650)] = 30
    events_keep_days: Annotated[int, msgspec.Meta(ge=7, le=3_650)] = 30
    webhook_journal_keep_days: Annotated[int, msgspec.Meta(ge=365, le=36_500)] = 730
    webhook_allow_loopback: bool = False
    development: bool = False

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with the broker's settings, with the authorities, and with delivering to this machine."""
        yield from BrokerSettings.contradictions(settings)
        yield from contradictions_of_trust(settings)
        yield from contradictions_of_loopback(settings)


async def belongings_of(tx: Tx, cashback_ids: Sequence[str]) -> dict[str, Belonging]:
    """Return whose each cashback is that the ledger has."""
    return {
        cashback_id: Belonging(purchase_id=purchase_id, user_id=user_id, merchant_id=merchant_id)
        for cashback_id, purchase_id, user_id, merchant_id in await belonging(tx, cashback_ids)
    }


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; any number of these may run beside each other."""
    async with (
        Database.open(settings.webhooks_dsn.value, name="worker webhooks") as database,
        broker_of(settings, "worker webhooks") as bus,
        open_post(allow_loopback=settings.webhook_allow_loopback, tls=trusting(settings.webhook_tls_ca)) as post,
    ):
        events = WebhookEvents(belongings_of)
        consumer = Consumer(bus, database, schema="webhooks", name=NAME, types=TYPES, handler=events.handle)
        keys = sealing_keys(settings.webhook_key, settings.webhook_key_before)
        deliverer = Deliverer(database, post, SystemClock(), keys=keys)
        kept = Kept(
            deliveries_days=settings.webhook_keep_days,
            events_days=settings.events_keep_days,
            journal_days=settings.webhook_journal_keep_days,
        )
        forgetter = Forgetter(database, kept)
        checks = {"database": database.ping, "broker": bus.ping}
        probe = Probe(host=settings.probe_host, port=settings.probe_port, checks=checks)
        await run_until_stopped(
            {
                "events": consumer.run,
                "deliverer": deliverer.run,
                "forgetter": forgetter.run,
                "gauges": gauges(database).run,
                "probe": probe.run,
            }
        )
