"""One wallet is one user's, whichever way it comes, unless a programme in force lets more share it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import Conditions, NewProgramme, Programme, ProgrammeInvalid
from cashback.purchases.model import OPERATOR, NewUser, Order, Recorded, Refused, User
from cashback.purchases.model.ownership import Ended
from tests.integration.ledger.world import Dsns, World, decoded, new_key, open_world, wallet_number
from tests.integration.purchases.proving import POLICY, Proving, code_of, holder, judging, set_to

COOLDOWN = timedelta(seconds=POLICY.cooldown_s)


@pytest.fixture
async def proving(world: World) -> AsyncIterator[Proving]:
    """Give the service, with an adapter that judges."""
    async with judging() as (_, adapter):
        yield Proving(world, adapter)


def a_user(wallet: str | None, *, key: str = "") -> NewUser:
    """Return the command that creates a user."""
    return NewUser(owner=OPERATOR, key=key or new_key(), wallet=wallet)


async def letting(world: World, users: int, *, currency: str = "USD") -> Programme:
    """Give a programme in force that lets so many share a wallet."""
    terms = NewProgramme(
        name=f"{currency} for {users}",
        currency=currency,
        rate=Bps(100),
        token_rate=TokenRate(1, 1),
        budget=Minor(1_000_000),
        conditions=Conditions(users_per_wallet=users),
    )
    programme = await world.start(terms)
    assert programme.conditions.users_per_wallet == users
    return programme


async def end(world: World, programme: Programme) -> None:
    """End a programme."""
    order = Order(owner=OPERATOR, key=new_key())
    assert isinstance(await world.programmes.end(order, programme.id, reason="it is over"), Recorded)


async def test_a_wallet_of_somebody_else_is_refused_whichever_way_it_comes(proving: Proving) -> None:
    """To a new user, to one who has another, and to one who proves to hold it; who has it may set it again."""
    people, anna = proving.world.people, holder(1)
    owner, other = await proving.world.user(wallet=anna.address), await proving.world.user()
    assert code_of(await people.create_user(a_user(anna.address))) == "wallet_taken"
    assert code_of(await people.set_wallet(set_to(other, anna.address))) == "wallet_taken"
    assert code_of(await people.set_wallet(set_to(other, anna.address, person="bert"))) == "wallet_taken"
    assert code_of(await proving.prove(other, anna)) == "wallet_taken"
    assert isinstance(await people.set_wallet(set_to(owner, anna.address)), Recorded)
    assert isinstance(await proving.prove(owner, anna), Recorded)
    assert await proving.linked(other) == [(other.wallet, "operator")]


async def test_what_was_answered_is_answered_again_whoever_has_the_wallet_now(proving: Proving) -> None:
    """The first user's own creation among it; a refused command keeps no key."""
    people, wallet = proving.world.people, wallet_number(1)
    first, second = a_user(wallet), a_user(wallet)
    made = await people.create_user(first)
    assert code_of(await people.create_user(second)) == "wallet_taken"
    user = decoded(made, User)
    moved = set_to(user, wallet_number(2))
    assert isinstance(await people.set_wallet(moved), Recorded)
    assert isinstance(await people.create_user(second), Recorded)
    assert isinstance(made, Recorded)
    assert await people.create_user(first) == Recorded(made.answer, is_replay=True)
    again = await people.set_wallet(moved)
    assert isinstance(again, Recorded)
    assert again.is_replay


async def test_of_a_batch_one_gets_the_wallet_and_no_neighbour_is_harmed(world: World) -> None:
    """The first of those that want it, a repeat of which is a repeat; all others are done."""
    key = new_key()
    commands = [a_user(wallet_number(1), key=key), a_user(None), a_user(wallet_number(1)), a_user(wallet_number(2))]
    commands += [a_user(wallet_number(1), key=key)]
    outcomes = await world.people.create_users(commands)
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False, False, True, False, False]
    assert code_of(outcomes[2]) == "wallet_taken"
    assert decoded(outcomes[0], User) == decoded(outcomes[4], User)
    user, other = decoded(outcomes[0], User), decoded(outcomes[3], User)
    both = [set_to(user, wallet_number(3)), set_to(other, wallet_number(3))]
    assert [isinstance(outcome, Refused) for outcome in await world.people.set_wallets(both)] == [False, True]


async def test_of_all_who_ask_at_once_one_gets_the_wallet(world: World, dsns: Dsns) -> None:
    """In two processes, users new and old, each several times: whoever comes second sees the first."""
    users = [await world.user() for _ in range(6)]
    async with open_world(dsns) as other:
        asked = [side.people.create_user(a_user(wallet_number(1))) for side in (world, other) * 4]
        asked += [
            (world, other)[place % 2].people.set_wallet(set_to(user, wallet_number(1)))
            for place, user in enumerate(users)
        ]
        outcomes = await asyncio.gather(*asked)
    assert sum(isinstance(outcome, Recorded) for outcome in outcomes) == 1
    assert await world.one("select count(*) from ledger.recipients where wallet = %s", wallet_number(1)) == 1


async def test_a_programme_in_force_lets_more_share_and_the_most_generous_counts(world: World) -> None:
    """Until it ends: then those that share one go on, and nobody joins them."""
    people = world.people
    two, three = await letting(world, 2), await letting(world, 3, currency="EUR")
    outcomes = [await people.create_user(a_user(wallet_number(1))) for _ in range(4)]
    assert [isinstance(outcome, Recorded) for outcome in outcomes] == [True, True, True, False]
    await end(world, three)
    second = [await people.create_user(a_user(wallet_number(2))) for _ in range(3)]
    assert [isinstance(outcome, Recorded) for outcome in second] == [True, True, False]
    await end(world, two)
    assert isinstance(await people.set_wallet(set_to(decoded(outcomes[0], User), wallet_number(1))), Recorded)
    assert code_of(await people.create_user(a_user(wallet_number(2)))) == "wallet_taken"
    assert await world.one("select count(*) from ledger.recipients where wallet = %s", wallet_number(1)) == 3


async def test_who_waits_for_a_wallet_counts_as_if_they_had_it(proving: Proving) -> None:
    """Nobody takes it meanwhile; once the change is superseded it is free."""
    people, world, wanted = proving.world.people, proving.world, holder(2)
    user = await world.user(wallet=None)
    await proving.proved(user, holder(1))
    await proving.proved(user, wanted)
    assert code_of(await people.create_user(a_user(wanted.address))) == "wallet_taken"
    await proving.proved(user, holder(3))
    assert isinstance(await people.create_user(a_user(wanted.address)), Recorded)


async def test_a_change_whose_wallet_was_given_away_meanwhile_is_refused_and_told(proving: Proving) -> None:
    """Two wait for one while a programme lets them; it ends, and the one that asked first gets it."""
    world, wanted = proving.world, holder(9)
    programme = await letting(world, 2)
    users = [await world.user(wallet=None), await world.user(wallet=None)]
    for place, user in enumerate(users):
        await proving.proved(user, holder(place))
        await proving.proved(user, wanted)
        world.clock.advance(timedelta(seconds=1))
    await end(world, programme)
    world.clock.advance(COOLDOWN)
    assert await proving.cooldown.round() == 2
    shown = [(await proving.user(user)).wallet for user in users]
    assert shown == [wanted.address, holder(1).address]
    endings = [(await proving.ownership.changes(user.id, place=None, limit=1))[0][0].ended_as for user in users]
    assert endings == [Ended.APPLIED, Ended.REFUSED]


@pytest.mark.parametrize("users", [0, 1_001])
async def test_a_term_that_no_programme_may_have_is_refused(world: World, users: int) -> None:
    """With the place of it; the usual one is the fingerprint of before."""
    terms = NewProgramme(name="x", currency="USD", rate=Bps(100), token_rate=TokenRate(1, 1), budget=Minor(1))
    bad = msgspec.structs.replace(terms, conditions=Conditions(users_per_wallet=users))
    with pytest.raises(ProgrammeInvalid) as refusal:
        await world.start(bad)
    assert refusal.value.fields["pointer"] == "/users_per_wallet"
    assert msgspec.json.encode(Conditions()) == b"{}"
