"""`cashback chain status`: the adapter asked once for all it knows of itself and its chain, and what needs a person.

Minting's own halt and its stuck mints are told as well where its database is named: what the adapter never gets it
cannot tell of.
"""

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterView
from cashback.chain.rules.attention import worries
from cashback.kernel.config import Dsn, HostPort, Secret
from cashback.kernel.db import DatabaseUnavailable
from cashback.processes.minting_standing import MintingStanding, concerns, look, silence
from cashback.processes.tls import ClientTls


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is, and minting's database unless that is not to be asked."""

    adapter_address: HostPort
    minting_audit_dsn: Dsn = Secret("")


class Standing(msgspec.Struct, frozen=True):
    """How the adapter stands, what of all this needs a person, and how minting stands, None when it did not tell."""

    view: AdapterView
    worries: list[str]
    minting: MintingStanding | None = None


async def standing(settings: Settings) -> Standing:
    """Return how the adapter and minting stand; nothing is changed. Minting's database may be away: that is a worry.

    Raises:
        AdapterUnavailable: the adapter did not answer.
        AdapterRefused: this caller may not ask.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        view = await adapter.status()
    found = worries(view)
    if silent := silence(view.minting_told_ms_ago):
        found.append(silent)
    if not settings.minting_audit_dsn.value:
        return Standing(view, found)
    try:
        minting = await look(settings.minting_audit_dsn, name="cashback chain status")
    except DatabaseUnavailable as failure:
        return Standing(view, [*found, f"whether minting is halted is not told: {failure.detail}"])
    return Standing(view, found + concerns(minting), minting)
