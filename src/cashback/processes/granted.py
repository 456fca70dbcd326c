"""Whether what was granted, and may still be, fits through the minter's limit, as an operator's commands look at it."""

import ssl
from typing import Final

from cashback.kernel.clock import business_clock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError
from cashback.ledger import Readings
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import AdapterUnavailable
from cashback.ledger.rules.largest import check_largest

_NAMED_MAX: Final = 5


class WaitingAboveLimit(CashbackError):
    """Cashbacks that will be requested are larger than what is minted at once."""

    code = "waiting_above_limit"


async def fits(dsn: Secret, adapter_address: str, *, tls: ssl.SSLContext | None) -> str:
    """Return that what rules in force or to come may grant, and what waits for its request, fits through the limit.

    Raises:
        GrantAboveLimit: one purchase could earn more.
        WaitingAboveLimit: cashbacks wait that are worth more, whichever rules gave them; it names five of them.
        Unavailable: the adapter, every node behind it, or the database does not answer.
    """
    async with (
        Adapter.open(adapter_address, tls=tls) as adapter,
        Database.open(dsn.value, name="doctor", connections_max=1) as database,
    ):
        limit = (await adapter.status()).limit
        readings = Readings(database)
        grants = await readings.largest_grants(at=business_clock().now())
        if limit is None and grants:
            raise AdapterUnavailable("no node tells the minter's limit")
        waiting = [] if limit is None else await readings.unrequested_above(limit, limit=_NAMED_MAX + 1)
    if waiting:
        named = ", ".join(f"{cashback_id} of {units} base units" for cashback_id, units in waiting[:_NAMED_MAX])
        more = ", and more" if len(waiting) > _NAMED_MAX else ""
        raise WaitingAboveLimit(
            f"{named}{more} will be requested, and {limit} are minted at once: have the minter's admin call setLimit"
            " with a capacity of at least the largest of them, or their mints wait until then"
        )
    if not grants or limit is None:
        return "no rules are in force or to come"
    most = max(check_largest(grant, limit) for grant in grants)
    return f"one purchase earns at most {most} base units, and {limit} are minted at once"
