"""What lists read where there is much: by an index for whatever they are filtered by, and never more than a walk."""

from collections.abc import AsyncIterator
from typing import Final, cast

import pytest
import pytest_asyncio

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order, Period
from cashback.kernel.walk import WALK_MAX
from cashback.ledger.model import State
from cashback.ledger.model.listing import CashbackFilter
from cashback.ledger.store import listing as cashbacks
from cashback.ledger.store import numbered, readings
from cashback.ledger.store.listing import FEW_MAX
from cashback.purchases.model.listing import PurchaseFilter, UserFilter
from cashback.purchases.store import listing
from tests.integration.ledger.world import START, Dsns, World, open_world, wallet_number
from tests.integration.purchases.much import LARGE, MANY, MINTED, OF_LARGE, Explained

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE: Final = 50


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(filled: Dsns) -> AsyncIterator[World]:
    """Give a service in which much was bought and returned; all tests of this file only read."""
    async with open_world(filled) as service:
        yield service


ONE_USER: Final = "usr_000007"
OWN_MINTS: Final = [(whose, "cashback_minted_at_merchant") for whose in ("mer_7", LARGE)]
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


async def test_a_merchant_walks_among_its_own_whosever_things_it_asks_for(world: World) -> None:
    """How much a user has elsewhere no time of an answer tells it, and no cursor: it ends at a place of its own."""
    place: str | None = None
    for _ in range(OF_LARGE // WALK_MAX):
        async with world.api.transaction() as tx:
            explained = Explained(tx)
            asked = PurchaseFilter(merchant_id=LARGE, user_id=ONE_USER)
            ids, place = await listing.purchases(
                cast("Tx", explained), asked, order=Order.ASC, behind=place, limit=PAGE, seen_by=LARGE
            )
        assert ids == []
        assert explained.indexes() == {"purchase_of_merchant"}
        assert explained.rows_read() == WALK_MAX
        assert place is not None
        assert place.endswith("l")


@pytest.mark.parametrize(
    "merchant_id,user_id,found,indexes,most",
    [
        pytest.param("mer_7", ONE_USER, 20, {"cashback_bought", "cashback_ledger_pkey"}, 2 * 20, id="few"),
        pytest.param("mer_8", "usr_large", PAGE, {"cashback_bought", "cashback_ledger_pkey"}, 2 * FEW_MAX, id="some"),
        pytest.param("mer_8", ONE_USER, 0, {"cashback_bought", "cashback_ledger_pkey"}, 0, id="none"),
        pytest.param(
            LARGE, "usr_large", PAGE, {"cashback_bought", "cashback_of_merchant"}, FEW_MAX + 1 + 2 * PAGE, id="many"
        ),
    ],
)
async def test_what_a_user_earned_at_a_merchant_is_found_among_that_alone(
    world: World, merchant_id: str, user_id: str, found: int, indexes: set[str], most: int
) -> None:
    """Whole pages of it, without a walk along all that the merchant sold; beyond a thousand they are walked to."""
    asked = CashbackFilter(merchant_id=merchant_id, user_id=user_id)
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        ids, place = await cashbacks.page(
            cast("Tx", explained), asked, order=Order.DESC, behind=None, limit=PAGE, seen_by=merchant_id
        )
    stored = "select id from ledger.cashback_ledger where merchant_id = %s and user_id = %s order by id desc limit %s"
    assert ids == [row[0] for row in await world.rows(stored, merchant_id, user_id, PAGE)]
    assert (len(ids), place) == (found, ids[-1] if found == PAGE else None)
    assert "cashback_bought" in explained.indexes() <= indexes
    assert explained.is_by_indexes()
    assert explained.rows_read() <= most


async def test_what_a_user_has_is_summed_up_by_the_index_that_lists_it(world: World) -> None:
    """One index of users is enough: each further one is written for every purchase and every step."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        sums = await readings.state_sums_of_user(cast("Tx", explained), ONE_USER)
    assert sum(each.cashbacks for each in sums.values()) == 20
    assert explained.indexes() == {"cashback_listed_of_user"}
    assert explained.rows_read() == 20
    assert await world.one("select to_regclass('ledger.cashback_of_user')") is None


@pytest.mark.parametrize("merchant_id,index", [(None, "cashback_mint_number_once"), *OWN_MINTS])
async def test_mints_are_found_by_an_index(world: World, merchant_id: str | None, index: str) -> None:
    """A merchant's without going along everybody's numbers, be it one of many or the one with a third of all."""
    async with world.api.transaction() as tx:
        explained = Explained(tx)
        found = await numbered.page(
            cast("Tx", explained), below=MINTED, merchant_id=merchant_id, standing=None, among=WALK_MAX, limit=PAGE
        )
        last = await numbered.last_among(cast("Tx", explained), below=MINTED, merchant_id=merchant_id, among=PAGE)
    numbers = [mint.number for mint in found]
    assert (len(numbers), last) == (PAGE, numbers[-1])
    assert numbers == sorted(numbers, reverse=True)
    assert index in explained.indexes()
    assert explained.rows_read() <= 4 * PAGE


async def test_after_a_walk_a_transaction_is_planned_as_before(world: World) -> None:
    """What it asks next is read by pages again, and what is prepared then is kept by the connection for others."""
    costs = "select current_setting('seq_page_cost'), current_setting('random_page_cost')"
    async with world.api.transaction() as tx:
        before = await (await tx.execute(costs)).fetchall()
        await listing.purchases(tx, PurchaseFilter(currency="EUR"), order=Order.ASC, behind=None, limit=1)
        assert await (await tx.execute(costs)).fetchall() == before
    assert ("0", "0") not in before


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
