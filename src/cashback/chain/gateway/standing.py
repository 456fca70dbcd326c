"""How one endpoint stands beside the others: how far its head is off, and what it tells otherwise than they do.

Answering is not enough: a node that lags behind, sits on a fork or lies answers as well as any.
"""

from typing import Final

from prometheus_client import Counter, Gauge

from cashback.kernel.telemetry import logger

OUTVOTED: Final = Counter(
    "cashback_chain_endpoint_outvoted_total", "Answers that a quorum of the others contradicted.", ["endpoint"]
)
FORGIVEN_AFTER: Final = 32
"""So many right answers to a question make up for a wrong one."""
LAG: Final = Gauge("cashback_chain_endpoint_lag_blocks", "Blocks behind the agreed head.", ["endpoint"])
LAG_MAX: Final = Gauge(
    "cashback_chain_endpoint_lag_max_blocks", "So many blocks behind are borne: CASHBACK_RPC_LAG_BLOCKS.", ["endpoint"]
)

log = logger(__name__)


class Standing:
    """What is held against one endpoint; it is forgotten when the endpoint has done better for a while."""

    def __init__(self, name: str, *, lag_max: int) -> None:
        """Hold nothing against it yet; more than `lag_max` blocks off the agreed head are too many."""
        self.head = 0
        self.lag = 0
        self._name = name
        self._lag_max = lag_max
        self._measured = 0
        self._contradicted: dict[str, int] = {}

    @property
    def fault(self) -> str:
        """Return what is held against it, empty when nothing is."""
        faults = [f"contradicts the others about {method}" for method in sorted(self._contradicted)]
        if self.lag > self._lag_max:
            faults.append(f"is {self.lag} blocks behind the others")
        if -self.lag > self._lag_max:
            faults.append(f"shows {-self.lag} blocks that the others do not")
        return ", ".join(faults)

    def showed(self, head: int) -> None:
        """Note the newest block that it knows."""
        self.head = head

    def measure(self, agreed: int) -> None:
        """Note how far its head is from the agreed one, and say so once when that is too far."""
        if self.head == 0:
            # It has not answered yet: that is told already.
            return
        was_off = abs(self.lag) > self._lag_max
        was_ahead, measured = -self._measured > self._lag_max, agreed - self.head
        self._measured = measured
        # Whoever shows more than the others may merely be the first to show it; it is off if it still does next time.
        self.lag = measured if was_ahead or -measured <= self._lag_max else 0
        LAG.labels(self._name).set(self.lag)
        LAG_MAX.labels(self._name).set(self._lag_max)
        if abs(self.lag) > self._lag_max and not was_off:
            log.warning("endpoint.strayed", endpoint=self._name, lag_blocks=self.lag)

    def agreed(self, method: str) -> None:
        """Note that it tells what a quorum tells."""
        left = self._contradicted.get(method, 0) - 1
        if left > 0:
            self._contradicted[method] = left
        else:
            self._contradicted.pop(method, None)

    def contradicted(self, method: str) -> None:
        """Note that a quorum tells something else than it does, and say so once until that is forgotten."""
        OUTVOTED.labels(self._name).inc()
        if method not in self._contradicted:
            log.warning("endpoint.outvoted", endpoint=self._name, method=method)
        self._contradicted[method] = FORGIVEN_AFTER
