"""`cashback ledger recompute`: every balance computed anew, at once, and recorded in a person's name."""

from collections.abc import Callable

import msgspec

from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger.model.trial import Recomputed
from cashback.ledger.service import Recomputer


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books are; the role reads them, and may record that it did."""

    ledger_operator_dsn: Dsn


async def recompute(settings: Settings, *, by: str, reached: Callable[[int], None]) -> Recomputed:
    """Return what came of it; it is recorded when it has come to its end.

    By business time, as the worker's is: it asks of this row whether tonight's is still to be done.

    Raises:
        SettingsInvalid: business time would be moved outside development.
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_operator_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Recomputer(database, clock=business_clock(), by=by).recompute(reached)
