"""`consume`: how many events a second the consumer applies with its inbox, beside bare pulling and acknowledging.

Method. PostgreSQL and NATS with fsync on (`sync_interval: always`). 20,000 events of recorded purchases are stored in
the stream once. Each round makes a new durable consumer that reads them all from the beginning. Ours is the real
`Consumer` with the inbox of `ledger` and an empty handler: what is timed is the middleware, micro-batches of at most
256 in one transaction each. Theirs takes with the same pull loop in the same batches and acknowledges, and has no
database. Both end when the broker says that nothing is pending and nothing unacknowledged. In turns, seven pairs; once
more while a session holds an old snapshot open, and once more with three NATS servers. Afterwards the inbox must have
every event once for each round.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from cashback.events.purchases import PurchaseCreated
from cashback.kernel.bus import Bus, Delivery, publish
from cashback.kernel.bus.consume import LINGER_S, WAIT_S, Consumer
from cashback.kernel.bus.durable import backlog, ensure_durable
from cashback.kernel.bus.frame import publish_frame
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Tx
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.ground import Ground, open_ground, published, purchase_event
from tests.benchmarks.pairs import Pairs, in_turns

STORED: Final = 20_000
BATCH_MAX: Final = 256
OF_BARE_MIN: Final = 0.5
_SCHEMA: Final = "ledger"
TYPES: Final = (PurchaseCreated.TYPE,)


async def nothing(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Apply events by doing nothing: what is measured is the way to here."""
    del tx, deliveries


class Rounds(msgspec.Struct):
    """Rounds over the same stored events, each under a durable name of its own."""

    ground: Ground
    stored: int
    names: list[str] = msgspec.field(default_factory=list)
    ours: int = 0

    async def applied(self) -> float:
        """Return events a second through the real consumer with its inbox."""
        self.ours += 1
        done, stop, count = asyncio.Event(), asyncio.Event(), 0

        async def handle(tx: Tx, deliveries: Sequence[Delivery]) -> None:
            """Do nothing but count."""
            nonlocal count
            del tx
            count += len(deliveries)
            if count >= self.stored:
                done.set()

        name = self._new_name("ours")
        async with self.ground.database("cashback_ledger") as database, self.ground.bus(name) as bus:
            consumer = Consumer(
                bus, database, schema=_SCHEMA, name=name, types=TYPES, handler=handle, batch_max=BATCH_MAX
            )
            begin_s = monotonic_s()
            running = asyncio.create_task(consumer.run(stop))
            await done.wait()
            await _all_acknowledged(bus, name)
            took_s = monotonic_s() - begin_s
            stop.set()
            await running
        return self.stored / took_s

    async def acknowledged(self) -> float:
        """Return events a second pulled and acknowledged, and nothing else done with them."""
        name, count = self._new_name("theirs"), 0
        async with self.ground.bus(name) as bus:
            pull = Pull(bus, stream=EVENTS.name, consumer=name, batch_max=BATCH_MAX)
            begin_s = monotonic_s()
            await ensure_durable(bus, stream=EVENTS.name, name=name, types=TYPES)
            while count < self.stored:
                taken = await pull.take(wait_s=WAIT_S, linger_s=LINGER_S)
                await bus.link.send([publish_frame(message.reply, b"+ACK") for message in taken])
                count += len(taken)
            await _all_acknowledged(bus, name)
            took_s = monotonic_s() - begin_s
            await pull.close()
        return self.stored / took_s

    async def missing(self) -> int:
        """Return by how many the inbox differs from every event once for each round of ours."""
        return int(await self.ground.asked(f"select count(*) from {_SCHEMA}.inbox")) - self.ours * self.stored

    def _new_name(self, whose: str) -> str:
        """Return a durable name that was not used before."""
        self.names.append(whose)
        return f"bench-{whose}-{len(self.names)}"


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_ground(folder / "one") as ground:
        rounds = await _filled(ground)
        at_rest = await in_turns(rounds.applied, rounds.acknowledged)
        statements = await ground.statements("cashback_ledger") / (rounds.ours * STORED)
        async with ground.old_snapshot():
            under_snapshot = await in_turns(rounds.applied, rounds.acknowledged)
        missing = await rounds.missing()
    async with open_ground(folder / "three", is_cluster=True) as ground:
        rounds = await _filled(ground)
        on_three = await in_turns(rounds.applied, rounds.acknowledged)
        missing_on_three = await rounds.missing()
    return [
        *_shown(at_rest, ""),
        reported("consumer: statements", statements, "per event"),
        *_shown(under_snapshot, ", old snapshot open"),
        exactly("inbox rows lost or doubled", missing, "rows", expected=0),
        *_shown(on_three, ", three servers"),
        exactly("inbox rows lost or doubled, three servers", missing_on_three, "rows", expected=0),
    ]


async def _filled(ground: Ground) -> Rounds:
    """Return rounds over events that are stored in the stream now."""
    async with ground.bus("bench") as bus:
        await publish(bus, [published(purchase_event()) for _ in range(STORED)])
    return Rounds(ground, STORED)


def _shown(pairs: Pairs, when: str) -> list[Check]:
    """Return the figures of one measurement."""
    return [
        reported(f"consumer with inbox{when}", median(pairs.ours), "events/s"),
        reported(f"bare pull and acknowledge{when}", median(pairs.theirs), "events/s"),
        at_least(f"consumer against bare{when}", pairs.ratio, "times", bound=OF_BARE_MIN),
    ]


async def _all_acknowledged(bus: Bus, name: str) -> None:
    """Return once the broker has every acknowledgement."""
    while (await backlog(bus, stream=EVENTS.name, name=name, types=TYPES))[0]:
        continue
