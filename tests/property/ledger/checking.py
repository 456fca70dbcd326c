"""Rows, accounts and counters held against what must be, and the house's own audits at the end of a run."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from cashback.kernel.money import TOKEN_SYMBOL
from cashback.ledger.model import TRANSITIONS
from cashback.ledger.service import Checker, Recomputer, trial_balance
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.world import World
from tests.property.ledger.reference import REQUESTED, Scheme
from tests.property.ledger.reference_book import Book

_ACCOUNT_OF = {
    "pending": "pending",
    "review": "pending",
    "approved": "approved",
    "mint_requested": "in_flight",
    "stuck": "stuck",
    "minted": "minted",
    "reversed": "minted",
}


class Sight:
    """One connection of the superuser that looks on, since everything is looked at after each step."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        cursor = await self._connection.execute(statement.encode(), parameters)
        return list(await cursor.fetchall())

    async def one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401  # whatever is asked for
        """Return the only value that a statement finds."""
        return (await self.rows(statement, *parameters))[0][0]


@asynccontextmanager
async def sight(dsn: str) -> AsyncIterator[Sight]:
    """Give a connection that looks on."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield Sight(connection)


async def number_of(seen: Sight, cashback_id: str) -> int:
    """Return the mint number that a cashback has."""
    return int(await seen.one("select mint_number from ledger.cashback_ledger where id = %s", cashback_id))


async def edges(seen: Sight) -> Counter[tuple[str, str]]:
    """Return how often each step was taken; the first state of a cashback follows `start`."""
    return Counter(
        {
            (before or "start", after): count
            for before, after, count in await seen.rows(
                "select from_state, to_state, count(*) from ledger.cashback_transitions group by 1, 2"
            )
        }
    )


async def check(seen: Sight, book: Book, schemes: list[Scheme]) -> None:
    """Assert that all that is stored is what the reference says (I1)."""
    await _check_rows(seen, book)
    await _check_accounts(seen, book, schemes)
    await _check_limits(seen, book, schemes)
    await _check_lines(seen, book)
    await _check_history(seen)


async def audit(world: World) -> None:
    """Assert that every audit of the house is clean: proof, trial balance, recomputation, evidence, decisions."""
    await world.assert_books_prove()
    assert (await trial_balance(world.auditor, at=None, within_s=30)).is_balanced
    recomputed = await Recomputer(world.worker, clock=world.clock, by="a test").recompute()
    assert recomputed.differences == 0
    await seal_all(world)
    checked = await Checker(world.auditor).check()
    assert (checked.flaw, checked.waiting) == (None, 0)
    for cashback in await world.readings.mints():
        assert await world.readings.replayed(cashback) == cashback.document


async def _check_rows(seen: Sight, book: Book) -> None:
    """Check each cashback: state, money, tokens; what is minted is what the net was worth, less what was kept."""
    names = (
        "id, state, amount_minor, net_minor, payable_minor, payable_units, requested_units, netted_units, debt_units,"
        " debited_minor"
    )
    rows = await seen.rows(f"select {names}, mint_number from ledger.cashback_ledger order by position")
    found = {row[0]: tuple(row[1:10]) for row in rows}
    expected = {
        id_: (
            *(one.state, one.amount, one.net, one.payable, one.units),
            *(one.requested, one.netted, one.debt, one.debited),
        )
        for id_, one in book.cashbacks.items()
    }
    assert found == expected
    for row in rows:
        state, _, _, payable, units, requested, netted, _, _ = found[row[0]]
        assert (row[10] is not None) == (requested is not None) == (state in REQUESTED)
        if requested is not None:
            assert requested == units - netted == book.cashbacks[row[0]].scheme.tokens(payable) - netted > 0
    numbers = await seen.rows(
        "select mint_number from ledger.cashback_ledger where mint_number is not null"
        " union all select number from ledger.retired_numbers"
    )
    assert len(numbers) == len(set(numbers)), "one number, two mints (I2)"


async def _check_accounts(seen: Sight, book: Book, schemes: list[Scheme]) -> None:
    """Check what every user and every campaign holds, and every debt."""
    expected: Counter[tuple[str, str, str]] = Counter()
    for one in book.cashbacks.values():
        if kind := _ACCOUNT_OF.get(one.state):
            is_token = one.requested is not None
            currency = TOKEN_SYMBOL if is_token else one.scheme.currency
            expected[one.user, kind, currency] += one.requested if one.requested is not None else one.payable
    for scheme in schemes:
        expected[scheme.id, "funding", scheme.currency] += scheme.own
        for fund in scheme.funds.values():
            expected[fund.id, "budget", scheme.currency] += fund.left
    for user, debtor in book.debtors.items():
        expected[user, "debt", TOKEN_SYMBOL] -= debtor.owes
        assert debtor.raised == debtor.owes + debtor.collected + debtor.given_up
    kinds = ["pending", "approved", "in_flight", "stuck", "minted", "budget", "debt"]
    rows = await seen.rows(
        "select owner, kind, currency, sum(balance)::bigint, min(balance) from ledger.accounts"
        " where kind = any(%s) or kind = 'funding' and owner = any(%s) group by 1, 2, 3",
        kinds,
        [scheme.id for scheme in schemes],
    )
    found = {(row[0], row[1], row[2]): row[3] for row in rows if row[3]}
    assert found == {key: sum_ for key, sum_ in expected.items() if sum_}
    assert all(row[4] >= 0 for row in rows if row[1] not in ("debt", "funding")), (
        "a budget or a user's money fell below nothing"
    )
    netted: Counter[str] = Counter()
    debts: Counter[str] = Counter()
    for one in book.cashbacks.values():
        netted[one.user] += one.netted
        debts[one.user] += one.debt
    for user, debtor in book.debtors.items():
        assert (netted[user], debts[user]) == (debtor.collected, debtor.raised)


async def _check_limits(seen: Sight, book: Book, schemes: list[Scheme]) -> None:
    """Check that what was granted in all is within every limit, whatever the counters say; and the counters."""
    granted: Counter[tuple[str, ...]] = Counter()
    rows = await seen.rows(
        "select programme_id, cashback.user_id, cashback.merchant_id,"
        " (occurred_at at time zone 'UTC')::date::text, cashback.amount_minor"
        " from ledger.cashback_ledger as cashback"
        " join purchases.purchases as purchase on purchase.id = purchase_id where cashback.amount_minor > 0"
    )
    for programme, user, merchant, day, amount in rows:
        granted["user_day", programme, user, day] += amount
        granted["user_month", programme, user, day[:7]] += amount
        granted["user_lifetime", programme, user, ""] += amount
        granted["merchant_day", programme, merchant, day] += amount
    most = {scheme.id: scheme.limits for scheme in schemes}
    for (kind, programme, *_), amount in granted.items():
        assert amount <= most[programme][kind], (kind, programme)
    by_day: Counter[tuple[str, str]] = Counter()
    for one in book.cashbacks.values():
        # What a person gives is in no limit.
        for campaign, share in one.grants().items() if one.giver is None else ():
            by_day[campaign, one.occurred_at.date().isoformat()] += share
    for scheme in schemes:
        for fund in scheme.funds.values():
            if fund.day_limit is not None:
                assert all(sum_ <= fund.day_limit for (id_, _), sum_ in by_day.items() if id_ == fund.id)


async def _check_lines(seen: Sight, book: Book) -> None:
    """Check who waits for what, how long, and in which order."""
    rows = await seen.rows(
        "select cashback_id, campaign_id, wanted_minor, waits_until, has_returns from ledger.waitlist order by position"
    )
    assert rows == [
        (id_, one.waits_for, one.wants, one.waits_until, one.has_returns)
        for id_, one in book.cashbacks.items()
        if one.state == "waitlisted"
    ]


async def _check_history(seen: Sight) -> None:
    """Check that no cashback took a step that the model does not know, and that its steps follow each other."""
    known = {(before or "start", after.value) for before, afters in TRANSITIONS.items() for after in afters}
    assert set(await edges(seen)) <= known
    broken = await seen.one(
        "select count(*) from (select from_state,"
        " lag(to_state) over (partition by cashback_id order by position) as before"
        " from ledger.cashback_transitions) as step where from_state is distinct from before"
    )
    assert broken == 0
