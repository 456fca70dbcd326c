"""What users owe: shown with what became of it, and given up by age or by a person (I1, I8)."""

import asyncio
from datetime import timedelta

import msgspec
import psycopg
import pytest

from cashback.ledger.model import DebtUnknown
from cashback.ledger.service.debts import DebtStory, OpenStory
from cashback.purchases.model import OPERATOR, Refused, User
from cashback.purchases.model.refunds import DebtWriteOff, WriteOffAnswer
from tests.integration.ledger.refunding import (
    balance,
    debt_write_offs_of,
    debts_of,
    give_back,
    refunded,
    standing,
    write_offs_of,
)
from tests.integration.ledger.world import START, Dsns, World, buy, decoded, minted_outcome, new_key, open_world
from tests.support.facts import eventually

DAY = timedelta(days=1)


async def owe(world: World, user: User, *amounts: int) -> None:
    """Have a user owe 1.5 % of each amount, in tokens: all were minted, and one a day is returned."""
    merchant = await world.merchant()
    purchases = await world.record(*[buy(user, merchant, amount) for amount in amounts])
    for purchase in purchases:
        await world.request(purchase.cashback.id)
        await world.settle(await minted_outcome(world, purchase.cashback.id))
    for purchase in purchases:
        await refunded(world, give_back(purchase))
        world.clock.advance(DAY)


def figures(id_: str, *, requested: int, collected: int, written_off: int) -> DebtStory:
    """Return what debts are told as."""
    open_ = requested - collected - written_off
    return DebtStory(
        id=id_,
        token="CBK",  # a ticker, not a password
        requested=str(requested),
        collected=str(collected),
        uncollected=str(written_off + open_),
        written_off=str(written_off),
        open=str(open_),
    )


def command(user: User, token_units: int | None = None) -> DebtWriteOff:
    """Return an order to give up what a user owes."""
    return DebtWriteOff(
        owner=OPERATOR, key=new_key(), user_id=user.id, person="alice", reason="moved away", token_units=token_units
    )


@pytest.mark.invariant("I1", "I8")
async def test_debts_are_shown_by_user_and_by_programme(world: World) -> None:
    """Requested, collected from the next cashback, and what is open: the youngest."""
    programme = await world.programme()
    user = await world.user()
    with pytest.raises(DebtUnknown):
        await debts_of(world).of_user(user.id)
    [purchase] = await world.record(buy(user, await world.merchant(), 8_000))
    await refunded(world, give_back(purchase, 1))
    [later] = await world.record(buy(user, await world.merchant(), 20_000))
    await world.request(purchase.cashback.id)
    await world.settle(await minted_outcome(world, purchase.cashback.id))
    await refunded(world, give_back(purchase, 7_999))
    world.clock.advance(DAY)
    await world.request(later.cashback.id)
    assert (await standing(world, later))["netted_units"] == 1_190_000
    await world.settle(await minted_outcome(world, later.cashback.id))
    await refunded(world, give_back(later))
    told = await debts_of(world).of_user(user.id)
    assert told.figures == figures(user.id, requested=4_190_000, collected=1_190_000, written_off=0)
    assert told.open == [OpenStory(programme_id=programme.id, token_units="3000000", since=START + DAY)]
    assert (await debts_of(world).of_programmes(after=None, limit=10))[0] == [
        figures(programme.id, requested=4_190_000, collected=1_190_000, written_off=0)
    ]
    [debtor] = await debts_of(world).debtors(after=None, limit=10)
    assert (debtor.user_id, debtor.token_units, debtor.since) == (user.id, "3000000", START + DAY)
    assert await debts_of(world).debtors(after=user.id, limit=10) == []


@pytest.mark.invariant("I1", "I8")
async def test_a_debt_is_not_taken_for_another_that_was_given_up_in_the_same_microsecond(world: World) -> None:
    """Of two of the same size, one is owed, and the other was given up when it was raised: by its own transaction."""
    programme = await world.programme()
    user, merchant = await world.user(), await world.merchant()
    owed, given_up = await world.record(buy(user, merchant), buy(user, merchant))
    for purchase in (owed, given_up):
        await world.request(purchase.cashback.id)
        await world.settle(await minted_outcome(world, purchase.cashback.id))
    await refunded(world, give_back(owed))
    await world.rows("update ledger.programmes set refund_policy = 'write_off'")
    await refunded(world, give_back(given_up))
    moved = await world.rows(
        "select cause, amount, at from ledger.transfers where cause in ('debt', 'write_off') order by position"
    )
    units = moved[0][1]
    assert moved == [(cause, units, START) for cause in ("debt", "debt", "write_off")]
    told = await debts_of(world).of_user(user.id)
    assert told.open == [OpenStory(programme_id=programme.id, token_units=str(units), since=START)]
    assert told.figures == figures(user.id, requested=2 * units, collected=0, written_off=units)
    await world.rows("update ledger.programmes set write_off_after_days = 1")
    world.clock.advance(2 * DAY)
    assert [await write_offs_of(world).round(), await write_offs_of(world).round()] == [units, 0]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_what_is_too_old_is_written_off_and_the_rest_is_not(world: World) -> None:
    """After ten days the first of two debts; a second round finds nothing, a day later it finds the second."""
    programme = await world.programme()
    user = await world.user()
    await owe(world, user, 10_000, 20_000)
    assert await write_offs_of(world).round() == 0
    await world.rows("update ledger.programmes set write_off_after_days = 10")
    world.clock.advance(8 * DAY)
    assert [await write_offs_of(world).round(), await write_offs_of(world).round()] == [1_500_000, 0]
    assert await world.rows("select user_id, token_units, person, reason from ledger.write_offs") == [
        (user.id, 1_500_000, "ledger", "age")
    ]
    await world.assert_books_prove()
    world.clock.advance(DAY)
    assert await write_offs_of(world).round() == 3_000_000
    assert (await debts_of(world).of_user(user.id)).figures == figures(
        user.id, requested=4_500_000, collected=0, written_off=4_500_000
    )
    assert (await debts_of(world).of_programmes(after=None, limit=10))[0] == [
        figures(programme.id, requested=4_500_000, collected=0, written_off=4_500_000)
    ]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_two_workers_write_the_same_debt_off_once(dsns: Dsns, world: World) -> None:
    """Both wait for the user's lock at once; the second one finds nothing left."""
    await world.programme()
    user = await world.user()
    await owe(world, user, 10_000)
    await world.rows("update ledger.programmes set write_off_after_days = 1")
    async with open_world(dsns) as other:
        other.clock.advance(10 * DAY)
        world.clock.advance(10 * DAY)

        async def both_wait() -> bool | None:
            """Tell whether two workers wait for a lock."""
            waiting = "wait_event_type = 'Lock' and datname = current_database()"
            return await world.one(f"select count(*) = 2 from pg_stat_activity where {waiting}") or None

        async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
            await holder.execute("select from ledger.accounts where kind = 'debt' for update")
            rounds = asyncio.gather(write_offs_of(world).round(), write_offs_of(other).round())
            await eventually(both_wait, within_s=30, what="both workers want the user's debt")
            await holder.rollback()
            assert sorted(await rounds) == [0, 1_500_000]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_person_gives_a_debt_up_with_a_reason(world: World) -> None:
    """A part of it, the oldest first, then the rest; then nothing is owed."""
    await world.programme()
    user = await world.user()
    await owe(world, user, 10_000)
    part = command(user, 400_000)
    answers = [decoded(await debt_write_offs_of(world).write_off(part), WriteOffAnswer) for _ in range(2)]
    assert [answer.token_units for answer in answers] == ["400000", "400000"]
    assert await balance(world, user.id, "debt") == -1_100_000
    spaced = msgspec.structs.replace(command(user), person=" alice ", reason=" moved away ")
    rest = decoded(await debt_write_offs_of(world).write_off(spaced), WriteOffAnswer)
    assert (rest.token_units, rest.person, rest.reason) == ("1100000", "alice", "moved away")
    refused = await debt_write_offs_of(world).write_off(command(user))
    assert isinstance(refused, Refused)
    assert refused.error.code == "nothing_owed"
    kept = await world.rows("select person, reason from ledger.write_offs")
    assert kept == [("alice", "moved away")] * 2
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_write_off_names_a_user_and_a_reason(world: World) -> None:
    """Refused with the place."""
    user = await world.user()
    for changes, code, place in (
        ({"user_id": "usr_1"}, DebtUnknown.code, "user_id"),
        ({"token_units": 0}, "field_invalid", "/token_units"),
        ({"reason": ""}, "field_invalid", "/reason"),
        ({"reason": "   "}, "field_invalid", "/reason"),
        ({"reason": "x" * 501}, "field_invalid", "/reason"),
        ({"person": " "}, "field_invalid", "/person"),
        ({"person": ""}, "field_invalid", "/person"),
    ):
        outcome = await debt_write_offs_of(world).write_off(msgspec.structs.replace(command(user), **changes))
        assert isinstance(outcome, Refused)
        assert (outcome.error.code, *outcome.error.fields.values()) == (code, place)
