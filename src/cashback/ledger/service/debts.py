"""What users owe: shown with what became of it, and given up by age or by a person.

Debt is read from the books, where each refund after a request has raised it. What is paid, kept back or given up is
always the oldest, so the age of what is open is known without a table of its own.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.money import INT63_MAX, TOKEN_SYMBOL, Amount, TokenUnits
from cashback.kernel.page import number_of
from cashback.kernel.telemetry import logger
from cashback.ledger.model import WRITE_OFF_BY_AGE, DebtFigures, NothingOwed, OpenDebt, WriteOff, never_in_debt
from cashback.ledger.rules import debt_of, due, oldest, written_off, written_off_of
from cashback.ledger.service.posting import hold, post
from cashback.ledger.store import debts as store
from cashback.ledger.store import reversals

ACTOR: Final = "ledger"
USERS_MAX: Final = 100
PARTS_MAX: Final = 100
WRITTEN_OFF: Final = Counter("cashback_ledger_written_off_units_total", "Debt that was given up because of its age.")

log = logger(__name__)


class DebtStory(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked back of a user or of all users of a programme, in base units of the token.

    `requested` is all that was ever asked back; `collected` was kept from later cashback; `uncollected` is the rest, of
    which `written_off` was given up and `open` is still owed.
    """

    id: str
    token: str
    requested: Amount
    collected: Amount
    uncollected: Amount
    written_off: Amount
    open: Amount


class OpenStory(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what a user owes: since when, and of which programme."""

    programme_id: str
    token_units: Amount
    since: datetime


class UserDebtStory(msgspec.Struct, frozen=True, kw_only=True):
    """What a user was asked back, and the oldest hundred parts of what is open."""

    figures: DebtStory
    open: list[OpenStory]


class DebtorStory(msgspec.Struct, frozen=True, kw_only=True):
    """A user in debt: how much is owed, and since when."""

    user_id: str
    token_units: Amount
    since: datetime


class WriteOffStory(msgspec.Struct, frozen=True, kw_only=True):
    """A debt that was given up: of which programme, how much, by whom and why; the ledger itself does so by age."""

    number: Amount
    user_id: str
    programme_id: str
    token_units: Amount
    person: str
    reason: str
    at: datetime


class Debts:
    """Tells who owes what."""

    def __init__(self, database: Database) -> None:
        """Read from the ledger's database."""
        self._database = database

    async def debtors(self, *, after: str | None, limit: int) -> list[DebtorStory]:
        """Return users in debt in order of their ids, from the one after `after` on."""
        async with self._database.transaction() as tx:
            found = await store.page(tx, after_user=after or "", limit=limit)
        return [DebtorStory(user_id=user, token_units=str(units), since=since) for user, units, since in found]

    async def of_user(self, user_id: str) -> UserDebtStory:
        """Return what a user was asked back and still owes.

        Raises:
            DebtUnknown: nothing ever was.
        """
        async with self._database.transaction() as tx:
            figures = await store.figures_of_user(tx, user_id)
            parts = await store.open_debts(tx, [user_id], limit=PARTS_MAX)
        if figures.requested == 0:
            raise never_in_debt()
        return UserDebtStory(figures=_told(figures), open=[_part(part) for part in parts])

    async def write_offs(
        self, user_id: str, *, after: str | None, limit: int
    ) -> tuple[list[WriteOffStory], str | None]:
        """Return a page of what was given up of a user's debt, the last first, and the place of the next one.

        Raises:
            DebtUnknown: nothing was ever asked back.
            CursorInvalid: `after` is no place of ours.
        """
        below = number_of(after, first=INT63_MAX)
        async with self._database.transaction() as tx:
            if (await store.figures_of_user(tx, user_id)).requested == 0:
                raise never_in_debt()
            found = await store.write_offs(tx, user_id, numbers_below=below, limit=limit + 1)
        kept = [_given_up(*one) for one in found[:limit]]
        return kept, kept[-1].number if len(found) > limit else None

    async def of_programmes(self, *, after: str | None, limit: int) -> tuple[list[DebtStory], str | None]:
        """Return a page of what each programme asked back, the newest first, and the place of the next one."""
        async with self._database.transaction() as tx:
            found = await store.figures_of_programmes(tx, before=after, limit=limit + 1)
        kept = [_told(figures) for figures in found[:limit]]
        return kept, kept[-1].id if len(found) > limit else None


async def write_off(
    tx: Tx, user_id: str, *, most: TokenUnits | None, person: str, reason: str, now: datetime
) -> TokenUnits:
    """Give up what a user owes, the oldest first and at most so much, and return how much that is.

    Raises:
        DebtUnknown: nothing was ever asked back; roll `tx` back.
        NothingOwed: nothing is open; roll `tx` back.
    """
    programmes = await store.limits(tx)
    await hold(tx, sorted({debt_of(user_id), *map(written_off_of, programmes)}))
    parts = await store.open_debts(tx, [user_id])
    given_up = parts if most is None else oldest(parts, most)
    if not given_up:
        if (await store.figures_of_user(tx, user_id)).requested == 0:
            raise never_in_debt()
        raise NothingOwed("this user owes nothing", user_id=user_id)
    await _give_up(tx, given_up, person=person, reason=reason, now=now)
    return TokenUnits(sum(part.token_units for part in given_up))


class WriteOffs:
    """Gives up debts that are as old as their programmes let them become; any number may run at the same time."""

    def __init__(self, database: Database, *, clock: Clock, every_s: float = 60.0) -> None:
        """Give up nothing yet; look every so many seconds."""
        self._database = database
        self._clock = clock
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Go over everybody in debt every so often until `stop` is set; a database that is down is tried again.

        Raises:
            Broken: one of our invariants does not hold.
        """
        while not stop.is_set():
            try:
                await self.round()
            except Unavailable as error:
                log.warning("write_offs.postponed", code=error.code, detail=error.detail)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every_s)

    async def round(self) -> TokenUnits:
        """Give up everything that is due by now, so many users at a time, and return how much that was.

        Raises:
            Unavailable: the database failed; what the round had given up so far stays.
        """
        account, total = 0, 0
        while True:
            async with self._database.transaction() as tx:
                limits = await store.limits(tx)
                found = await store.owing_after(tx, account, limit=USERS_MAX) if any(limits.values()) else []
                if found:
                    total += await self._give_up_due(tx, [user for _, user in found], limits)
            if len(found) < USERS_MAX:
                break
            account = found[-1][0]
        if total:
            WRITTEN_OFF.inc(total)
            log.info("debts.written_off", token_units=total)
        return TokenUnits(total)

    async def _give_up_due(self, tx: Tx, users: Sequence[str], limits: dict[str, int | None]) -> int:
        """Give up what is due of these users, and return how much."""
        now = self._clock.now()
        await hold(tx, sorted({*map(debt_of, users), *map(written_off_of, limits)}))
        # Read once they are locked: what another worker has given up, or a request kept, is no longer open.
        given_up = due(await store.open_debts(tx, users), limits, now=now)
        if given_up:
            await _give_up(tx, given_up, person=ACTOR, reason=WRITE_OFF_BY_AGE, now=now)
        return sum(part.token_units for part in given_up)


async def _give_up(tx: Tx, parts: Sequence[OpenDebt], *, person: str, reason: str, now: datetime) -> None:
    """Write parts of open debts off, and keep who did so and why."""
    units: dict[tuple[str, str], int] = {}
    for part in parts:
        owner = part.user_id, part.programme_id
        units[owner] = units.get(owner, 0) + part.token_units
    write_offs = [
        WriteOff(user_id=user, programme_id=programme, token_units=TokenUnits(sum_), person=person, reason=reason)
        for (user, programme), sum_ in units.items()
    ]
    await reversals.insert_write_offs(tx, write_offs, at=now)
    await post(tx, [written_off(one.user_id, one.programme_id, one.token_units) for one in write_offs], at=now)


def _given_up(number: int, write_off: WriteOff, at: datetime) -> WriteOffStory:
    """Return what was given up in the words that leave the house."""
    return WriteOffStory(
        number=str(number),
        user_id=write_off.user_id,
        programme_id=write_off.programme_id,
        token_units=str(write_off.token_units),
        person=write_off.person,
        reason=write_off.reason,
        at=at,
    )


def _told(figures: DebtFigures) -> DebtStory:
    """Return figures in the words that leave the house."""
    return DebtStory(
        id=figures.id,
        token=TOKEN_SYMBOL,
        requested=str(figures.requested),
        collected=str(figures.collected),
        uncollected=str(figures.written_off + figures.open),
        written_off=str(figures.written_off),
        open=str(figures.open),
    )


def _part(part: OpenDebt) -> OpenStory:
    """Return a part of a debt in the words that leave the house."""
    return OpenStory(programme_id=part.programme_id, token_units=str(part.token_units), since=part.raised_at)
