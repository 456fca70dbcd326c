"""`cashback ledger statement | balance | trial-balance`: what the books say, read by the auditor's role."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import msgspec

from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger import BalanceAt, Statement, Statements
from cashback.ledger.model.statements import StatementTooLong
from cashback.ledger.model.trial import TrialBalance
from cashback.ledger.service import trial_balance
from cashback.ledger.service.readings import WHOLE_LEDGER_S_MAX
from cashback.ledger.service.statements import CSV_LINES_MAX, PAGE_MAX
from cashback.purchases.service.people import People
from cashback.purchases.service.statements import UserStatements


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books are; the role may only read."""

    ledger_audit_dsn: Dsn


async def whole(settings: Settings, user_id: str, since: datetime, until: datetime) -> Statement:
    """Return all pages of a statement as one.

    Raises:
        UserUnknown: there is no such user.
        PeriodInvalid: the period ends before it begins.
        StatementTooLong: one document does not hold it.
        Unavailable: the database did not answer.
    """
    async with _open(settings) as database:
        told = await _known(database).page(user_id, since=since, until=until, cursor=None, limit=PAGE_MAX)
        while told.next_cursor is not None:
            page = await Statements(database).page(user_id, since=since, until=until, cursor=told.next_cursor)
            told = msgspec.structs.replace(
                page, money_lines=told.money_lines + page.money_lines, token_lines=told.token_lines + page.token_lines
            )
            if len(told.money_lines) + len(told.token_lines) > CSV_LINES_MAX:
                raise StatementTooLong(f"a statement has at most {CSV_LINES_MAX} lines", parameter="to")
    return told


async def print_csv(
    settings: Settings, user_id: str, since: datetime, until: datetime, *, write: Callable[[str], None]
) -> None:
    """Write a statement as CSV, a piece at a time.

    Raises:
        UserUnknown, PeriodInvalid, StatementTooLong, Unavailable: as `whole`.
    """
    async with _open(settings) as database:
        async for piece in await _known(database).csv(user_id, since=since, until=until):
            write(piece)


async def balance_at(
    settings: Settings, user_id: str, *, known_at: datetime | None, effective_at: datetime | None
) -> BalanceAt:
    """Return what a user had at an instant, by one of the two times.

    Raises:
        UserUnknown: there is no such user.
        PeriodInvalid: neither was asked for, or both.
        Unavailable: the database did not answer.
    """
    async with _open(settings) as database:
        return await _known(database).balance_at(user_id, known_at=known_at, effective_at=effective_at)


async def trial_balance_of(settings: Settings, *, at: datetime | None) -> TrialBalance:
    """Return the trial balance, as it stands or as known at an instant, however long that takes within an hour.

    Raises:
        Unavailable: the database did not answer.
    """
    async with _open(settings) as database:
        return await trial_balance(database, at=at, within_s=WHOLE_LEDGER_S_MAX)


def _open(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """Return the way to the books."""
    return Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1)


def _known(database: Database) -> UserStatements:
    """Return what tells of users that there are, and refuses others as the API does."""
    return UserStatements(People(database, clock=business_clock()), Statements(database))
