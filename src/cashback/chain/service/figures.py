"""What an adapter shows of the lanes of its signers: what each of them waits for, as the database has it."""

from collections.abc import Collection, Sequence
from typing import Final, TypeAlias

from prometheus_client import Gauge

from cashback.chain.model import Address
from cashback.chain.store import lanes
from cashback.kernel.db import Database, Tx
from cashback.kernel.gauges import Gauges

Waits: TypeAlias = Sequence[tuple[Address, str]]

WAITS: Final = Gauge(
    "cashback_chain_lane_waits",
    "1 for what a lane waits for, until it signs or nothing waits any more; absent otherwise and without the database.",
    ["signer", "reason"],
)


def gauges(database: Database, *, signers: Collection[Address]) -> Gauges[Waits]:
    """Return the loop that shows what the lanes of `signers` wait for, whichever adapter leads them."""

    async def read(tx: Tx) -> Waits:
        """Return what they wait for now."""
        return await lanes.waits(tx, signers)

    def show(seen: Waits | None) -> None:
        """Show these and no others."""
        WAITS.clear()
        for signer, reason in seen or ():
            WAITS.labels(f"0x{signer.hex()}", reason).set(1)

    return Gauges(database, name="chain", read=read, show=show)
