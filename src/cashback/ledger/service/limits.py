"""The rules in force and to come against what the minter mints at once: a larger mint would wait for ever.

    start ──told──▶ it fits: served         it is too large: refused, with the remedy
      └──nobody tells──▶ served, and compared as soon as somebody does
                                 └──too large──▶ served, not ready, and said aloud, until it fits again

A limit that is lowered under a running system stops nothing: what fits is minted, and what does not waits in the
adapter, passed over by those behind it, until the limit is raised.
"""

import asyncio
from contextlib import suppress
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.errors import Unavailable
from cashback.kernel.money import TokenUnits
from cashback.kernel.telemetry import logger
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import GrantAboveLimit
from cashback.ledger.rules.largest import check_largest
from cashback.ledger.service.readings import Readings

LOOK_EVERY_S: Final = 30.0
UNKNOWN_LOOK_EVERY_S: Final = 2.0
"""How soon it is asked again while nobody tells."""

log = logger(__name__)


class MintLimit:
    """What the minter mints at once, as the adapter tells it, and whether the rules in force and to come fit."""

    def __init__(self, readings: Readings, adapter: Adapter, *, clock: Clock) -> None:
        """Know nothing yet."""
        self._readings = readings
        self._adapter = adapter
        self._clock = clock
        self._problem: GrantAboveLimit | None = None
        self._is_known = True

    async def told(self) -> TokenUnits | None:
        """Return the most base units that are minted at once, None while nobody tells, which is said aloud once."""
        try:
            limit = await self._adapter.mint_limit()
            problem = "no node tells the minter's limit"
        except Unavailable as failure:
            limit, problem = None, failure.detail
        if limit is None and self._is_known:
            log.warning("mint_limit.missed", problem=problem)
        self._is_known = limit is not None
        return limit

    async def admit(self) -> None:
        """Return unless rules in force or to come are known not to fit; what is not known yet is looked at by `run`.

        Raises:
            GrantAboveLimit: it does not fit; it says what to do.
        """
        await self._look()
        await self.check()

    async def check(self) -> None:
        """Return unless rules in force or to come did not fit when that was looked at last.

        Raises:
            GrantAboveLimit: it did not; it says what to do.
        """
        if self._problem is not None:
            raise GrantAboveLimit(self._problem.detail, **self._problem.fields)

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set, sooner while nobody tells."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S if self._is_known else UNKNOWN_LOOK_EVERY_S):
                    await stop.wait()
            if not stop.is_set():
                await self._look()

    async def _look(self) -> None:
        """Compare, and say what has changed; without an answer the last verdict stands."""
        limit = await self.told()
        if limit is None:
            return
        try:
            problem = await self._compare(limit)
        except Unavailable as failure:
            log.warning("mint_limit.uncompared", problem=failure.detail)
            self._is_known = False
            return
        if problem is not None and (self._problem is None or self._problem.detail != problem.detail):
            log.error("mint_limit.exceeded", code=problem.code, problem=problem.detail)
        if problem is None and self._problem is not None:
            log.info("mint_limit.kept", limit=limit)
        self._problem = problem

    async def _compare(self, limit: TokenUnits) -> GrantAboveLimit | None:
        """Return why rules do not fit, None when all do or there are none.

        Raises:
            DatabaseUnavailable: nobody can tell.
        """
        try:
            for largest in await self._readings.largest_grants(at=self._clock.now()):
                check_largest(largest, limit)
        except GrantAboveLimit as problem:
            return problem
        return None
