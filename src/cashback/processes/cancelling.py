"""`cashback mint cancel`: one mint cancelled in the adapter, as minting has recorded it, in a person's name.

minting's record ──▶ adapter: noted, retired on the chain ──final──▶ minting: stuck, `number_retired`
"""

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Address, Cancelling
from cashback.chain.model import Mint as ChainMint
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.kernel.errors import Conflict
from cashback.minting import MintSettled, MintState, Readings
from cashback.processes.tls import ClientTls


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is, and minting's records; a reading role is enough."""

    adapter_address: HostPort
    minting_audit_dsn: Dsn


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """How far the cancellation of one mint is: `ordered`, `retiring`, or `retired` for good."""

    number: str
    cashback: str
    progress: str


class MintNotCancelled(Conflict):
    """The adapter refused to cancel the mint, for the reason that it gave."""

    code = "mint_not_cancelled"


async def cancel(settings: Settings, name: str, *, by: str, reason: str) -> Cancelled:
    """Cancel the mint with a number, or for a cashback, and return how far that is; run again, it tells that alone.

    Raises:
        MintNotFound: nobody requested it.
        MintSettled: it is minted.
        MintNotCancelled: the chain was faster, or the adapter knows the number otherwise; it says which.
        AdapterUnavailable: the adapter did not answer; it may be noted or not. Run it again.
        AdapterRefused: this caller may not, or who and why are not as they must be.
    """
    async with Database.open(settings.minting_audit_dsn.value, name="cashback mint", connections_max=1) as database:
        mint = await Readings(database).find(name)
    if mint.state is MintState.MINTED:
        raise MintSettled(f"mint {mint.number} is minted", number=mint.number)
    asked = ChainMint(mint.number, mint.cashback_id, Address(mint.recipient), mint.amount)
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        [answer] = await adapter.cancel([asked], by=by, reason=reason)
    if not isinstance(answer, Cancelling):
        raise MintNotCancelled(f"mint {mint.number} is not cancelled: {answer.reason}", number=mint.number)
    return Cancelled(number=str(mint.number), cashback=mint.cashback_id, progress=answer.progress)
