"""`cashback chain status`: the adapter asked once for all it knows of itself and its chain, and what needs a person.

Minting's own halt and its stuck mints are told as well where its database is named: what the adapter never gets it
cannot tell of.
"""

from datetime import timedelta
from typing import Final

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterView
from cashback.chain.rules.attention import worries
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Dsn, HostPort, Secret
from cashback.kernel.db import DatabaseUnavailable
from cashback.processes import reconciled
from cashback.processes.minting_standing import MintingStanding, concerns, look, silence
from cashback.processes.reconciled import Reconciled, StaleSeconds
from cashback.processes.tls import ClientTls

NAME: Final = "cashback chain status"


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is, and the databases of minting and ledger unless they are not to be asked."""

    adapter_address: HostPort
    minting_audit_dsn: Dsn = Secret("")
    ledger_audit_dsn: Dsn = Secret("")
    reconcile_stale_s: StaleSeconds = 10_800


class Standing(msgspec.Struct, frozen=True):
    """How the adapter stands, what of all this needs a person, and how minting and reconciliation stand.

    Either is None when it did not tell; `reconciliation` is the latter in a few words.
    """

    view: AdapterView
    worries: list[str]
    minting: MintingStanding | None = None
    reconciled: Reconciled | None = None
    reconciliation: str = ""


async def standing(settings: Settings) -> Standing:
    """Return how the adapter and minting stand; nothing is changed. A database may be away: that is a worry.

    Raises:
        AdapterUnavailable: the adapter did not answer.
        AdapterRefused: this caller may not ask.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        view = await adapter.status()
    found = worries(view)
    if silent := silence(view.minting_told_ms_ago):
        found.append(silent)
    minting, last, said = None, None, ""
    now = SystemClock().now()
    try:
        if settings.minting_audit_dsn.value:
            minting = await look(settings.minting_audit_dsn, name=NAME)
            found += concerns(minting)
    except DatabaseUnavailable as failure:
        found.append(f"whether minting is halted is not told: {failure.detail}")
    try:
        if settings.ledger_audit_dsn.value:
            last = await reconciled.look(settings.ledger_audit_dsn, name=NAME)
            stale = timedelta(seconds=settings.reconcile_stale_s)
            found += reconciled.concerns(last, now=now, stale=stale)
            said = reconciled.summary(last, now=now)
    except DatabaseUnavailable as failure:
        found.append(f"when the ledger was reconciled is not told: {failure.detail}")
    return Standing(view, found, minting, last, said)
