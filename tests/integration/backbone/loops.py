"""Drainers and consumers of the small world, and handlers that fail as told."""

from collections.abc import Mapping, Sequence

from cashback.kernel.bus import Backoff, Bus, BusUnavailable, Consumer, Delivery, Handler, OrderedConsumer, Retry
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database, Tx
from cashback.kernel.outbox import PARTITIONS, Event, partition_of
from cashback.kernel.outbox.drain import Drainer
from tests.integration.backbone.world import (
    SCHEMA,
    TYPE,
    apply,
    count_applied,
    count_stored,
    event,
    eventually,
    running,
)

QUICKLY = Retry(backoff=Backoff(base_s=0.02, cap_s=0.2))


def consumer(
    database: Database,
    bus: Bus,
    *,
    handler: Handler = apply,
    name: str = "ledger",
    types: tuple[str, ...] = (TYPE,),
    batch_max: int = 256,
    retry: Retry = QUICKLY,
) -> Consumer:
    """Return a consumer of the small world's events that retries quickly."""
    return Consumer(
        bus, database, schema=SCHEMA, name=name, types=types, handler=handler, batch_max=batch_max, retry=retry
    )


def ordered(
    database: Database,
    bus: Bus,
    *,
    handler: Handler = apply,
    holder: str = "first",
    types: tuple[str, ...] = (TYPE,),
    batch_max: int = 256,
) -> OrderedConsumer:
    """Return a consumer of the small world's events that keeps their order and retries quickly."""
    return OrderedConsumer(
        bus,
        database,
        schema=SCHEMA,
        name="orderly",
        types=types,
        partitions=PARTITIONS,
        handler=handler,
        holder=holder,
        batch_max=batch_max,
        retry=QUICKLY,
    )


class Script:
    """A handler that applies, and fails as told for some events; it remembers what it was given."""

    def __init__(self, failures: dict[str, Sequence[Exception]] | None = None) -> None:
        """Fail for each of these event ids with its exceptions, one after the other, the last one for ever."""
        self.seen: list[tuple[list[str], list[int]]] = []
        self._failures = {id_: list(causes) for id_, causes in (failures or {}).items()}
        self._runs_out: set[str] = set()

    def runs_out(self, event_id: str) -> None:
        """Have the event succeed once it failed as often as there are exceptions."""
        self._runs_out.add(event_id)

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, then fail if one of them has a failure left: so that only a rollback keeps the effects away."""
        self.seen.append(([one.id for one in deliveries], [one.attempt for one in deliveries]))
        await apply(tx, deliveries)
        for one in deliveries:
            causes = self._failures.get(one.id, [])
            if causes:
                raise causes[0] if len(causes) == 1 and one.id not in self._runs_out else causes.pop(0)


async def work_off(bus: Bus, worker: Consumer, name: str = "ledger") -> None:
    """Run a consumer until it has nothing left."""
    async with running(worker.run):
        await eventually(lambda: are_done(bus, name))


async def are_done(bus: Bus, name: str = "ledger") -> bool:
    """Tell whether every event of the stream is acknowledged by the consumer."""
    try:
        answer = await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{name}")
        is_delivered = answer["delivered"]["stream_seq"] == await count_stored(bus)
    except BusUnavailable:
        return False
    return is_delivered and (answer["num_pending"], answer["num_ack_pending"]) == (0, 0)


def drainer(database: Database, bus: Bus, *, holder: str = "relay", ttl_s: float = 3.0) -> Drainer:
    """Return a drainer of the small world's outbox."""
    return Drainer(database, bus, schema=SCHEMA, holder=holder, lease_ttl_s=ttl_s)


async def has_stored(bus: Bus, count: int) -> bool:
    """Tell whether the main stream is there and holds exactly `count` messages."""
    try:
        return await count_stored(bus) == count
    except BusUnavailable:
        return False


async def have_applied(database: Database, count: int) -> bool:
    """Tell whether there are exactly `count` effects."""
    return await count_applied(database) == count


def some(count: int) -> list[Event]:
    """Return new events of different aggregates."""
    return [event(f"pur_{number}") for number in range(count)]


def assert_in_order(events: Sequence[Event], ids: Sequence[str]) -> None:
    """Check that each partition's events were applied once each and as they stand in the stream."""
    lanes: Mapping[str, int] = {one.id: partition_of(one.key) for one in events}
    assert len(ids) == len(events)
    for lane in range(PARTITIONS):
        assert [id_ for id_ in ids if lanes[id_] == lane] == [one.id for one in events if lanes[one.id] == lane]
