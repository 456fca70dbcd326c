"""Where merchants have events posted to, what was posted, and what happened."""

from cashback.kernel.clock import Clock
from cashback.processes.api.settings import Settings
from cashback.processes.api.wiring.parts import Parts
from cashback.processes.webhook_settings import sealing_keys
from cashback.processes.webhooks_once import known_to, once_by
from cashback.webhooks.service.commands import WebhookCommands
from cashback.webhooks.service.endpoints import Endpoints
from cashback.webhooks.service.event_log import EventLog
from cashback.webhooks.service.event_types import EVENT_TYPES
from cashback.webhooks.service.readings import WebhookReadings


def endpoints_by(settings: Settings, *, clock: Clock) -> Endpoints:
    """Return what makes endpoints of webhooks; by the machine's clock, as events say when they happened."""
    keys = sealing_keys(settings.webhook_key, settings.webhook_key_before)
    return Endpoints(clock, keys=keys, types=EVENT_TYPES, allow_loopback=settings.webhook_allow_loopback)


def webhook_services(parts: Parts) -> dict[str, object]:
    """Return what makes and tells endpoints and deliveries, and tells events, by name."""
    once, known = once_by(parts.orders), known_to(parts.people)
    return {
        "event_log": EventLog(parts.database, types=EVENT_TYPES),
        "webhook_commands": WebhookCommands(parts.database, parts.endpoints, once=once, known=known),
        "webhook_readings": WebhookReadings(parts.database),
    }
