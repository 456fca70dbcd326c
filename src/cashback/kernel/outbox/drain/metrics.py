"""What a relay's probe shows of each outbox that it drains."""

from prometheus_client import Counter, Gauge, Histogram

published = Counter("cashback_outbox_published_events", "events stored by the broker", ["schema"])
batch_sizes = Histogram(
    "cashback_outbox_batch_events",
    "events read and published at once",
    ["schema"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
statements = Counter("cashback_outbox_statements", "SQL statements, each one round trip", ["schema"])
oldest_seconds = Gauge(
    "cashback_outbox_oldest_seconds",
    "age of the oldest event not yet published, whoever publishes it; `NaN` while the database is not reached",
    ["schema"],
)
days_left = Gauge(
    "cashback_outbox_days_left",
    "days after today for which there is a partition; at 0 appends fail tomorrow",
    ["schema"],
)
lanes_held = Gauge("cashback_outbox_lanes_held", "partitions that this process publishes", ["schema"])
takeovers = Counter(
    "cashback_outbox_takeovers", "partitions taken whose holder had not given them back in time", ["schema"]
)
publish_seconds = Histogram(
    "cashback_outbox_publish_seconds",
    "from an event's instant to the broker's having stored it; of a large batch for some that are evenly spread",
    ["schema"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
