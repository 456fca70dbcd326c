"""What every worker-ledger shows of mints and books: what the tables say, and not what it last did itself.

So a worker that is new, and one that stands by, shows the same as the one that booked, settled or computed it.
"""

from datetime import timedelta
from typing import Final

from prometheus_client import Gauge

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.gauges import UNKNOWN, Gauges
from cashback.kernel.money import TOKEN_SYMBOL
from cashback.ledger.model.figures import Figures
from cashback.ledger.store import figures as store

STUCK_MAX: Final = 1_000
_SECOND: Final = timedelta(seconds=1)

MINT_AGE: Final = Gauge(
    "cashback_ledger_mint_oldest_seconds", "Age of the oldest request for a mint that is not settled; 0 without one."
)
STUCK: Final = Gauge("cashback_ledger_stuck_mints", "Mints that wait for a person, counted up to a thousand.")
UNEXPLAINED: Final = Gauge(
    "cashback_ledger_supply_unexplained", "Base units of supply that no request and no burn explains."
)
BOOKED_BLOCK: Final = Gauge("cashback_ledger_supply_booked_block", "The final block at which the supply is booked.")
DIFFERENCES: Final = Gauge(
    "cashback_ledger_recomputed_differences", "Accounts that differed when all were last recomputed."
)
RECOMPUTED_AT: Final = Gauge("cashback_ledger_recomputed_timestamp_seconds", "When all balances were last recomputed.")
ALL: Final = (MINT_AGE, STUCK, UNEXPLAINED, BOOKED_BLOCK, DIFFERENCES, RECOMPUTED_AT)


def gauges(database: Database, *, clock: Clock) -> Gauges[Figures]:
    """Return the loop that shows how the ledger stands, every few seconds; ages are by `clock`."""

    async def read(tx: Tx) -> Figures:
        """Return how it stands now."""
        return await store.figures(tx, token=TOKEN_SYMBOL, stuck_max=STUCK_MAX)

    def show(seen: Figures | None) -> None:
        """Set every gauge."""
        if seen is None:
            for each in ALL:
                each.set(UNKNOWN)
            return
        MINT_AGE.set(max(0, (clock.now() - seen.requested_at) // _SECOND) if seen.requested_at else 0)
        STUCK.set(seen.stuck)
        UNEXPLAINED.set(seen.unexplained)
        BOOKED_BLOCK.set(seen.booked_block or 0)
        DIFFERENCES.set(seen.differences or 0)
        RECOMPUTED_AT.set(seen.recomputed_at.timestamp() if seen.recomputed_at else 0)

    return Gauges(database, name="ledger", read=read, show=show)
