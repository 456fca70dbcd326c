"""A statement of a long history: told as if all of it had been read, by reading what is near."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import psycopg
import pytest

from cashback.kernel.db import Database, Tx
from cashback.ledger.service import Statements
from cashback.ledger.service import statements as service
from tests.integration.ledger.world import START, World

ROUNDS: Final = 1_500
USER, OTHER = "usr_long", "usr_other"
MINUTE: Final = timedelta(minutes=1)
EVERY: Final = 5 * MINUTE
OUT_OF_ORDER: Final = (0 * MINUTE, 25 * MINUTE, -20 * MINUTE, 3 * MINUTE, -1 * MINUTE)
ALWAYS: Final = (START - timedelta(days=9), START + timedelta(days=99))
NARROW: Final = (START + 1_000 * MINUTE, START + 1_360 * MINUTE)
PERIODS: Final = {
    "always": ALWAYS,
    "six hours": NARROW,
    "a minute": (START + 1_111 * MINUTE, START + 1_112 * MINUTE),
    "before": (START - timedelta(days=9), START - timedelta(days=8)),
    "after": (START + timedelta(days=98), START + timedelta(days=99)),
    "the first hour": (START - timedelta(days=9), START + 60 * MINUTE),
}
STEPS: Final = (
    ("accrual", ("cmp_x", "budget", "USD"), ("", "approved", "USD")),
    ("conversion", ("", "approved", "USD"), ("prg_x", "fx", "USD")),
    ("request", ("prg_x", "fx", "CBK"), ("", "in_flight", "CBK")),
    ("mint", ("", "in_flight", "CBK"), ("", "minted", "CBK")),
)


class Row(NamedTuple):
    """What the books have of the user, and by how much it changed what they hold."""

    at: datetime
    position: int
    currency: str
    change: int


class Counted(Database):
    """A database that counts how many rows of the transfers its transactions read."""

    def __init__(self, database: Database) -> None:
        """Have read nothing."""
        self._counted = database
        self.rows = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a transaction of the database, and count at its end."""
        async with self._counted.transaction() as tx:
            yield tx
            cursor = await tx.execute(
                "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'transfers'"
            )
            [(rows,)] = await cursor.fetchall()
            self.rows += rows
            # What is not flushed with this transaction would be counted with the next one again.
            await tx.execute("select pg_stat_force_next_flush()")


def moved() -> list[tuple[tuple[str, str, str], tuple[str, str, str], int, str, datetime]]:
    """Return from where to where how much moved, why and when: four times in five minutes for each of two users.

    They are dated up to three quarters of an hour out of the order in which they are written.
    """
    found = []
    for nth in range(ROUNDS):
        for owner in (USER, OTHER):
            for step, (cause, debit, credit) in enumerate(STEPS):
                at = START + nth * EVERY + OUT_OF_ORDER[(4 * nth + step) % len(OUT_OF_ORDER)]
                found.append((_of(owner, debit), _of(owner, credit), 1 + (nth + step // 2) % 7, cause, at))
    return found


def _of(user: str, account: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return an account of `STEPS`, which is the user's where it has no owner."""
    owner, kind, currency = account
    return owner or user, kind, currency


async def lived_long(world: World) -> list[Row]:
    """Write what moved; return what the history of `USER` says, in the order of a statement."""
    transfers = moved()
    accounts = {account for debit, credit, *_ in transfers for account in (debit, credit)}
    numbers = {account: number for number, account in enumerate(sorted(accounts), 1)}
    balances = dict.fromkeys(accounts, 10**9)
    history = []
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection, connection.cursor() as cursor:
        async with cursor.copy("copy ledger.accounts (id, owner, kind, currency, balance) from stdin") as copy:
            for account, number in numbers.items():
                await copy.write_row((number, *account, 0))
        columns = (
            "position, debit_account, credit_account, currency, amount, debit_balance_after, credit_balance_after,"
            " cause, at, cashback_id"
        )
        balances = dict.fromkeys(accounts, 0)
        async with cursor.copy(f"copy ledger.transfers ({columns}) from stdin") as copy:
            for position, (debit, credit, amount, cause, at) in enumerate(transfers, 1):
                balances[debit] -= amount
                balances[credit] += amount
                after = (balances[debit], balances[credit])
                row = (position, numbers[debit], numbers[credit], debit[2], amount, *after, cause, at, f"cb_{position}")
                await copy.write_row(row)
                change = amount * ((credit[0] == USER) - (debit[0] == USER))
                if USER in (debit[0], credit[0]):
                    history.append(Row(at, position, debit[2], change))
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("vacuum analyze ledger.transfers")
    return sorted(history)


def told_of(history: list[Row], since: datetime, until: datetime) -> list[tuple[str, str, str]]:
    """Return position, change and balance of each line of a period, by reading the whole history."""
    balances: dict[str, int] = {}
    lines = []
    for row in history:
        balances[row.currency] = balances.get(row.currency, 0) + row.change
        if since <= row.at < until:
            lines.append((str(row.position), str(row.change), str(balances[row.currency])))
    return lines


def held_of(history: list[Row], at: datetime) -> dict[str, str]:
    """Return what the user held before an instant, by reading the whole history."""
    held = {row.currency: 0 for row in history}
    for row in history:
        held[row.currency] += row.change if row.at < at else 0
    return {currency: str(amount) for currency, amount in held.items()}


async def test_the_history_is_out_of_order(world: World) -> None:
    """So that what these tests show is shown of such a history, and its balances by position are those of the books."""
    history = await lived_long(world)
    assert [row.position for row in history] != sorted(row.position for row in history)
    assert held_of(history, ALWAYS[1]) == {
        currency: str(balance)
        for currency, balance in await world.rows(
            "select currency, sum(credit_balance_after) from (select distinct on (credit_account) transfer.currency,"
            " credit_balance_after from ledger.transfers as transfer join ledger.accounts as account"
            " on account.id = credit_account where kind = 'minted' and owner = 'usr_long'"
            " order by credit_account, position desc) as last group by currency"
        )
    } | {"USD": "0"}


@pytest.mark.parametrize("period", list(PERIODS))
async def test_a_period_is_told_as_from_the_whole_history(world: World, period: str) -> None:
    """Both ends, each line and the balance after it, page by page and as CSV: whatever the order of the writing."""
    history = await lived_long(world)
    since, until = PERIODS[period]
    statements = Statements(world.auditor)
    lines: list[tuple[str, str, str]] = []
    cursor: str | None = None
    while True:
        page = await statements.page(USER, since=since, until=until, cursor=cursor, limit=200)
        figures = [*page.money, *page.tokens]
        assert {each.currency: each.opening for each in figures} == held_of(history, since)
        assert {each.currency: each.closing for each in figures} == held_of(history, until)
        assert page.is_before_first == (history[0].at >= until)
        both = sorted((*page.money_lines, *page.token_lines), key=lambda line: (line.at, int(line.position)))
        lines += [(line.position, line.change, line.balance) for line in both]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert lines == told_of(history, since, until)
    text = "".join([piece async for piece in await statements.csv(USER, since=since, until=until)])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["position"], row["change"], row["balance"]) for row in rows if row["row"] == "line"] == lines
    for kind, at in (("opening", since), ("closing", until)):
        assert {row["currency"]: row["balance"] for row in rows if row["row"] == kind} == held_of(history, at)


async def test_a_page_reads_what_is_near_it(world: World) -> None:
    """Of a short period, and of any page of a long one, and not the history before or after."""
    history = await lived_long(world)
    counted = Counted(world.auditor)
    cursor = None
    for _ in range(5):
        page = await Statements(counted).page(USER, since=ALWAYS[0], until=ALWAYS[1], cursor=cursor, limit=50)
        assert len(page.money_lines) + len(page.token_lines) == 50
        cursor = page.next_cursor
    assert 0 < counted.rows < 5 * len(history) / 2, counted.rows
    counted.rows = 0
    page = await Statements(counted).page(USER, since=NARROW[0], until=NARROW[1], limit=50)
    assert len(page.money_lines) + len(page.token_lines) == 50
    assert 0 < counted.rows < len(history) / 2, counted.rows


async def test_a_csv_reads_each_line_as_often_whatever_their_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred and twenty pieces of it read no more than a few times as many rows as it has lines."""
    history = await lived_long(world)
    monkeypatch.setattr(service, "CSV_PAGE", 50)
    counted = Counted(world.auditor)
    text = "".join([piece async for piece in await Statements(counted).csv(USER, since=ALWAYS[0], until=ALWAYS[1])])
    assert text.count("\r\nline,") == len(history) == 4 * ROUNDS
    assert len(history) < counted.rows < 8 * len(history), counted.rows
