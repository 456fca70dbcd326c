"""`cashback chain halt | resume`: both halt switches, turned by a person who is named and gives a reason.

    halt    ──▶ adapter: nothing is signed or sent       resume ──▶ looks at both first, lifts what is halted,
            └─▶ minting: nothing is handed over                     refuses when nothing is

Each switch holds by itself, and each keeps who turned it, when and why. What was sent before is followed to its end.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import msgspec

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Halt as AdapterHalt
from cashback.chain.model import NotHalted
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError, Unavailable
from cashback.minting import Halt as MintingHalt
from cashback.minting import Halts
from cashback.processes.tls import ClientTls

ADAPTER: Final = "adapter"
MINTING: Final = "mint worker"


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the two switches are, and who may turn minting's."""

    adapter_address: HostPort
    minting_operator_dsn: Dsn


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """One halt of one switch: why, in whose name and since when."""

    switch: str
    reason: str
    detail: str
    by: str
    at: datetime


class HalfHalted(Unavailable):
    """One of the two switches is on, the other did not answer or refused."""

    code = "half_halted"


async def halt(settings: Settings, *, by: str, reason: str) -> list[Turned]:
    """Turn both switches on, each whatever becomes of the other; return every halt that is open now.

    Raises:
        HalfHalted: one is on, the other did not answer or refused; it says which. Run it again.
        Unavailable: neither answered.
        Rejected: who or why is not as it must be, or this caller may not.
    """
    async with _switches(settings) as (adapter, minting):
        told = await asyncio.gather(
            adapter.halt(by=by, reason=reason), minting.halt_by_hand(by=by, detail=reason), return_exceptions=True
        )
    failures = [one for one in told if isinstance(one, BaseException)]
    if len(failures) == 1 and isinstance(failures[0], CashbackError):
        on, off = (MINTING, ADAPTER) if isinstance(told[0], BaseException) else (ADAPTER, MINTING)
        raise HalfHalted(f"the {on} is halted, the {off} is not: {failures[0].detail}") from failures[0]
    if failures:
        raise failures[0]
    return _of_adapter(told[0]) + _of_minting(told[1])  # type: ignore[arg-type]  # no failures: these are the answers


async def resume(settings: Settings, *, by: str, reason: str) -> list[Turned]:
    """Lift what is halted, and return what it was.

    Raises:
        NotHalted: nothing is.
        Unavailable: one of the two did not answer; before both were looked at nothing is lifted. Run it again.
        Rejected: who or why is not as it must be, or this caller may not.
    """
    async with _switches(settings) as (adapter, minting):
        # Both are waited for: whoever is left behind would find the pool closed.
        of_adapter, of_minting = await asyncio.gather(adapter.halts(), minting.list_open(), return_exceptions=True)
        if isinstance(of_adapter, BaseException):
            raise of_adapter
        if isinstance(of_minting, BaseException):
            raise of_minting
        if not of_adapter and not of_minting:
            raise NotHalted("neither the adapter nor the mint worker is halted; there is nothing to lift")
        lifted = _of_adapter(await adapter.resume(by=by, reason=reason)) if of_adapter else []
        return lifted + _of_minting(await minting.lift(by=by, because=reason))


@asynccontextmanager
async def _switches(settings: Settings) -> AsyncIterator[tuple[Adapter, Halts]]:
    """Yield the two switches; neither need answer."""
    async with (
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
        Database.open(settings.minting_operator_dsn.value, name="cashback chain", connections_max=1) as database,
    ):
        yield adapter, Halts(database)


def _of_adapter(halts: Sequence[AdapterHalt]) -> list[Turned]:
    """Return the adapter's halts."""
    return [
        Turned(
            switch=ADAPTER,
            reason=one.reason,
            detail=one.detail,
            by=one.by.name if one.by.certificate is None else f"{one.by.name} (certificate {one.by.certificate})",
            at=datetime.fromtimestamp(one.at_ms / 1_000, UTC),
        )
        for one in halts
    ]


def _of_minting(halts: Sequence[MintingHalt]) -> list[Turned]:
    """Return minting's halts."""
    return [
        Turned(
            switch=MINTING,
            reason=one.kind.value,
            detail=one.detail if not one.number else f"{one.detail} (number {one.number}, {one.cashback_id})",
            by=one.raised_by or MINTING,
            at=one.raised_at or datetime.fromtimestamp(0, UTC),
        )
        for one in halts
    ]
