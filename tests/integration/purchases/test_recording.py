"""Recording purchases: one transaction for the purchase, its decision, its postings and its events."""

import asyncio

import msgspec
import psycopg
import pytest

from cashback.events import decode
from cashback.events.ledger import CashbackApproved
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.ids import new_id
from cashback.ledger import PublishedRulesets
from cashback.purchases.model import NewPurchase, PurchaseAnswer, PurchaseUnknown, Recorded, Refused, Unstorable
from cashback.purchases.service.once import Once
from cashback.purchases.service.recording import Recording
from tests.integration.ledger.world import START, Dsns, World, buy, decoded, open_world

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_purchase_is_answered_with_what_it_earned_and_why(world: World) -> None:
    """The client sees at once what was earned."""
    await world.programme(rate=150)
    user, merchant = await world.user(), await world.merchant()
    [answer] = await world.record(buy(user, merchant, 1_999, reference="A-17"))
    assert (answer.user_id, answer.merchant_id, answer.reference) == (user.id, merchant.id, "A-17")
    assert (answer.amount_minor, answer.currency, answer.occurred_at) == ("1999", "USD", START)
    assert (answer.cashback.state, answer.cashback.reason) == ("approved", "granted")
    assert (answer.cashback.amount_minor, answer.cashback.token_units) == ("29", "290000")
    assert answer.cashback.explanation == "19.99 USD earned 0.29 USD: 0.290000 CBK."
    stored = await world.purchases.purchase(answer.id)
    assert (stored.amount_minor, stored.occurred_at, stored.received_at) == (1_999, START, answer.received_at)


async def test_a_purchase_publishes_itself_and_its_cashback_in_its_own_trace(world: World) -> None:
    """Both events stand in the outboxes when the answer is given, each under its own aggregate."""
    await world.programme()
    [answer] = await world.record(buy(await world.user(), await world.merchant(), traceparent=TRACE))
    [created] = await world.events("purchases", "purchase.created")
    [approved] = await world.events("ledger", "cashback.approved")
    assert decode(created.data, PurchaseCreated, version=1).cashback_id == answer.cashback.id
    assert decode(approved.data, CashbackApproved, version=1).purchase_id == answer.id
    assert (created.key, approved.key) == (answer.id, answer.cashback.id)
    assert (created.traceparent, approved.traceparent) == (TRACE, TRACE)


async def test_a_purchase_is_told_by_the_name_that_its_merchant_gave_it(world: World) -> None:
    """Whoever hears of it knows their own order by it; one without a name is told without the member."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    named, nameless = await world.record(buy(user, merchant, reference="A-17"), buy(user, merchant, reference=None))
    told = {one.key: one.data for one in await world.events("purchases", "purchase.created")}
    assert decode(told[named.id], PurchaseCreated, version=1).reference == "A-17"
    assert b"reference" not in told[nameless.id]


@pytest.mark.parametrize(
    "amount,currency,reason",
    [
        pytest.param(0, "USD", "nothing_paid", id="nothing-paid"),
        pytest.param(1, "USD", "below_minor_unit", id="one-cent"),
        pytest.param(10_000, "EUR", "no_programme", id="another-currency"),
    ],
)
async def test_a_purchase_that_earns_nothing_is_recorded_and_told_why(
    world: World, amount: int, currency: str, reason: str
) -> None:
    """A declined cashback is a row with its reason, moves nothing and publishes no approval."""
    await world.programme()
    [answer] = await world.record(buy(await world.user(), await world.merchant(), amount, currency=currency))
    assert (answer.cashback.state, answer.cashback.reason, answer.cashback.token_units) == ("declined", reason, "0")
    assert await world.events("ledger", "cashback.approved") == []
    assert len(await world.events("purchases", "purchase.created")) == 1
    await world.assert_books_prove()


async def test_without_a_programme_purchases_are_recorded_all_the_same(world: World) -> None:
    """An operator who has not started a programme yet loses no purchase."""
    [answer] = await world.record(buy(await world.user(), await world.merchant()))
    assert (answer.cashback.state, answer.cashback.reason) == ("declined", "no_programme")


async def test_who_is_blocked_or_inactive_earns_nothing(world: World) -> None:
    """The gates see what stands in the tables when the purchase is recorded."""
    await world.programme()
    user, blocked, merchant, inactive = (
        await world.user(),
        await world.user(),
        await world.merchant(),
        await world.merchant(),
    )
    await world.rows("update purchases.users set is_blocked = true where id = %s", blocked.id)
    await world.rows("update purchases.merchants set is_active = false where id = %s", inactive.id)
    answers = await world.record(buy(blocked, merchant), buy(user, inactive), buy(user, merchant))
    assert [answer.cashback.reason for answer in answers] == ["user_blocked", "merchant_inactive", "granted"]


async def test_each_bad_entry_of_a_batch_gets_its_own_refusal_and_harms_no_neighbour(world: World) -> None:
    """Nothing of a refused purchase is stored, everything of the others is."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    outcomes = await world.purchases.record(
        [
            buy(user, merchant),
            buy(user, merchant, user_id=new_id("usr")),
            buy(user, merchant, merchant_id=new_id("mer")),
            buy(user, merchant, amount_minor=-1),
            buy(user, merchant, currency="XXX"),
            buy(user, merchant, owner=new_id("mer")),
            buy(user, merchant, key=""),
            buy(user, merchant),
        ]
    )
    codes = [outcome.error.code if isinstance(outcome, Refused) else "recorded" for outcome in outcomes]
    assert codes == [
        "recorded",
        "user_unknown",
        "merchant_unknown",
        "field_invalid",
        "currency_unknown",
        "not_yours",
        "idempotency_key_invalid",
        "recorded",
    ]
    assert await world.one("select count(*) from purchases.purchases") == 2
    assert await world.one("select count(*) from ledger.cashback_ledger") == 2
    await world.assert_books_prove()


async def test_a_row_that_the_database_refuses_fails_alone(world: World) -> None:
    """A batch that fails for a reason of one entry is split and decided anew."""
    await world.programme()
    await world.rows("alter table purchases.purchases add constraint planted check (reference <> 'poison')")
    user, merchant = await world.user(), await world.merchant()
    batch = [buy(user, merchant, reference=f"sound {number}") for number in range(4)]
    poison = buy(user, merchant, reference="poison")
    results = await asyncio.gather(
        *[world.purchases.record_one(purchase) for purchase in [*batch[:2], poison, *batch[2:]]], return_exceptions=True
    )
    assert [type(result) for result in results] == [Recorded, Recorded, Unstorable, Recorded, Recorded]
    assert await world.one("select count(*) from purchases.purchases") == 4
    await world.assert_books_prove()


async def test_an_outbox_without_a_partition_is_nobodys_fault(world: World) -> None:
    """The world failed for the batch as a whole: one transaction, and each may be tried again; then all are done."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    batch = [buy(user, merchant) for _ in range(8)]
    begun: list[Recording] = []

    def create() -> Recording:
        begun.append(Recording(world.clock.now(), PublishedRulesets()))
        return begun[-1]

    once: Once[NewPurchase] = Once(world.api, create, now=world.clock.now())
    partitions = "select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger.outbox_events'::regclass"
    for (name,) in await world.rows(partitions):
        await world.rows(f"drop table {name}")
    results = await once.do(batch)
    assert [type(result) for result in results] == [DatabaseUnavailable] * len(batch)
    assert len(begun) == 1
    await world.rows("select ledger.rotate_outbox(interval '72 hours')")
    assert all(isinstance(result, Recorded) for result in await once.do(batch))
    await world.assert_books_prove()


async def test_more_purchases_than_a_batch_holds_are_all_recorded_in_order(world: World) -> None:
    """A file of any length is recorded in bounded batches."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant, 10_000 + number) for number in range(1_201)])
    assert [answer.amount_minor for answer in answers] == [str(10_000 + number) for number in range(1_201)]
    await world.assert_books_prove()


async def test_a_batch_spends_a_budget_to_its_last_unit_and_no_further(world: World) -> None:
    """Grants of 150 from a budget of 400: two whole ones, one of 100, and then nothing."""
    await world.programme(budget=400)
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant) for _ in range(4)])
    assert [answer.cashback.amount_minor for answer in answers] == ["150", "150", "100", "0"]
    assert [answer.cashback.reason for answer in answers[2:]] == ["granted_partly", "budget_exhausted"]
    await world.assert_books_prove()


async def test_two_processes_never_spend_a_budget_together(world: World, dsns: Dsns) -> None:
    """Forty concurrent purchases of 150 each in two processes, and a budget for twenty of them."""
    await world.programme(budget=3_050)
    user, merchant = await world.user(), await world.merchant()
    async with open_world(dsns) as other:
        answers = await asyncio.gather(
            *[each.record(buy(user, merchant)) for _ in range(20) for each in (world, other)]
        )
    granted = [int(answer.cashback.amount_minor) for [answer] in answers]
    assert sum(granted) == 3_050
    assert sorted(granted) == [0] * 19 + [50] + [150] * 20
    await world.assert_books_prove()


async def test_a_database_that_goes_away_is_told_and_the_same_request_finds_out(world: World, dsns: Dsns) -> None:
    """A backend killed in the middle stores nothing; the repeat records once (I7)."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute("select from ledger.accounts where kind = 'budget' for update")
        recording = asyncio.create_task(world.purchases.record_one(purchase))
        async with await psycopg.AsyncConnection.connect(dsns.superuser, autocommit=True) as killer:
            await _kill_whoever_waits(killer)
        with pytest.raises(DatabaseUnavailable):
            await recording
    assert await world.one("select count(*) from purchases.idempotency_keys where key = %s", purchase.key) == 0
    outcome = await world.purchases.record_one(purchase)
    assert isinstance(outcome, Recorded)
    assert not outcome.is_replay
    await world.assert_books_prove()


async def test_an_unknown_purchase_is_not_found(world: World) -> None:
    """A well-formed id of nothing."""
    with pytest.raises(PurchaseUnknown):
        await world.purchases.purchase(new_id("pur"))


async def test_the_decision_in_the_answer_is_the_decision_in_the_ledger(world: World) -> None:
    """What the client was told is what is kept and explained later."""
    await world.programme()
    outcome = await world.purchases.record_one(buy(await world.user(), await world.merchant()))
    answer = decoded(outcome, PurchaseAnswer)
    cashback = await world.readings.cashback_of_purchase(answer.id)
    assert (cashback.id, cashback.state.value, str(cashback.amount)) == (
        answer.cashback.id,
        answer.cashback.state,
        answer.cashback.amount_minor,
    )
    assert cashback.document is not None
    assert msgspec.json.decode(cashback.document)["facts"]["amount"] == answer.amount_minor


async def _kill_whoever_waits(killer: psycopg.AsyncConnection) -> None:
    """Kill the API's backend once it waits for a lock."""
    async with asyncio.timeout(10):
        while True:
            cursor = await killer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'cashback_api' and wait_event_type = 'Lock'"
            )
            if await cursor.fetchall():
                return
