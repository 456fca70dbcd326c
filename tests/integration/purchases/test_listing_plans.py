"""What lists read where there is much: by an index for whatever they are filtered by, and never more than a walk."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast

import psycopg
import pytest
import pytest_asyncio
from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order, Period
from cashback.kernel.walk import WALK_MAX
from cashback.ledger.model import State
from cashback.ledger.model.listing import CashbackFilter
from cashback.ledger.store import listing as cashbacks
from cashback.purchases.model.listing import PurchaseFilter, RefundFilter, UserFilter
from cashback.purchases.model.refunds import RefundKind
from cashback.purchases.store import listing
from tests.integration.ledger.world import START, Dsns, World, fresh_database, open_world, wallet_number
from tests.support.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY: Final = 100_000
RETURNED: Final = 40_000
LARGE: Final = "mer_large"
OF_LARGE: Final = 30_000
MERCHANTS: Final = 50
USERS: Final = 5_000
PAGE: Final = 50

FILLED: Final = f"""
    insert into purchases.users (id, reference, is_blocked, created_at)
    select 'usr_' || lpad(nth::text, 6, '0'), 'customer ' || nth, mod(nth, 1000) = 0, %(at)s
    from generate_series(0, {USERS} - 1) as nth;
    insert into purchases.wallets (user_id, address, linked_at)
    select 'usr_' || lpad(nth::text, 6, '0'), '0x' || lpad(to_hex(nth + 1), 40, '0'), %(at)s
    from generate_series(0, {USERS} - 1) as nth;
    insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at,
        received_at, created_at)
    select 'pur_' || lpad(nth::text, 6, '0'), 'mer_' || mod(nth, {MERCHANTS}),
           'usr_' || lpad(mod(nth, {USERS})::text, 6, '0'), 'order ' || nth, 100,
           case when mod(nth, 10) = 0 then 'EUR' else 'USD' end, %(at)s, %(at)s, %(at)s
    from generate_series(0, {MANY} - 1) as nth;
    insert into purchases.purchases (id, merchant_id, user_id, amount_minor, currency, occurred_at, received_at,
        created_at)
    select 'pur_' || lpad((3 * nth)::text, 6, '0') || 'l', '{LARGE}', 'usr_large', 100, 'USD', %(at)s, %(at)s, %(at)s
    from generate_series(0, {OF_LARGE} - 1) as nth;
    insert into purchases.refunds (id, purchase_id, merchant_id, kind, reason, amount_minor, answer, created_at)
    select 'rfd_' || lpad(nth::text, 6, '0'), 'pur_' || lpad(mod(nth, {RETURNED} / 5)::text, 6, '0'),
           'mer_' || mod(mod(nth, {RETURNED} / 5), {MERCHANTS}), 'refund', 'sent back', 1, '{{}}', %(at)s
    from generate_series(0, {RETURNED} - 1) as nth;
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor,
        amount_minor, token_units, net_minor, payable_minor, payable_units, state, reason, created_at, approved_at)
    select 'cb_' || lpad(nth::text, 6, '0'), 'pur_' || lpad(nth::text, 6, '0'),
           'usr_' || lpad(mod(nth, {USERS})::text, 6, '0'), 'mer_' || mod(nth, {MERCHANTS}), 'prg_x', 'USD', 100, 100,
           100, 100, case when mod(nth, 1000) = 1 then 0 else 100 end, case when mod(nth, 1000) = 1 then 0 else 100 end,
           case when mod(nth, 1000) = 1 then 'expired' else 'approved' end, 'granted', %(at)s, %(at)s
    from generate_series(0, {MANY} - 1) as nth
"""
"""100,000 purchases of 5,000 users at 50 merchants, five refunds of 8,000 of them, and as many cashbacks.

And among them 30,000 of one large merchant, all in USD.
"""


class Explained:
    """A transaction that keeps the plan of each statement, as it was carried out, and then answers it."""

    def __init__(self, tx: Tx) -> None:
        """Have kept no plan yet."""
        self._tx = tx
        self.plans: list[dict[str, Any]] = []

    async def execute(
        self, statement: str, parameters: dict[str, object] | None = None
    ) -> psycopg.AsyncCursor[TupleRow]:
        """Carry a statement out twice: for its plan and for its answer."""
        cursor = await self._tx.execute(f"explain (analyze, format json) {statement}", parameters)
        [([told],)] = await cursor.fetchall()
        self.plans.append(told["Plan"])
        return await self._tx.execute(statement, parameters)

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Give the steps of all plans."""
        pending = [*self.plans]
        while pending:
            node = pending.pop()
            yield node
            pending += node.get("Plans", ())

    def indexes(self) -> set[str]:
        """Return the indexes that were used."""
        return {node["Index Name"] for node in self.nodes() if "Index Name" in node}

    def is_by_indexes(self) -> bool:
        """Tell whether no table was read from its one end to its other."""
        return not any(node["Node Type"] == "Seq Scan" for node in self.nodes())

    def rows_read(self) -> int:
        """Return how many rows came from tables, those included that a condition then left out."""
        scans = [node for node in self.nodes() if "Relation Name" in node]
        return sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) for node in scans
        )


@pytest.fixture(scope="module")
def dsns(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a database for all tests of this file: they only read."""
    with fresh_database(databases) as ways:
        yield ways


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(dsns: Dsns) -> AsyncIterator[World]:
    """Give a service in which much was bought and returned."""
    async with open_world(dsns) as service:
        async with await psycopg.AsyncConnection.connect(dsns.superuser) as connection:
            await connection.execute("set session_replication_role = replica")
            await connection.execute("alter table ledger.cashback_ledger drop constraint cashback_net_explained")
            for statement in FILLED.split(";"):
                await connection.execute(statement.encode(), {"at": START})
            await connection.commit()
            await connection.set_autocommit(True)
            await connection.execute(
                "vacuum analyze purchases.purchases, purchases.refunds, purchases.users, purchases.wallets,"
                " ledger.cashback_ledger"
            )
        yield service


ONE_USER: Final = "usr_000007"
PURCHASES: Final = [
    pytest.param(PurchaseFilter(), {"purchases_pkey"}, PAGE, id="all"),
    pytest.param(PurchaseFilter(merchant_id="mer_3"), {"purchase_of_merchant"}, PAGE, id="merchant"),
    pytest.param(PurchaseFilter(user_id=ONE_USER), {"purchase_of_user"}, 20, id="user"),
    pytest.param(PurchaseFilter(user_id=ONE_USER, merchant_id="mer_7"), {"purchase_of_user"}, 20, id="both"),
    pytest.param(
        PurchaseFilter(merchant_id="mer_3", reference="order 53"),
        {"purchase_reference_once", "purchase_named_alike", "purchases_pkey"},
        1,
        id="reference",
    ),
    pytest.param(PurchaseFilter(merchant_id="mer_10", currency="EUR"), {"purchase_of_merchant"}, PAGE, id="currency"),
    pytest.param(PurchaseFilter(occurred=Period(since=START)), {"purchases_pkey"}, PAGE, id="period"),
    pytest.param(PurchaseFilter(merchant_id=LARGE, currency="EUR"), {"purchase_of_merchant"}, 0, id="large"),
]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("asked,indexes,found", PURCHASES)
async def test_purchases_are_found_by_an_index(
    world: World, asked: PurchaseFilter, indexes: set[str], found: int, order: Order
) -> None:
    """Whatever they are filtered by, from both ends, and without reading much more than is told."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, _ = await listing.purchases(cast("Tx", explained), asked, order=order, behind=None, limit=PAGE)
    assert len(ids) == found
    assert ids == sorted(ids, reverse=order is Order.DESC)
    assert explained.is_by_indexes()
    assert explained.indexes() == indexes
    assert explained.rows_read() <= (WALK_MAX if asked.merchant_id == LARGE else 4 * PAGE)


async def test_the_next_page_is_found_by_the_same_index(world: World) -> None:
    """A place in the middle costs what the beginning does."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        asked = PurchaseFilter(merchant_id="mer_3")
        ids, place = await listing.purchases(
            cast("Tx", explained), asked, order=Order.DESC, behind="pur_050003", limit=PAGE
        )
    assert (ids[0], len(ids), place) == ("pur_049953", PAGE, ids[-1])
    assert explained.indexes() == {"purchase_of_merchant"}
    assert explained.rows_read() <= 2 * PAGE


async def test_what_is_nowhere_is_looked_for_in_walks_of_bounded_length(world: World) -> None:
    """Each reads 10,000 rows and names where it ended; the one that reaches the end names nothing."""
    behind, walks = None, 0
    while True:
        async with world.api.transaction() as tx:
            explained = Explained(tx)
            ids, behind = await listing.purchases(
                cast("Tx", explained), PurchaseFilter(currency="JPY"), order=Order.DESC, behind=behind, limit=PAGE
            )
        walks += 1
        assert ids == []
        assert explained.is_by_indexes()
        assert explained.rows_read() <= WALK_MAX
        if behind is None:
            break
    assert walks == (MANY + OF_LARGE) // WALK_MAX + 1


async def test_what_is_thin_is_told_whole_by_short_pages(world: World) -> None:
    """A page ends where its walk does, and nothing between two of them is left out or told twice."""
    asked = CashbackFilter(merchant_id="mer_1", state=State.APPROVED)
    behind, seen = None, []
    while True:
        async with world.api.transaction() as tx:
            ids, behind = await cashbacks.page(tx, asked, order=Order.ASC, behind=behind, limit=PAGE)
        seen += ids
        if behind is None:
            break
    stored = "select id from ledger.cashback_ledger where merchant_id = 'mer_1' and state = 'approved' order by id"
    assert seen == [row[0] for row in await world.rows(stored)]


@pytest.mark.parametrize(
    "asked,indexes",
    [
        pytest.param(RefundFilter(), {"refunds_pkey"}, id="all"),
        pytest.param(RefundFilter(merchant_id="mer_3"), {"refund_of_merchant"}, id="merchant"),
        pytest.param(
            RefundFilter(purchase_id="pur_000003", merchant_id="mer_3"), {"refund_by_purchase"}, id="purchase"
        ),
        pytest.param(RefundFilter(kind=RefundKind.REFUND), {"refunds_pkey"}, id="kind"),
        pytest.param(
            RefundFilter(merchant_id="mer_3", created=Period(since=START)), {"refund_of_merchant"}, id="period"
        ),
    ],
)
async def test_refunds_are_found_by_an_index(world: World, asked: RefundFilter, indexes: set[str]) -> None:
    """Of everybody, of a merchant, of a purchase."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, _ = await listing.refunds(cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE)
    assert len(ids) == (5 if asked.purchase_id else PAGE)
    assert explained.is_by_indexes()
    assert set() < explained.indexes() <= indexes
    assert explained.rows_read() <= 2 * PAGE


async def test_refunds_of_a_page_of_purchases_are_read_by_purchase(world: World) -> None:
    """No more of each than are told."""
    ids = [f"pur_{nth:06}" for nth in range(200)]
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        found = await listing.first_refunds(cast("Tx", explained), ids, most=3)
    assert {len(answers) for answers in found.values()} == {3}
    assert explained.is_by_indexes()
    assert explained.rows_read() <= 200 * 3


@pytest.mark.parametrize(
    "asked,indexes,found",
    [
        pytest.param(CashbackFilter(), {"cashback_ledger_pkey"}, PAGE, id="all"),
        pytest.param(CashbackFilter(merchant_id="mer_3"), {"cashback_of_merchant"}, PAGE, id="merchant"),
        pytest.param(CashbackFilter(state=State.EXPIRED), {"cashback_rare"}, PAGE, id="rare-state"),
        pytest.param(CashbackFilter(state=State.NETTED), {"cashback_rare"}, 0, id="state-of-none"),
        pytest.param(CashbackFilter(state=State.APPROVED), {"cashback_ledger_pkey"}, PAGE, id="common-state"),
        pytest.param(CashbackFilter(user_id=ONE_USER), {"cashback_listed_of_user"}, 20, id="user"),
        pytest.param(CashbackFilter(programme_id="prg_x"), {"cashback_ledger_pkey"}, PAGE, id="programme"),
    ],
)
async def test_cashbacks_are_found_by_an_index(
    world: World, asked: CashbackFilter, indexes: set[str], found: int
) -> None:
    """What few are in has one of its own; what most are in is met on the way."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, _ = await cashbacks.page(cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE)
    assert len(ids) == found
    assert explained.is_by_indexes()
    assert set() < explained.indexes() <= indexes
    assert explained.rows_read() <= 2 * PAGE


@pytest.mark.parametrize(
    "asked,index",
    [
        pytest.param(UserFilter(reference="customer 7"), "user_by_reference", id="reference"),
        pytest.param(UserFilter(wallet=f"0x{8:040x}"), "wallet_by_address", id="wallet"),
        pytest.param(UserFilter(wallet=wallet_number(10**6)), "wallet_by_address", id="nobodys-wallet"),
        pytest.param(UserFilter(is_blocked=True), "user_blocked", id="blocked"),
    ],
)
async def test_users_are_found_by_an_index(world: World, asked: UserFilter, index: str) -> None:
    """By name, by wallet, and the few who are blocked."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        await listing.users(cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE)
    assert explained.is_by_indexes()
    assert index in explained.indexes()
    assert explained.rows_read() <= 4 * PAGE
