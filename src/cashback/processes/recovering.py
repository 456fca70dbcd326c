"""`cashback chain recover`: the adapter's records in line with the chain again, over gRPC, in a person's name."""

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Recovered
from cashback.kernel.config import HostPort
from cashback.processes.tls import ClientTls


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is."""

    adapter_address: HostPort


async def recover(settings: Settings, *, by: str, reason: str, is_dry_run: bool) -> Recovered:
    """Return what was changed, or would be; safe to repeat.

    Raises:
        NotHalted: minting is not halted.
        AdapterUnavailable: the adapter or its nodes did not answer; run it again.
        AdapterRefused: this caller may not, or who and why are not as they must be.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        return await adapter.recover(by=by, reason=reason, is_dry_run=is_dry_run)
