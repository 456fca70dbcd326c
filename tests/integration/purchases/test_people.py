"""Users with their wallets, and merchants."""

import msgspec
import pytest

from cashback.kernel.ids import new_id
from cashback.purchases.model import OPERATOR, MerchantUnknown, NewUser, NewWallet, Recorded, Refused, User, UserUnknown
from tests.integration.ledger.world import World, new_key, wallet_number


async def test_a_user_may_come_with_a_wallet_or_without(world: World) -> None:
    """The ledger is told where cashback goes in the same transaction."""
    with_wallet, without = await world.user(wallet=wallet_number(1)), await world.user(wallet=None)
    assert await world.people.user(with_wallet.id) == with_wallet
    assert await world.people.user(without.id) == without
    assert (await world.readings.balances_of_user(with_wallet.id))[0] == wallet_number(1)
    assert (await world.readings.balances_of_user(without.id))[0] is None


async def test_a_new_wallet_is_the_one_in_use_and_the_old_one_is_kept(world: World) -> None:
    """History is never rewritten."""
    user = await world.user(wallet=wallet_number(1))
    changed = await world.link(user, wallet_number(2))
    assert changed.wallet == wallet_number(2)
    assert await world.people.user(user.id) == changed
    rows = await world.rows("select address from purchases.wallets where user_id = %s order by position", user.id)
    assert rows == [(wallet_number(1),), (wallet_number(2),)]


async def test_bad_people_are_refused_one_by_one(world: World) -> None:
    """A wallet without its checksum or of an unknown user stores nothing and harms no neighbour."""
    outcomes = await world.people.create_users(
        [
            NewUser(owner=OPERATOR, key=new_key(), wallet=wallet_number(3).lower()),
            NewUser(owner=OPERATOR, key=new_key(), reference="sound"),
        ]
    )
    assert [isinstance(outcome, Recorded) for outcome in outcomes] == [False, True]
    refused = await world.people.set_wallet(
        NewWallet(owner=OPERATOR, key=new_key(), user_id=new_id("usr"), wallet=wallet_number(3))
    )
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, UserUnknown)
    assert await world.one("select count(*) from purchases.users") == 1


async def test_thousands_of_users_are_created_in_a_few_transactions(world: World) -> None:
    """An import creates its customers as fast as its purchases."""
    commands = [
        NewUser(owner=OPERATOR, key=f"customer-{number}", reference=str(number), wallet=wallet_number(number))
        for number in range(1_100)
    ]
    outcomes = await world.people.create_users(commands)
    users = [msgspec.json.decode(outcome.answer, type=User) for outcome in outcomes if isinstance(outcome, Recorded)]
    assert [user.reference for user in users] == [str(number) for number in range(1_100)]
    assert await world.one("select count(*) from ledger.recipients") == 1_100


async def test_who_is_not_there_is_not_found(world: World) -> None:
    """Well-formed ids of nobody."""
    with pytest.raises(UserUnknown):
        await world.people.user(new_id("usr"))
    with pytest.raises(MerchantUnknown):
        await world.people.merchant(new_id("mer"))
