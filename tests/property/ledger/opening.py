"""What every life begins with, made once a session and copied: nothing of it is made anew for each example."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

from cashback.purchases.model import Merchant, User
from tests.integration.ledger.world import Dsns, World, migrated, open_world
from tests.property.ledger.reference import Scheme
from tests.property.ledger.stage import CURRENCIES, Stage
from tests.support.servers import Databases

_TEMPLATE = "cashback_whole"


@dataclass
class Opening:
    """Three programmes by their currency, two merchants, and three users, the last of whom has no wallet."""

    schemes: dict[str, Scheme]
    merchants: list[Merchant]
    users: list[User]


class Openings:
    """Gives databases in which everybody is there already."""

    def __init__(self, databases: Databases) -> None:
        """Make nothing yet."""
        self._databases = databases
        self._first: Opening | None = None

    @contextmanager
    def fresh(self) -> Iterator[tuple[Dsns, Opening]]:
        """Give a database of its own and who is in it; both are the caller's to change."""
        template = self._databases.template(_TEMPLATE, self._prepare, of=migrated(self._databases))
        assert self._first is not None, "another maker of openings has prepared this template"
        with self._databases.fresh(template) as dsn:
            yield Dsns(dsn), deepcopy(self._first)

    def _prepare(self, dsn: str) -> None:
        """Have everybody be there."""
        self._first = asyncio.run(_begin(Dsns(dsn)))


async def _begin(dsns: Dsns) -> Opening:
    """Return who is there from the beginning."""
    async with open_world(dsns, connections_max=2) as world:
        return Opening(await _schemes(world), *await _people(world))


async def _schemes(world: World) -> dict[str, Scheme]:
    """Start the programmes, one after the other."""
    stage = Stage(world)
    return {code: await stage.scheme(code) for code in CURRENCIES}


async def _people(world: World) -> tuple[list[Merchant], list[User]]:
    """Return merchants and users."""
    merchants = [await world.merchant() for _ in range(2)]
    return merchants, [await world.user(wallet=wallet) for wallet in ("any", "any", None)]


__all__ = ["Opening", "Openings"]
