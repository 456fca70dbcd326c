"""`cashback chain recover`: the adapter's records and then the ledger's in line with the chain, in a person's name.

    adapter ──▶ what replaced final blocks had decided is booked back, or what its records do not know is adopted
    ledger  ──▶ numbers that it has forgotten are adopted or listed, and its fence is opened above all of them

Both halves may be repeated, and neither lifts the halt.
"""

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Recovered
from cashback.processes import restored_ledger
from cashback.processes.restored_ledger import Numbers, Settings, Tell

__all__ = ["Result", "Settings", "recover"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed in the adapter's records and in the ledger, or would be."""

    adapter: Recovered
    ledger: Numbers


async def recover(settings: Settings, *, by: str, reason: str, is_dry_run: bool, tell: Tell) -> Result:
    """Return what was changed, or would be; `tell` hears of each number that the ledger had forgotten. Safe to repeat.

    Raises:
        NotHalted: minting is not halted.
        AdapterUnavailable: the adapter or its nodes did not answer; run it again.
        AdapterRefused: this caller may not, or who and why are not as they must be.
        Unavailable: a database did not answer; the adapter's half is done, run it again.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        recovered = await adapter.recover(by=by, reason=reason, is_dry_run=is_dry_run)
    return Result(
        adapter=recovered, ledger=await restored_ledger.recover_ledger(settings, is_dry_run=is_dry_run, tell=tell)
    )
