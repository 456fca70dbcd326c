"""The largest grant of programmes, read a bounded number of versions at a time."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, to_token
from cashback.ledger.model import LargestGrant
from cashback.ledger.rules.largest import largest_grant
from cashback.ledger.store import ceilings

VERSIONS_MAX: Final = 100
"""So many versions of rules are held at a time, each at most as large as a ruleset may be."""


async def grants(tx: Tx, *, at: datetime, programme_id: str | None = None) -> AsyncIterator[tuple[str, LargestGrant]]:
    """Yield the largest grant by each version in force at an instant or later, with the id of its programme."""
    after, is_full = ("", 0), True
    while is_full:
        found = await ceilings.versions(tx, at=at, programme_id=programme_id, after=after, limit=VERSIONS_MAX)
        payable = await ceilings.payable(tx, sorted({each.programme_id for each in found}))
        for each in found:
            yield each.programme_id, _of(each, payable.get(each.programme_id, {}))
            after = (each.programme_id, each.version)
        is_full = len(found) == VERSIONS_MAX


async def largest(tx: Tx, *, at: datetime, programme_id: str | None = None) -> dict[str, LargestGrant]:
    """Return by programme the largest grant of the version that earns most, in force at an instant or later."""
    found: dict[str, LargestGrant] = {}
    async for name, grant in grants(tx, at=at, programme_id=programme_id):
        if name not in found or grant.units > found[name].units:
            found[name] = grant
    return found


def _of(version: ceilings.Ruled, payable: Mapping[str, Minor]) -> LargestGrant:
    """Return the largest grant by one version, out of what each campaign pays."""
    most = largest_grant(version.rules, payable)
    units = to_token(most, exponent=version.currency.exponent, rate=version.token_rate)
    return LargestGrant(programme=version.programme, version=version.version, units=units)
