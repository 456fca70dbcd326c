"""Minting's side as an operator sees it: whether it is halted by itself, and how many mints wait for a person."""

from typing import Final

import msgspec

from cashback.chain.rules.attention import mended_by
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.minting import Halt, Halts, Readings

TOLD_WITHIN_MS: Final = 10_000
"""A mint worker tells the adapter its highest number every second; one that has not for so long is not at work."""


class MintingStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The open halts of minting's own switch, oldest first, and how many mints are stuck, counted up to 1,000."""

    halts: list[Halt]
    stuck: int


async def look(dsn: Secret, *, name: str) -> MintingStanding:
    """Return how minting stands, by an auditor's role; `name` tells the server who asks.

    Raises:
        DatabaseUnavailable: its database did not answer.
    """
    async with Database.open(dsn.value, name=name, connections_max=1) as database:
        return MintingStanding(halts=await Halts(database).list_open(), stuck=await Readings(database).stuck())


def concerns(standing: MintingStanding) -> list[str]:
    """Return what of it needs a person, one sentence each; empty when nothing does."""
    found = [
        f"the mint worker is halted by {one.raised_by or f'itself: {one.kind.value}'}: {one.detail};"
        f" {mended_by(one.kind.value)}"
        for one in standing.halts
    ]
    if standing.stuck:
        found.append(f"{standing.stuck:,} stuck; `cashback mint list --state stuck` names them")
    return found


def silence(told_ms_ago: int | None) -> str | None:
    """Return what is wrong when no mint worker has told the adapter anything lately, None when one has.

    >>> silence(900)
    >>> silence(12_345)
    'no mint worker has told the adapter anything for 12 s; is one running?'
    """
    if told_ms_ago is None:
        return "no mint worker has ever told the adapter anything; is one running?"
    if told_ms_ago > TOLD_WITHIN_MS:
        return f"no mint worker has told the adapter anything for {told_ms_ago // 1_000:,} s; is one running?"
    return None
