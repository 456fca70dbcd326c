"""A merchant's reference is the name of one purchase, whatever the keys: the second wall (I7)."""

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import psycopg
import pytest

from cashback.kernel.errors import Unavailable
from cashback.kernel.ids import new_id
from cashback.kernel.migrations import upgrade
from cashback.purchases.model import (
    KeyReused,
    NewPurchase,
    Outcome,
    PurchaseAnswer,
    PurchaseExists,
    Recorded,
    Refused,
    UserUnknown,
)
from cashback.purchases.service.once import Result
from tests.integration.ledger.older import older
from tests.integration.ledger.world import Dsns, World, buy, decoded, new_key, open_world
from tests.support.facts import eventually
from tests.support.servers import Databases

STORE = """
insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at,
                                 created_at)
values (%s, %s, %s, %s, 1, 'USD', now(), now(), now())
"""


def taken_by(outcome: Outcome) -> object:
    """Return the purchase that has the name, of one that was refused for it."""
    assert isinstance(outcome, Refused), outcome
    assert isinstance(outcome.error, PurchaseExists), outcome.error
    assert outcome.error.fields["pointer"] == "/reference"
    return outcome.error.fields["purchase_id"]


def recorded(outcomes: Sequence[Outcome]) -> list[PurchaseAnswer]:
    """Return the answers to those that were recorded, now or before."""
    return [decoded(outcome, PurchaseAnswer) for outcome in outcomes if isinstance(outcome, Recorded)]


async def stored(world: World) -> tuple[int, int]:
    """Return how many purchases there are, and how many keys of purchases."""
    [row] = await world.rows(
        "select (select count(*) from purchases.purchases),"
        " (select count(*) from purchases.idempotency_keys"
        " where strpos(convert_from(answer, 'UTF8'), '\"id\":\"pur_') = 2)"
    )
    return row[0], row[1]


@pytest.mark.invariant("I7")
async def test_under_another_key_a_reference_is_told_whose_it_is(world: World) -> None:
    """Nothing of it is stored; its own key is answered as ever, and elsewhere the name is free (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    first = buy(user, merchant, reference="A-1")
    [answer] = await world.record(first)
    [again] = await world.purchases.record([msgspec.structs.replace(first, key=new_key())])
    assert taken_by(again) == answer.id
    other = msgspec.structs.replace(first, key=new_key(), amount_minor=1, owner=merchant.id)
    assert taken_by(await world.purchases.record_one(other)) == answer.id
    assert await stored(world) == (1, 1)
    assert isinstance(replay := await world.purchases.record_one(first), Recorded)
    assert replay.is_replay
    await world.record(buy(user, await world.merchant(), reference="A-1"), buy(user, merchant), buy(user, merchant))
    assert await stored(world) == (4, 4)
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_a_known_key_with_another_body_is_told_of_the_key_first(world: World) -> None:
    """Whatever its reference: the key is the caller's own fault, the name may be somebody else's (I7)."""
    user, merchant = await world.user(), await world.merchant()
    one, two = buy(user, merchant, reference="A-1"), buy(user, merchant, reference="A-2")
    await world.record(one, two)
    for name in ("A-2", "A-3"):
        outcome = await world.purchases.record_one(msgspec.structs.replace(one, reference=name))
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, KeyReused)


@pytest.mark.invariant("I7")
async def test_of_a_batch_the_first_of_a_name_has_it(world: World) -> None:
    """The others are told its id, repeats of its key are replays; a first that is refused leaves the name (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    first = buy(user, merchant, reference="A-1")
    nobody = buy(user, merchant, reference="A-2", user_id=new_id("usr"))
    outcomes = await world.purchases.record(
        [
            first,
            buy(user, merchant, reference="A-1"),
            first,
            nobody,
            buy(user, merchant, reference="A-2"),
            buy(user, merchant, reference="A-1"),
            buy(user, merchant),
        ]
    )
    a_1, again, a_2, _ = recorded(outcomes)
    assert (a_1.reference, again.id, a_2.reference) == ("A-1", a_1.id, "A-2")
    assert taken_by(outcomes[1]) == taken_by(outcomes[5]) == a_1.id
    assert isinstance(outcomes[3], Refused)
    assert isinstance(outcomes[3].error, UserUnknown)
    assert await stored(world) == (3, 3)


@pytest.mark.invariant("I7")
async def test_sixty_four_callers_with_a_key_each_record_one_order_once(world: World, dsns: Dsns) -> None:
    """In two processes at once: one purchase, and 63 times its id (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    async with open_world(dsns) as other:
        orders = [buy(user, merchant, reference="A-1") for _ in range(64)]
        calls = [each.purchases.record_one(one) for each, one in zip([world, other] * 32, orders, strict=True)]
        outcomes = await asyncio.gather(*calls)
    [answer] = recorded(outcomes)
    assert [taken_by(one) for one in outcomes if isinstance(one, Refused)] == [answer.id] * 63
    assert await stored(world) == (1, 1)
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_batches_that_name_alike_in_any_order_never_wait_in_a_circle(world: World, dsns: Dsns) -> None:
    """Four batches at a time in two processes, each with all names under keys of its own: each name once (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    chance = Random(7)  # noqa: S311  # an order, no secret

    def batch(turn: int) -> list[NewPurchase]:
        """Return a purchase for each name, in an order of its own."""
        names = [f"{turn}-{number}" for number in range(40)]
        return [buy(user, merchant, reference=name) for name in chance.sample(names, k=len(names))]

    async with open_world(dsns) as other:
        for turn in range(10):
            batches = [each.purchases.record(batch(turn)) for _ in range(2) for each in (world, other)]
            outcomes = [outcome for done in await asyncio.gather(*batches) for outcome in done]
            by_name = {answer.reference: answer.id for answer in recorded(outcomes)}
            assert len(recorded(outcomes)) == len(by_name) == 40
            assert {taken_by(one) for one in outcomes if isinstance(one, Refused)} <= set(by_name.values())
    assert await stored(world) == (400, 400)
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_name_that_another_process_is_giving_away_is_waited_for(world: World, *, is_committed: bool) -> None:
    """Committed, it is told whose it is; rolled back, the name is free; the neighbours are recorded either way (I7)."""
    user, merchant = await world.user(), await world.merchant()
    theirs = new_id("pur")
    batch = [buy(user, merchant, reference=name) for name in ("A-1", "A-2", "A-3")]
    waits = (
        "select count(*) from pg_stat_activity where application_name = 'cashback_api' and wait_event_type = 'Lock'"
        " and datname = current_database()"
    )

    async def look() -> bool | None:
        return (await world.one(waits) == 1) or None

    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
        await third.execute(STORE, (theirs, merchant.id, user.id, "A-2"))
        recording = asyncio.create_task(world.purchases.record(batch))
        await eventually(look, within_s=10, what="the batch waits for the name")
        await (third.commit() if is_committed else third.rollback())
        outcomes = await recording
    names = [answer.reference for answer in recorded(outcomes)]
    assert names == (["A-1", "A-3"] if is_committed else ["A-1", "A-2", "A-3"])
    assert [taken_by(one) for one in outcomes if isinstance(one, Refused)] == ([theirs] if is_committed else [])
    assert await stored(world) == (3, 2 if is_committed else 3)


async def test_nobody_gets_round_the_wall(world: World) -> None:
    """No process may say of a purchase that its reference is no name, when it is stored or later."""
    for statement in (
        "insert into purchases.purchases (is_named) values (false)",
        "update purchases.purchases set is_named = false",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.api.transaction() as tx:
                await tx.execute(statement)


def test_repetitions_of_before_keep_their_reference_and_none_is_added(databases: Databases) -> None:
    """The first of a name has it; the table is not written anew, and is as unchangeable as before."""
    file = "select pg_relation_filenode('purchases.purchases')"
    bought: list[tuple[str, str, str | None]] = [(id_, "mer_1", "A-1") for id_ in ("pur_3", "pur_1", "pur_2")]
    with older(databases, "one_reference_one_purchase", schema="purchases") as (dsn, connection):
        bought += [("pur_4", "mer_2", "A-1"), ("pur_5", "mer_1", None), ("pur_6", "mer_1", None)]
        for id_, merchant_id, reference in bought:
            connection.execute(STORE, (id_, merchant_id, "usr_1", reference))
        before = connection.execute(file).fetchone()
        upgrade(dsn, "purchases")
        assert connection.execute(file).fetchone() == before
        found = connection.execute("select id from purchases.purchases where not is_named order by id").fetchall()
        assert found == [("pur_1",), ("pur_2",)]
        with pytest.raises(psycopg.errors.UniqueViolation, match="purchase_reference_once"):
            connection.execute(STORE, ("pur_7", "mer_1", "usr_1", "A-1"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="stay as they are"):
            connection.execute("update purchases.purchases set is_named = true")


@pytest.mark.invariant("I7")
async def test_a_name_that_is_fought_for_harms_no_neighbour(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its transactions are rolled back as often as they are tried: all others are recorded, in few of them (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    do, tried = world.purchases._do, list[int]()

    async def outpaced(purchases: Sequence[NewPurchase], patience_ms: int) -> list[Result]:
        """Have another process take one of the names every time, and none afterwards."""
        tried.append(len(purchases))
        if any(purchase.reference == "fought-for" for purchase in purchases):
            return [Refused(PurchaseExists("another purchase has this reference", pointer="/reference"))] * len(
                purchases
            )
        return await do(purchases, patience_ms)

    monkeypatch.setattr(world.purchases, "_do", outpaced)
    named = [buy(user, merchant, reference=f"A-{number}") for number in range(300)]
    unnamed = [buy(user, merchant) for _ in range(100)]
    fought = buy(user, merchant, reference="fought-for")
    calls = [world.purchases.record_one(one) for one in (*named, fought, *unnamed)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(one, Recorded) for one in outcomes] == [True] * 300 + [False] + [True] * 100
    assert isinstance(outcomes[300], Unavailable)
    assert await stored(world) == (400, 400)
    assert len(tried) < 40
    await world.assert_books_prove()
