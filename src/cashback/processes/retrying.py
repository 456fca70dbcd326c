"""`cashback mint retry`: one mint tried again in a person's name, in the way that its state asks for.

| minting has it as | what is done |
|---|---|
| stuck, for `number_retired` | the ledger gives its cashback back, which gets another number |
| stuck, for anything else | it is handed to the adapter again, under its number |
| requested, accepted | it is handed over now; where the adapter holds it, it is let go |
| minted | refused |
"""

from typing import Literal, TypeAlias

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.ledger import Retirements
from cashback.minting import Mint, MintSettled, MintState, Readings, Retries
from cashback.processes.tls import ClientTls

Deed: TypeAlias = Literal["given_back", "requested_again", "released", "hastened"]


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is, minting's records, and who may change what in minting and in the ledger."""

    adapter_address: HostPort
    minting_audit_dsn: Dsn
    minting_operator_dsn: Dsn
    ledger_operator_dsn: Dsn


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about one mint; `is_news` is False when it had been done before."""

    number: str
    cashback: str
    deed: Deed
    is_news: bool


async def retry(settings: Settings, name: str, *, by: str, reason: str) -> Retried:
    """Try the mint with a number, or for a cashback, again; safe to repeat.

    Raises:
        MintNotFound: nobody requested it.
        MintSettled: it is minted.
        MintRetired: its number was retired just now, after it was looked at; run it again.
        NumberNotRetired: minting has told the ledger that the number is retired, which has not heard it yet.
        Unavailable: a database or the adapter did not answer; run it again.
        Rejected: this caller may not, or who and why are not as they must be.
    """
    async with Database.open(settings.minting_audit_dsn.value, name="cashback mint", connections_max=1) as database:
        mint = await Readings(database).find(name)
    if mint.state is MintState.MINTED:
        raise MintSettled(f"mint {mint.number} is minted", number=mint.number)
    if mint.is_retired:
        return await _give_back(settings, mint, by=by, reason=reason)
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        released = await adapter.release([mint.number], by=by, reason=reason)
    async with Database.open(settings.minting_operator_dsn.value, name="cashback mint", connections_max=1) as database:
        was, _ = await Retries(database).retry(mint.number, by=by, because=reason)
    deed: Deed = "requested_again" if was is MintState.STUCK else "released" if released else "hastened"
    return Retried(number=str(mint.number), cashback=mint.cashback_id, deed=deed, is_news=True)


async def _give_back(settings: Settings, mint: Mint, *, by: str, reason: str) -> Retried:
    """Have the ledger give the cashback of a retired number back."""
    async with Database.open(settings.ledger_operator_dsn.value, name="cashback mint", connections_max=1) as database:
        is_news = await Retirements(database, clock=business_clock()).give_back(mint.number, by=by, because=reason)
    return Retried(number=str(mint.number), cashback=mint.cashback_id, deed="given_back", is_news=is_news)
