"""Statements and balances of the past: what a user had, when, and why."""

from array import array
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.instants import is_in_range
from cashback.kernel.listing import bound, place_within
from cashback.kernel.money import TOKEN_SYMBOL
from cashback.kernel.page import CursorInvalid, cursor_of
from cashback.ledger.model.statements import (
    BalanceAt,
    Basis,
    CurrencyAt,
    Held,
    Holding,
    Movement,
    PeriodInvalid,
    Statement,
    StatementTooLong,
    Totals,
)
from cashback.ledger.rules.statements import (
    check_instant,
    check_period,
    csv_balances,
    csv_header,
    csv_lines,
    end_of_line,
    exponent_of,
    figure_of,
    first_of_last,
    lines_of,
)
from cashback.ledger.store import places
from cashback.ledger.store import statements as store

PAGE_MAX: Final = 200
CSV_LINES_MAX: Final = 100_000
"""Most lines of one CSV; their positions, and a page of them, are in memory at a time."""

CSV_PAGE: Final = 1_000
TRANSFERS_MAX: Final = 100
"""By so many transfers a page is longer than asked, so as not to cut its last line; one that is longer yet is cut."""


class Statements:
    """Tells what moved for a user; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def page(
        self, user_id: str, *, since: datetime, until: datetime, cursor: str | None = None, limit: int = PAGE_MAX
    ) -> Statement:
        """Return a page of what was written down in a period, and the balances at both of its ends.

        Raises:
            PeriodInvalid: it ends before it begins.
            CursorInvalid: the cursor is none of this user's statement of this period.
        """
        check_period(since, until)
        terms = _terms(user_id, since=since, until=until)
        after, most = _place(place_within(cursor, terms)), min(limit, PAGE_MAX)
        start = (since, 0) if after is None else max((since, 0), after)
        async with self._database.transaction() as tx:
            await store.see_one_moment(tx)
            opening = await store.held(tx, user_id, (since, 0))
            closing = await store.held(tx, user_id, (until, 0))
            before = await store.held(tx, user_id, (start[0], start[1] + 1))
            found = await places.behind(tx, user_id, after=start, until=until, limit=most + TRANSFERS_MAX)
            positions = [position for _, position in found]
            rows = await store.movements(tx, user_id, positions, balances=_balances(before))
        totals, end = _totals(opening, closing), end_of_line(rows, min(most, len(rows)))
        # Of what is found to the limit nobody knows whether it is all.
        is_last = end == len(rows) < most + TRANSFERS_MAX
        lines = lines_of(rows[:end])
        place = bound(None if is_last else f"{rows[end - 1].at.isoformat()} {rows[end - 1].position}", terms)
        return Statement(
            user_id=user_id,
            since=since.astimezone(UTC),
            until=until.astimezone(UTC),
            is_before_first=not any(each.has_moved for each in closing.values()),
            money=[figure_of(each) for each in totals if each.currency != TOKEN_SYMBOL],
            tokens=[figure_of(each) for each in totals if each.currency == TOKEN_SYMBOL],
            money_lines=[line for line in lines if line.currency != TOKEN_SYMBOL],
            token_lines=[line for line in lines if line.currency == TOKEN_SYMBOL],
            next_cursor=None if place is None else cursor_of(place),
        )

    async def csv(self, user_id: str, *, since: datetime, until: datetime) -> AsyncIterator[str]:
        """Return the whole statement as CSV, a piece at a time: opening balances, every line, closing balances.

        Raises:
            PeriodInvalid: the period ends before it begins.
            StatementTooLong: there are more than `CSV_LINES_MAX` lines; nothing was told yet.
        """
        check_period(since, until)
        async with self._database.transaction() as tx:
            await store.see_one_moment(tx)
            opening = await store.held(tx, user_id, (since, 0))
            closing = await store.held(tx, user_id, (until, 0))
            found = await places.behind(tx, user_id, after=(since, 0), until=until, limit=CSV_LINES_MAX + 1)
        if len(found) > CSV_LINES_MAX:
            raise StatementTooLong(f"a statement has at most {CSV_LINES_MAX} lines", parameter="to")
        positions = array("q", [position for _, position in found])
        return self._csv(user_id, _totals(opening, closing), positions, since=since, until=until)

    async def balance_at(
        self, user_id: str, *, known_at: datetime | None = None, effective_at: datetime | None = None
    ) -> BalanceAt:
        """Return a user's balances as known at an instant, or as effective at one: by exactly one of the two times.

        Raises:
            PeriodInvalid: neither was asked for, or both.
        """
        at = known_at or effective_at
        if at is None or (known_at and effective_at):
            raise PeriodInvalid("ask by one of known_at and effective_at", parameter="known_at")
        basis: Basis = "known" if known_at else "effective"
        check_instant(at, parameter=f"{basis}_at")
        async with self._database.transaction() as tx:
            rows = await store.holdings(tx, user_id, at=at, basis=basis)
        first_at = min((first for *_, first in rows), default=None)
        currencies = [
            CurrencyAt(
                currency=currency,
                exponent=exponent_of(currency),
                total=str(sum(row[2] for row in accounts)),
                accounts=[Holding(account=row[1], amount=str(row[2])) for row in accounts],
            )
            for currency, found in groupby(rows, key=lambda row: row[0])
            if (accounts := list(found))
        ]
        return BalanceAt(
            user_id=user_id,
            basis=basis,
            at=at.astimezone(UTC),
            is_before_first=first_at is None or at < first_at,
            first_at=first_at,
            money=[each for each in currencies if each.currency != TOKEN_SYMBOL],
            tokens=[each for each in currencies if each.currency == TOKEN_SYMBOL],
        )

    async def _csv(
        self, user_id: str, totals: list[Totals], positions: "array[int]", *, since: datetime, until: datetime
    ) -> AsyncIterator[str]:
        """Yield a statement of what moved at some positions, a page of lines at a time."""
        figures = [figure_of(each) for each in totals]
        yield csv_header() + csv_balances(figures, row="opening", at=since)
        balances = {each.currency: each.opening for each in totals}
        begun: list[Movement] = []
        for first in range(0, len(positions), CSV_PAGE):
            async with self._database.transaction() as tx:
                rows = await store.movements(tx, user_id, positions[first : first + CSV_PAGE], balances=balances)
            balances |= {row.currency: row.balance for row in rows}
            rows = begun + rows
            # The last line may go on in the next piece.
            end = first_of_last(rows) if first + CSV_PAGE < len(positions) else len(rows)
            begun = rows[end:]
            yield csv_lines(lines_of(rows[:end]))
        yield csv_balances(figures, row="closing", at=until)


def _balances(held: Mapping[str, Held]) -> dict[str, int]:
    """Return what was held in each currency."""
    return {currency: each.balance for currency, each in held.items()}


def _totals(opening: Mapping[str, Held], closing: Mapping[str, Held]) -> list[Totals]:
    """Return each currency's balances at both ends of a period, in the order of their codes."""
    return [
        Totals(currency=currency, opening=opening[currency].balance, closing=each.balance)
        for currency, each in closing.items()
    ]


def _terms(user_id: str, *, since: datetime, until: datetime) -> dict[str, object]:
    """Return what the cursors of a statement go with: whose it is, and of which period, whatever the offsets."""
    return {"list": "statement", "user_id": user_id, "since": since.astimezone(UTC), "until": until.astimezone(UTC)}


def _place(place: str | None) -> tuple[datetime, int] | None:
    """Return the instant and the position that a page starts behind.

    Raises:
        CursorInvalid: the text is no place of ours.
    """
    if place is None:
        return None
    instant, _, position = place.partition(" ")
    try:
        at = datetime.fromisoformat(instant)
    except ValueError as cause:
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor") from cause
    if not is_in_range(at) or not (position.isascii() and position.isdigit() and len(position) <= 18):  # noqa: PLR2004  # below 2^63
        raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
    return at, int(position)
