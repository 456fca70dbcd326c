"""What is told of debts once there are many: each is read once, however many programmes or users are told of."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, cast

import psycopg
from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.ledger.store import debts
from tests.integration.ledger.refunding import debts_of
from tests.integration.ledger.world import START, World

USERS: Final = 50
DEBTS: Final = 2_000
PROGRAMMES: Final = 20


async def owed(world: World) -> None:
    """Have 50 users owe 40 debts of one unit each, in turns under 20 programmes."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(
            """
            insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
                created_at, time_zone, hold_days, refund_policy)
            select 'prg_' || lpad(nth::text, 2, '0'), 'programme ' || nth, 'USD', 2, 1, 1, %(at)s, 'UTC', 0,
                   'net_future'
            from generate_series(0, %(programmes)s - 1) as nth
            """,
            {"at": START, "programmes": PROGRAMMES},
        )
        await connection.execute(
            """
            insert into ledger.accounts (kind, owner, currency, balance)
            select 'debt', 'usr_' || lpad(nth::text, 2, '0'), 'CBK', -%(debts)s / %(users)s
            from generate_series(0, %(users)s - 1) as nth
            union all
            select 'clawback', id, 'CBK', %(debts)s / %(programmes)s
            from ledger.programmes
            """,
            {"debts": DEBTS, "users": USERS, "programmes": PROGRAMMES},
        )
        await connection.execute(
            """
            insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                credit_balance_after, cause, cashback_id, at)
            select debt.id, clawback.id, 'CBK', 1, -nth / %(users)s - 1, nth / %(programmes)s + 1, 'debt',
                   'cb_' || nth, %(at)s::timestamptz + nth * interval '1 second'
            from generate_series(0, %(debts)s - 1) as nth
            join ledger.accounts as debt on debt.owner = 'usr_' || lpad(mod(nth, %(users)s)::text, 2, '0')
            join ledger.accounts as clawback
              on clawback.owner = 'prg_' || lpad(mod(nth / %(users)s, %(programmes)s)::text, 2, '0')
            order by nth
            """,
            {"debts": DEBTS, "users": USERS, "programmes": PROGRAMMES, "at": START},
        )
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("vacuum analyze ledger.transfers, ledger.accounts, ledger.programmes")


class Explained:
    """A transaction that keeps the plan of each statement, as it was carried out, and then answers it."""

    def __init__(self, tx: Tx) -> None:
        """Have kept no plan yet."""
        self._tx = tx
        self.plans: list[dict[str, Any]] = []

    async def execute(self, statement: str, parameters: dict[str, object]) -> psycopg.AsyncCursor[TupleRow]:
        """Carry a statement out twice: for its plan and for its answer."""
        cursor = await self._tx.execute(f"explain (analyze, format json) {statement}", parameters)
        [([told],)] = await cursor.fetchall()
        self.plans.append(told["Plan"])
        return await self._tx.execute(statement, parameters)

    def loops(self, kind: str) -> list[int]:
        """Return how often each step of a kind was gone through."""
        return [node["Actual Loops"] for plan in self.plans for node in _nodes(plan) if node["Node Type"] == kind]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a plan's steps, itself first."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def test_debts_are_gone_through_once_for_all_programmes(world: World) -> None:
    """Twenty programmes cost one pass over what is open, as one does."""
    await owed(world)
    async with world.auditor.transaction() as tx:
        explained = Explained(tx)
        found = await debts.figures_of_programmes(cast("Tx", explained), before=None, limit=PROGRAMMES)
    assert {(each.requested, each.open, each.collected) for each in found} == {(100, 100, 0)}
    assert len(found) == PROGRAMMES
    assert explained.loops("WindowAgg") == [1]


async def test_debts_are_gone_through_once_for_all_users_of_a_page(world: World) -> None:
    """Of fifty users each debt is read once, and not once for each of them."""
    await owed(world)
    async with world.auditor.transaction() as tx:
        explained = Explained(tx)
        found = await debts.page(cast("Tx", explained), after_user="", limit=USERS)
    assert [user for user, _, _ in found] == [f"usr_{nth:02}" for nth in range(USERS)]
    assert {units for _, units, _ in found} == {DEBTS // USERS}
    assert [since for _, _, since in found[:2]] == [START, START + timedelta(seconds=1)]
    assert explained.loops("WindowAgg") == [1]


async def test_programmes_that_asked_back_come_in_pages_the_newest_first(world: World) -> None:
    """Without gap or repeat, and no page after the last one."""
    await owed(world)
    seen, after = [], None
    while True:
        page, after = await debts_of(world).of_programmes(after=after, limit=7)
        seen += [each.id for each in page]
        if after is None:
            break
    assert len(page) == PROGRAMMES % 7
    assert seen == [f"prg_{nth:02}" for nth in reversed(range(PROGRAMMES))]


async def test_of_a_user_the_oldest_parts_are_told(world: World) -> None:
    """As many as are asked for, and no more leave the database."""
    await owed(world)
    async with world.auditor.transaction() as tx:
        parts = await debts.open_debts(tx, ["usr_03"], limit=3)
    assert [(part.raised_at - START).total_seconds() for part in parts] == [3, 53, 103]
