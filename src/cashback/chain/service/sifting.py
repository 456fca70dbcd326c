"""Trying calls before they are signed, so that one poison mint holds up no other and gas is never paid for nothing.

packed ──try──▶ all go ───────────────────────────────────────────▶ to be signed
          ├──the world stops one (paused, limit, cap, role) ──────▶ the lane waits, nothing is held
          └──some fail ──halve and try──▶ who fails alone, twice, is held, the rest is packed and tried ──▶ to be signed
                                └──nothing goes, not even alone ──▶ the lane waits for `calls_refused`

Nobody is held unless something went on top of the same block: else the contracts are to blame. While nothing goes, a
few mints from all over the queue are tried beside the calls, so that many poison ones in front hide nobody for long.

Nor is anybody held for one answer. A node that is just taking a block in may try a call on the state behind it with the
clock before it, where the limit's arithmetic fails (Panic 0x11); a moment later it answers as it should.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.model import Address, Call, Waiting
from cashback.chain.rules import isolation, packing
from cashback.chain.rules.fees import Waits
from cashback.chain.rules.isolation import GOES, Group, Search
from cashback.chain.service.tenure import Tenure
from cashback.chain.store import holds, mints
from cashback.kernel.db import Database
from cashback.kernel.telemetry import logger

NUMBERS_LOGGED_MAX: Final = 20
SCOUTS_MAX: Final = 8
"""So many other mints are tried at each look while nothing goes; a search each time would ask hundreds of questions."""

DOUBT_S: Final = 0.5
"""How long a verdict about a mint alone is doubted, longer than a block is taken in; then it is asked for once more."""

HELD: Final = Counter("cashback_chain_mints_held_total", "Mints that failed alone, and were held.", ["reason"])
TRIALS: Final = Counter("cashback_chain_trials_total", "Calls tried before anything was signed.")

log = logger(__name__)


class Sifter:
    """Finds out which calls of one lane would go, while its `tenure` is held."""

    def __init__(self, database: Database, *, contracts: Contracts, signer: Address, tenure: Tenure) -> None:
        """Try calls by `signer`, and hold mints in `database`."""
        self._database = database
        self._contracts = contracts
        self._signer = signer
        self._tenure = tenure
        self._is_scouting = False
        self._scouted_to = 0

    async def sift(self, calls: Sequence[Call], waiting: Sequence[Waiting], *, block: int) -> list[Call] | Waits:
        """Return those of `calls`, which carry mints of `waiting`, that go on top of `block`; what fails alone is held.

        A call that fails is replaced by one without what is poison in it. No more are returned than were given; none
        when all that they carry is poison.

        Raises:
            ChainUnavailable: no quorum of endpoints says what they would do; nothing was held.
            LeaseLost: nothing was held.
        """
        groups = _groups(calls, waiting)
        scouts = await self._scouts() if self._is_scouting else []
        reasons = await self._reasons([*calls, *[packing.carrying([mint]) for mint in scouts]], block)
        # What stops a scout, such as the limit for a large one, stops none of the calls.
        if waits := isolation.passing(reasons[: len(calls)]):
            return waits
        if all(reason == GOES for reason in reasons[: len(calls)]):
            self._is_scouting = False
            return list(calls)
        if self._is_scouting and GOES not in reasons:
            return Waits(isolation.CALLS_REFUSED)
        going = [mint for mint, reason in zip(scouts, reasons[len(calls) :], strict=True) if reason == GOES]
        if going:
            # The same one shows next time that the contracts are well, until it is in a call of its own.
            self._scouted_to = going[0].number - 1
        begun = isolation.step(Search(groups=groups), reasons[: len(calls)])
        found = await self._isolated(begun, waiting, is_shown=bool(going), block=block)
        if isinstance(found, Waits):
            return found
        self._is_scouting = not found.going
        if not found.going and not going:
            return Waits(isolation.CALLS_REFUSED)
        await self._hold(found.poison)
        whole = [call for call, group in zip(calls, groups, strict=True) if group in found.going]
        parts = [isolation.parts(group, found) for group in groups if group not in found.going]
        return [*whole, *await self._joined([some for some in parts if some], block)][: len(calls)]

    async def _isolated(
        self, search: Search, waiting: Sequence[Waiting], *, is_shown: bool, block: int
    ) -> Search | Waits:
        """Return the search when it is over; where anything goes, as `is_shown` or found, each verdict was doubted."""
        found = await self._searched(search, block)
        if isinstance(found, Waits) or not found.poison or not (found.going or is_shown):
            return found
        await asyncio.sleep(DOUBT_S)
        return await self._searched(isolation.again(found, waiting), block)

    async def _searched(self, search: Search, block: int) -> Search | Waits:
        """Return the search when it is over, or what the lane waits for."""
        while not search.is_over:
            reasons = await self._reasons([packing.carrying(group) for group in search.groups], block)
            if waits := isolation.passing(reasons):
                return waits
            search = isolation.step(search, reasons)
        return search

    async def _reasons(self, calls: Sequence[Call], block: int) -> list[str]:
        """Return why each call would do nothing, `GOES` for those that go."""
        TRIALS.inc(len(calls))
        trials = await self._contracts.tried(calls, sender=self._signer, block=block)
        return [isolation.reason(trial) for trial in trials]

    async def _joined(self, parts: Sequence[Sequence[Group]], block: int) -> list[Call]:
        """Return one call for the parts of each call that failed, or one for each part where they go only apart."""
        joined = [packing.carrying([mint for part in some for mint in part]) for some in parts]
        reasons = await self._reasons(joined, block) if joined else []
        return [
            one
            for some, call, reason in zip(parts, joined, reasons, strict=True)
            for one in ([call] if reason == GOES else [packing.carrying(part) for part in some])
        ]

    async def _scouts(self) -> list[Waiting]:
        """Return some waiting mints, whoever is about to take them, and others each time until all had their turn."""
        async with self._database.transaction() as tx:
            found = await mints.waiting_after(tx, self._scouted_to, limit=SCOUTS_MAX)
        self._scouted_to = found[-1].number if found else 0
        return found

    async def _hold(self, poison: Sequence[tuple[int, str]]) -> None:
        """Hold what failed alone, and say so; no lane takes it again until a person lets it go."""
        reasons = sorted({reason for _, reason in poison})
        async with self._database.transaction() as tx:
            await self._tenure.fence(tx)
            held = {
                reason: await holds.hold(tx, [number for number, why in poison if why == reason], reason)
                for reason in reasons
            }
        for reason, numbers in held.items():
            HELD.labels(reason).inc(len(numbers))
            log.critical("mint.held", reason=reason, count=len(numbers), numbers=sorted(numbers)[:NUMBERS_LOGGED_MAX])


def _groups(calls: Sequence[Call], waiting: Sequence[Waiting]) -> tuple[Group, ...]:
    """Return the mints that each call carries."""
    known = {mint.number: mint for mint in waiting}
    return tuple(tuple(known[number] for number in call.numbers) for call in calls)
