"""What the worker of webhooks counts."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

taken: Final = Counter("cashback_webhook_taken", "deliveries that events were taken in as")
deliveries: Final = Counter("cashback_webhook_deliveries", "tries, by what followed from them", ["outcome"])
unsigned: Final = Counter("cashback_webhook_unsigned", "tries without a request, since a secret could not be read")
disabled: Final = Counter("cashback_webhook_endpoints_disabled", "endpoints that were disabled, by why", ["reason"])
forgotten: Final = Counter("cashback_webhook_forgotten", "what ended long ago and was forgotten, by kind", ["kind"])
due: Final = Gauge("cashback_webhook_due_deliveries", "deliveries that are due and not being tried, up to a thousand")
oldest: Final = Gauge("cashback_webhook_oldest_seconds", "for how long the oldest of them has been due")
requests: Final = Histogram(
    "cashback_webhook_request_seconds", "how long tries took", buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
)
