"""What the ledger's tables say at a glance of mints and books."""

from datetime import datetime

import msgspec


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the ledger stands, whichever process brought it there.

    `requested_at` is when the oldest mint was requested that is not settled; `stuck` counts up to a limit.
    `unexplained` is supply in base units. What was never booked or recomputed is None.
    """

    requested_at: datetime | None
    stuck: int
    unexplained: int
    booked_block: int | None
    differences: int | None
    recomputed_at: datetime | None
