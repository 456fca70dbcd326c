"""`relay`: how many events a second the drainer publishes, beside what it could at most, and beside the naive way.

Method. PostgreSQL and NATS with fsync on (`sync_interval: always`). Events are committed to the outbox of `purchases`
as recording does, in transactions of 500; then the real `Drainer` starts and is timed from its start until its cursors
are behind the last one. Its two limits: the same messages, built beforehand, in the same atomic batches without a
database; and the same reading and moving of cursors without publishing. Packing a batch is part of the first, as of
whoever publishes messages; the drainer packs while the broker stores, so the same batches packed beforehand are shown
beside it. The naive way reads in the same batches, but
waits for each event's acknowledgement before it sends the next. In turns, seven rounds of each; a ratio is the median
over the rounds. Then the drainer, its limits and the naive way once more while another session holds a snapshot open
that is older than every event, and once more with three NATS servers, each event on all of them. At the end the stream
must hold every event once.
"""

from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.ground import open_ground
from tests.benchmarks.pairs import all_in_turns
from tests.benchmarks.relay_ways import Cost, Ways

OF_SLOWER_LIMIT_MIN: Final = 0.65
OF_NAIVE_MIN: Final = 10.0


class Rates(msgspec.Struct, frozen=True):
    """Events a second of every way, round by round."""

    drained: list[float]
    broker_only: list[float]
    dropped: list[float]
    one_by_one: list[float]
    packed: list[float]

    @property
    def of_slower_limit(self) -> float:
        """Return the drainer's share of the slower of the two limits: the median over the rounds."""
        rounds = zip(self.drained, self.broker_only, self.dropped, strict=True)
        return median(drained / min(limits) for drained, *limits in rounds)

    @property
    def of_naive(self) -> float:
        """Return how many times as fast as the naive way the drainer is: the median over the rounds."""
        return median(ours / theirs for ours, theirs in zip(self.drained, self.one_by_one, strict=True))


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_ground(folder / "one") as ground:
        ways = Ways(ground)
        at_rest = await _rates(ways)
        costs = [*_costs("drainer", ways.drainer), *_costs("one by one", ways.naive)]
        async with ground.old_snapshot():
            under_snapshot = await _rates(ways)
        astray = await ways.lost_or_doubled()
    async with open_ground(folder / "three", is_cluster=True) as ground:
        ways = Ways(ground)
        on_three = await _rates(ways)
        astray_of_three = await ways.lost_or_doubled()
    return [
        *_shown(at_rest, ""),
        *costs,
        *_shown(under_snapshot, ", old snapshot open"),
        exactly("events lost or doubled", astray, "events", expected=0),
        *_shown(on_three, ", three servers"),
        exactly("events lost or doubled, three servers", astray_of_three, "events", expected=0),
    ]


async def _rates(ways: Ways) -> Rates:
    """Return the rates of every way, measured in turns."""
    return Rates(*await all_in_turns(ways.drained, ways.broker_only, ways.dropped, ways.one_by_one, ways.packed))


def _shown(rates: Rates, when: str) -> list[Check]:
    """Return the figures of one measurement."""
    return [
        reported(f"drainer{when}", median(rates.drained), "events/s"),
        reported(f"limit: atomic batches without a database{when}", median(rates.broker_only), "events/s"),
        reported(f"the same batches, packed beforehand too{when}", median(rates.packed), "events/s"),
        reported(f"limit: select and drop without publishing{when}", median(rates.dropped), "events/s"),
        reported(f"naive: awaited one by one{when}", median(rates.one_by_one), "events/s"),
        at_least(f"drainer against the slower limit{when}", rates.of_slower_limit, "times", bound=OF_SLOWER_LIMIT_MIN),
        at_least(f"drainer against the naive way{when}", rates.of_naive, "times", bound=OF_NAIVE_MIN),
    ]


def _costs(name: str, cost: Cost) -> list[Check]:
    """Return what an event cost one way."""
    return [
        reported(f"{name}: statements", cost.statements_per_event, "per event"),
        reported(f"{name}: round trips", cost.round_trips_per_event, "per event"),
    ]
