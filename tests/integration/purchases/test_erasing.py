"""Erasing behind the API: what stays gives way to the one function, and what is due of nobody stops nothing."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from cashback.kernel.entity import tag_of
from cashback.purchases.model import OPERATOR, Order, User
from cashback.purchases.model.ownership import WalletChange
from cashback.purchases.model.privacy import Erasure, ErasureAnswer
from cashback.purchases.service import Edits, Erasing, Orders
from cashback.purchases.service.editing import UserReference
from tests.integration.ledger.world import World, buy, decoded, new_key
from tests.integration.purchases.proving import POLICY, Proving, holder, judging
from tests.integration.purchases.test_wallets import waiting
from tests.support.facts import eventually


async def erase(world: World, user_id: str) -> ErasureAnswer:
    """Return the answer to an erasure."""
    command = Erasure(owner=OPERATOR, key=new_key(), user_id=user_id, person="ada", reason="asked for")
    return decoded(await Erasing(world.api, clock=world.clock).erase(command), ErasureAnswer)


async def test_a_wallet_stays_but_for_an_erasure(world: World) -> None:
    """Of the owner by a trigger, of the API by its rights; the setting of the function helps the API to nothing."""
    await world.user()
    for role, setting in (("cashback_owner", "no"), ("cashback_api", "yes")):
        with psycopg.connect(world.dsns.of(role)) as connection:
            for statement in ("delete from purchases.wallets", "update purchases.wallets set linked_at = now()"):
                connection.execute("select set_config('purchases.erasing', %s, true)", (setting,))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
                connection.rollback()


async def test_of_an_erased_user_the_schema_takes_nothing(world: World) -> None:
    """Not even from a release that knows nothing of it; of others it takes what it took."""
    user, other = await world.user(), await world.user()
    await erase(world, user.id)
    for change in ("reference = 'Ann'", "tier = 'gold', tier_since = now()", "is_blocked = false"):
        await world.rows(f"update purchases.users set {change} where id = %s", other.id)
        with pytest.raises(psycopg.errors.CheckViolation, match="user_erased_is_nobody"):
            await world.rows(f"update purchases.users set {change} where id = %s", user.id)


async def test_answers_that_told_of_a_reference_which_was_changed_are_forgotten(world: World) -> None:
    """Of each change, though the user's row tells of none."""
    user, edits = await world.user(), Edits(Orders(world.api, clock=world.clock))
    keys = [new_key() for _ in range(2)]
    for number, key in enumerate(keys):
        world.clock.advance(timedelta(hours=1))
        seen = tag_of(await world.people.user(user.id))
        change = UserReference(user_id=user.id, reference=f"marker {number}")
        changed = await edits.refer_to_user(Order(owner=OPERATOR, key=key), change, seen=seen)
        assert decoded(changed, User).reference == change.reference
    world.clock.advance(timedelta(hours=1))
    await erase(world, user.id)
    left = "select answer from purchases.idempotency_keys where key = any(%s)"
    assert await world.rows(left, keys) == [(None,)] * 2


async def test_a_clock_that_was_set_back_hides_no_answer(world: World) -> None:
    """Answers are found by what each command wrote down of its own instant, whatever the clock said beside that."""
    user, edits = await world.user(wallet=None), Edits(Orders(world.api, clock=world.clock))
    async with judging() as (_, adapter):
        proving = Proving(world, adapter)
        asked = await proving.challenge(user, holder(1).address)
        world.clock.advance(-timedelta(minutes=2))
        decoded(await proving.answer(user, asked.nonce, holder(1).sign(asked.message)), WalletChange)
    for number in range(3):
        world.clock.advance(-timedelta(hours=1))
        change = UserReference(user_id=user.id, reference=f"marker {number}")
        seen = tag_of(await world.people.user(user.id))
        decoded(await edits.refer_to_user(Order(owner=OPERATOR, key=new_key()), change, seen=seen), User)
    world.clock.advance(-timedelta(hours=1))
    await erase(world, user.id)
    told = "select what from purchases.idempotency_keys where answer is not null order by what"
    assert await world.rows(told) == [("erase_user",)]


@pytest.mark.invariant("I4")
async def test_what_waits_for_a_wallet_of_nobody_expires_as_it_would(world: World) -> None:
    """It stays approved, is requested by no sweep, and the books prove (I4: it waits as it did, and for no longer)."""
    await world.programme()
    user = await world.user()
    [purchase] = await world.record(buy(user, await world.merchant()))
    await erase(world, user.id)
    world.clock.advance(timedelta(days=1))
    swept = await world.sweeper.round()
    assert (swept.linked, swept.missed) == (0, 0)
    state = await world.one("select state from ledger.cashback_ledger where id = %s", purchase.cashback.id)
    assert state == "approved"
    await world.assert_books_prove()


async def test_a_change_whose_user_is_erased_while_it_is_applied_takes_nobody_with_it(world: World) -> None:
    """The loop has found both due; of one the user goes before it is locked."""
    async with judging() as (_, adapter):
        proving = Proving(world, adapter)
        gone, stays = await world.user(wallet=None), await world.user(wallet=None)
        for number, user in enumerate((gone, stays)):
            for turn in (0, 1):
                await proving.proved(user, holder(10 * number + turn))
        world.clock.advance(timedelta(seconds=POLICY.cooldown_s))
        async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
            await third.execute("select from purchases.users where id = %s for update", (gone.id,))
            round_ = asyncio.create_task(proving.cooldown.round())
            await eventually(lambda: waiting(world), within_s=10, what="it waits for the user")
            await third.execute("select purchases.erase_user(%s, 'ada', 'asked for', now(), '{}')", (gone.id,))
            await third.commit()
            assert await round_ == 2
        assert (await proving.user(stays)).wallet == holder(11).address
