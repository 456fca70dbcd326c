"""Old answers are forgotten in batches, keys never; nothing young goes, and nothing that could not be told again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import psycopg
import pytest

from cashback.kernel.errors import Broken
from cashback.kernel.ids import new_id
from cashback.processes.webhooks_once import WEBHOOK_REBUILDERS
from cashback.purchases import Refunds
from cashback.purchases.model import OPERATOR, NewUser, PurchaseAnswer, Recorded, User
from cashback.purchases.model.ownership import ChallengeUnknown
from cashback.purchases.model.refunds import NewRefund, RefundAnswer, RefundState
from cashback.purchases.service import REBUILDERS, AnswerForgetter
from cashback.purchases.service.forgetting import FORGOTTEN
from cashback.purchases.service.rebuilding import Forgotten, rebuild
from cashback.purchases.store import forgetting as store
from cashback.purchases.store import refunds as refunds_store
from tests.integration.ledger.world import World, buy, decoded, new_key

pytestmark = pytest.mark.invariant("I7")

AGED = "update purchases.idempotency_keys set created_at = now() - make_interval(days => %s) where key = %s"
WITHOUT = "select key from purchases.idempotency_keys where answer is null order by key"


def forgetter(world: World) -> AnswerForgetter:
    """Return what forgets answers that are thirty days old."""
    return AnswerForgetter(world.api, keep_days=30, deeds=REBUILDERS)


async def as_before(world: World, change: str, *values: object) -> None:
    """Make commands what a release of before had left of them, which nobody may do any more."""
    await world.rows("alter table purchases.idempotency_keys disable trigger idempotency_resource_once")
    await world.rows(change, *values)
    await world.rows("alter table purchases.idempotency_keys enable trigger idempotency_resource_once")


async def age(world: World, *keys: str, days: int = 31) -> None:
    """Have commands been done so long ago, one at an instant."""
    for key in keys:
        await world.rows(AGED, days, key)


async def test_old_answers_go_in_batches_and_young_ones_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many is counted, and the next pass goes on where this one ended; the keys stay (I7)."""
    monkeypatch.setattr("cashback.purchases.service.forgetting.BATCH", 3)
    before = next(iter(FORGOTTEN.collect())).samples[0].value
    keys = sorted(new_key() for _ in range(10))
    await world.people.create_users([NewUser(owner=OPERATOR, key=key) for key in keys])
    await age(world, *keys[:8])
    await age(world, *keys[8:], days=29)
    await forgetter(world).forget(asyncio.Event())
    assert await world.rows(WITHOUT) == [(key,) for key in keys[:8]]
    assert next(iter(FORGOTTEN.collect())).samples[0].value == before + 8
    await age(world, keys[8], days=30)
    await forgetter(world).forget(asyncio.Event())
    assert await world.rows(WITHOUT) == [(key,) for key in keys[:9]]


async def test_of_one_instant_everything_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are: what is behind the last one that was looked at is never looked at again."""
    monkeypatch.setattr("cashback.purchases.service.forgetting.BATCH", 2)
    await world.people.create_users([NewUser(owner=OPERATOR, key=new_key()) for _ in range(7)])
    await world.rows("update purchases.idempotency_keys set created_at = now() - interval '31 days'")
    await forgetter(world).forget(asyncio.Event())
    assert len(await world.rows(WITHOUT)) == 7


async def test_what_could_not_be_told_again_is_kept(world: World) -> None:
    """What is not among the commands that can, and what was done before that was written down and names nothing."""
    kept, old, gone = [new_key() for _ in range(3)]
    for key in (kept, old, gone):
        await world.people.create_user(NewUser(owner=OPERATOR, key=key))
    await world.rows("update purchases.idempotency_keys set what = 'pause_programme' where key = %s", kept)
    told_nowhere = "update purchases.idempotency_keys set what = null, resource = null, answer = %s where key = %s"
    await as_before(world, told_nowhere, b'{"user_id":"usr_1","is_news":true}', old)
    await age(world, kept, old, gone)
    await forgetter(world).forget(asyncio.Event())
    assert await world.rows(WITHOUT) == [(gone,)]


async def test_answers_of_before_what_came_of_them_was_written_down_go_as_well(world: World) -> None:
    """Of purchases, refunds and users, which is where customers are: each begins with its id, and is told by that."""
    await world.programme()
    user = NewUser(owner=OPERATOR, key=new_key(), reference="of long ago")
    created = await world.people.create_user(user)
    bought = buy(await world.user(), await world.merchant())
    [purchase] = await world.record(bought)
    refunds = Refunds(world.api, clock=world.clock)
    returned = NewRefund(owner=OPERATOR, key=new_key(), reason="x", purchase_id=purchase.id, amount_minor=1)
    first = await refunds.refund_one(returned)
    keys = [user.key, bought.key, returned.key]
    await as_before(
        world, "update purchases.idempotency_keys set what = null, resource = null where key = any(%s)", keys
    )
    await age(world, *keys)
    await forgetter(world).forget(asyncio.Event())
    assert {row[0] for row in await world.rows(WITHOUT)} >= {*keys}
    again = [await world.people.create_user(user), *await world.purchases.record([bought])]
    again.append(await refunds.refund_one(returned))
    for outcome, before in zip(again, (created, None, first), strict=True):
        assert isinstance(outcome, Recorded)
        assert outcome.is_rebuilt
        if isinstance(before, Recorded):
            assert outcome.answer == before.answer


async def test_who_can_tell_more_looks_again_at_what_was_passed(world: World) -> None:
    """A release that knows of more commands, beside one that does not or after it."""
    key, other = new_key(), new_key()
    await world.people.create_users([NewUser(owner=OPERATOR, key=one) for one in (key, other)])
    await world.rows("update purchases.idempotency_keys set what = 'tell_more' where key = %s", other)
    await age(world, key, other)
    for deeds, forgotten in (
        (["nothing"], set()),
        (["create_user"], {key}),
        (["create_user", "tell_more"], {key, other}),
    ):
        await AnswerForgetter(world.api, keep_days=30, deeds=deeds).forget(asyncio.Event())
        assert {row[0] for row in await world.rows(WITHOUT)} == forgotten
    known = "select known from purchases.answers_forgotten order by known"
    assert await world.rows(known) == [(["create_user", "tell_more"],), (["nothing"],)]


async def test_nothing_younger_than_a_week_is_forgotten(world: World) -> None:
    """Whatever whoever runs the process has set; and nobody but the function says how far it has come."""
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_api"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            await connection.execute("select purchases.forget_answers(interval '6 days', '{create_user}', 10)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("update purchases.answers_forgotten set upto = now()")


async def test_one_process_at_a_time_forgets(world: World) -> None:
    """Another one leaves it to that, and waits for nothing."""
    key = new_key()
    await world.people.create_user(NewUser(owner=OPERATOR, key=key))
    await age(world, key)
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_api")) as other:
        assert await store.answers(other, keep_days=30, deeds=["nothing"], limit=1) == store.Batch(1, 0)
        async with world.api.transaction() as tx:
            assert await store.answers(tx, keep_days=30, deeds=["create_user"], limit=1) == store.Batch(0, 0)
        await other.rollback()
    await forgetter(world).forget(asyncio.Event())
    assert await world.rows(WITHOUT) == [(key,)]


async def test_a_purchase_of_long_ago_beside_a_new_one(world: World) -> None:
    """In one batch: the old one is told as it stands, the new one recorded; one that cannot be told harms none (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    old, lost, new = [buy(user, merchant, reference=name) for name in ("old", "lost", "new")]
    first, _ = await world.record(old, lost)
    await age(world, old.key, lost.key)
    await forgetter(world).forget(asyncio.Event())
    await world.request(first.cashback.id)
    told, recorded = await world.purchases.record([old, new])
    assert isinstance(told, Recorded)
    assert (told.is_replay, told.is_rebuilt) == (True, True)
    assert decoded(told, PurchaseAnswer) == msgspec.structs.replace(
        first, cashback=msgspec.structs.replace(first.cashback, state="mint_requested")
    )
    assert isinstance(recorded, Recorded)
    assert not recorded.is_replay
    await world.rows("update purchases.idempotency_keys set answer = null, what = 'nothing' where key = %s", lost.key)
    with pytest.raises(Broken):
        await world.purchases.record([buy(user, merchant, reference="later"), lost])
    assert await world.one("select count(*) from purchases.purchases where reference = 'later'") == 1
    await world.assert_books_prove()


async def test_what_is_lost_is_ours_to_answer_for_and_harms_nobody_beside_it(world: World) -> None:
    """What is not there any more beside users who are: no refusal of the caller's, and the others are told (I7)."""
    created = await world.people.create_users([NewUser(owner=OPERATOR, key=new_key()) for _ in range(3)])
    now = world.clock.now()
    forgotten = [Forgotten("create_user", decoded(one, User).id) for one in created]
    lost = [
        Forgotten("create_refund", new_id("rfd")),
        Forgotten("block_user", new_id("usr")),
        Forgotten("create_programme", new_id("prg")),
        Forgotten("revoke_api_key", new_id("key")),
        Forgotten("create_webhook_endpoint", new_id("whe")),
    ]
    rebuilders = {**REBUILDERS, **WEBHOOK_REBUILDERS}
    made = await rebuild(world.api, [*lost, *forgotten], rebuilders=rebuilders, now=now)
    assert [type(one) for one in made] == [Broken] * len(lost) + [bytes] * len(forgotten)
    [gone] = await rebuild(world.api, [Forgotten("create_wallet_challenge", "0" * 32)], rebuilders=rebuilders, now=now)
    assert isinstance(gone, ChallengeUnknown)


async def test_a_refund_that_is_applied_while_it_is_read_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between one statement and the next its purchase comes: it is told as it waits or as applied, never as none."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    refunds = Refunds(world.api, clock=world.clock)
    command = NewRefund(
        owner=OPERATOR,
        key=new_key(),
        reason="of a test",
        merchant_id=merchant.id,
        purchase_reference="comes",
        amount_minor=100,
    )
    parked = decoded(await refunds.refund_one(command), RefundAnswer)
    bought = [buy(user, merchant, reference="comes")]

    def first(reading: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Have the purchase come once this reading has ended, if none has ended before."""

        async def read(*asked: Any, **named: Any) -> Any:  # noqa: ANN401  # whatever is read
            """Read, and then have it come."""
            found = await reading(*asked, **named)
            while bought:
                await world.record(bought.pop())
            return found

        return read

    monkeypatch.setattr(refunds_store, "read_answer", first(refunds_store.read_answer))
    monkeypatch.setattr(refunds_store, "read_parked", first(refunds_store.read_parked))
    told = await refunds.show(parked.id, merchant_id=merchant.id)
    assert (told.id, told.state, bought) == (parked.id, RefundState.APPLIED, [])


async def test_refunds_of_long_ago_are_told_as_they_were_applied_or_as_they_wait(world: World) -> None:
    """What was parked and applied since is told as applied; what waits still, as on the first day."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    refunds = Refunds(world.api, clock=world.clock)
    commands = [
        NewRefund(
            owner=OPERATOR,
            key=new_key(),
            reason="of a test",
            merchant_id=merchant.id,
            purchase_reference=name,
            amount_minor=100,
        )
        for name in ("comes", "never comes")
    ]
    first = [decoded(one, RefundAnswer) for one in await refunds.refund(commands)]
    assert {one.state for one in first} == {RefundState.PARKED}
    await world.record(buy(user, merchant, reference="comes"))
    await age(world, *(command.key for command in commands))
    await forgetter(world).forget(asyncio.Event())
    outcomes = await refunds.refund(commands)
    assert [outcome.is_rebuilt for outcome in outcomes if isinstance(outcome, Recorded)] == [True, True]
    applied, parked = [decoded(one, RefundAnswer) for one in outcomes]
    assert (applied.id, applied.state, parked) == (first[0].id, RefundState.APPLIED, first[1])
