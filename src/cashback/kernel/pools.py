"""What a process's probe shows of its database: round trips, failures and pools, by the semantic conventions.

A pool is looked at when somebody asks, and costs nothing in between.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, TypeAlias
from weakref import WeakSet

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import AsyncConnectionPool

from cashback.kernel.clock import monotonic_s

FAILURES: Final = Counter(
    "cashback_database_failures", "transactions and sessions that ended because the database was not to be had"
)
_ROUND_TRIPS: Final = Histogram(
    "db_client_operation_duration_seconds",
    "Round trips to the database: statements, batches of them, begin and commit.",
    ["db_system_name", "error_type"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
_ANSWERED: Final = _ROUND_TRIPS.labels("postgresql", "")

Pool: TypeAlias = AsyncConnectionPool[Any]


class RoundTrip:
    """Times what is waited for inside it, and notes what it failed with, by class, of which there are few."""

    __slots__ = ("_begun_s", "_is_one")

    def __init__(self, *, is_one: bool) -> None:
        """Time it, unless it is none: who brings a timeout waits for notifications."""
        self._is_one = is_one
        self._begun_s = 0.0

    def __enter__(self) -> None:
        """Begin."""
        self._begun_s = monotonic_s()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Note how long it took."""
        if self._is_one:
            of_kind = _ANSWERED if exc_type is None else _ROUND_TRIPS.labels("postgresql", exc_type.__name__)
            of_kind.observe(monotonic_s() - self._begun_s)


class Pools(Collector):
    """The open pools of this process; those of one name are counted together."""

    def __init__(self) -> None:
        """Know none."""
        self._pools: WeakSet[Pool] = WeakSet()

    def add(self, pool: Pool) -> None:
        """Tell of `pool` for as long as it is there and open."""
        self._pools.add(pool)

    def describe(self) -> list[Metric]:
        """Return nothing: the names are fixed, and there is nothing to look at yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what the pools are like at this moment."""
        by_name = ["db_client_connection_pool_name"]
        count = GaugeMetricFamily(
            "db_client_connection_count",
            "Connections of the pool, by whether somebody has them.",
            labels=["db_client_connection_pool_name", "db_client_connection_state"],
        )
        most = GaugeMetricFamily("db_client_connection_max", "Connections that the pool may open.", labels=by_name)
        pending = GaugeMetricFamily(
            "db_client_connection_pending_requests", "Who waits for a connection of the pool.", labels=by_name
        )
        timeouts = CounterMetricFamily(
            "db_client_connection_timeouts", "Who got none in time, or found too many waiting.", labels=by_name
        )
        for name, stats in self._stats().items():
            idle = stats.get("pool_available", 0)
            count.add_metric([name, "idle"], idle)
            count.add_metric([name, "used"], stats.get("pool_size", 0) - idle)
            most.add_metric([name], stats.get("pool_max", 0))
            pending.add_metric([name], stats.get("requests_waiting", 0))
            timeouts.add_metric([name], stats.get("requests_errors", 0))
        yield from (count, most, pending, timeouts)

    def _stats(self) -> dict[str, dict[str, int]]:
        """Return the sums of what the pools say of themselves, by name."""
        sums: dict[str, dict[str, int]] = {}
        for pool in list(self._pools):
            if pool.closed:
                continue
            of_name = sums.setdefault(pool.name, {})
            for key, value in pool.get_stats().items():
                of_name[key] = of_name.get(key, 0) + value
        return sums


POOLS: Final = Pools()
REGISTRY.register(POOLS)
