"""A paused programme grants, releases, expires and requests nothing until it is resumed (I1, I4, I7)."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from cashback.ledger import MintPolicy, PauseAnswer, ProgrammeUnknown, Sweeper
from cashback.purchases.model import OPERATOR, Refused
from cashback.purchases.model.verdicts import ProgrammePause
from cashback.purchases.service import Orders, Verdicts
from tests.integration.ledger.lives import bought, life_of, steps, with_terms
from tests.integration.ledger.world import World, buy, decoded, minted_outcome, new_key, requests, wallet_number
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I1", "I4", "I7")


async def set_pause(
    world: World, *, is_paused: bool, person: str = "alice", reason: str = "a wrong rate"
) -> PauseAnswer:
    """Give the answer to a pause of the only programme, or to the end of one."""
    programme_id = await world.one("select id from ledger.programmes")
    order = ProgrammePause(
        owner=OPERATOR, key=new_key(), programme_id=programme_id, is_paused=is_paused, person=person, reason=reason
    )
    return decoded(await Verdicts(Orders(world.api, clock=world.clock)).give(order), PauseAnswer)


async def test_a_purchase_earns_nothing_while_the_programme_is_paused(world: World) -> None:
    """The decision says why, and replays to itself; after the end of the pause the next one earns again."""
    await with_terms(world)
    await set_pause(world, is_paused=True)
    [paused] = await bought(world)
    await set_pause(world, is_paused=False)
    [later] = await bought(world)
    told = [await world.readings.cashback(cashback_id) for cashback_id in (paused, later)]
    assert [(one.state.value, one.reason.value) for one in told] == [
        ("declined", "programme_paused"),
        ("approved", "granted"),
    ]
    assert [await world.readings.replayed(one) for one in told] == [one.document for one in told]
    await world.assert_books_prove()


async def test_holds_expiries_reviews_and_requests_stop_and_go_on_when_it_is_resumed(world: World) -> None:
    """What was requested before is settled all the same."""
    await with_terms(world, hold_days=30)
    [requested] = await bought(world)
    world.clock.advance(timedelta(days=30))
    await life_of(world).round()
    [waiting] = await bought(world)
    [unclaimed] = await bought(world, wallet=None)
    await world.request()
    world.clock.advance(timedelta(days=30))
    await life_of(world).round()
    await world.rows("update ledger.programmes set expire_after_days = 30")
    [held] = await bought(world)
    await set_pause(world, is_paused=True)
    world.clock.advance(timedelta(days=31))
    lived = await life_of(world).round()
    await world.request()
    await world.sweeper.round()
    assert (lived.released, lived.expired, lived.reviewed) == (0, 0, 0)
    assert {request.cashback_id for request in await requests(world)} == {requested}
    await world.settle(await minted_outcome(world, requested))
    await set_pause(world, is_paused=False)
    lived = await life_of(world).round()
    await world.sweeper.round()
    await world.request()
    assert (lived.released, lived.expired) == (1, 1)
    assert [(await steps(world, each))[-1] for each in (requested, waiting, unclaimed, held)] == [
        "minted",
        "mint_requested",
        "expired",
        "mint_requested",
    ]
    await world.assert_books_prove()


async def test_a_paused_programme_holds_up_nobody_who_links_a_wallet(world: World) -> None:
    """What it granted waits for it, those who granted elsewhere are requested, and then its own is, too."""
    await with_terms(world)
    paused = await bought(world, *[1_000] * 3, wallet=None)
    await world.programme(currency="EUR")
    user, merchant = await world.user(wallet=None), await world.merchant()
    [granted] = await world.record(buy(user, merchant, currency="EUR", occurred_at=world.clock.now()))
    await world.rows("update ledger.programmes set paused_at = now() where currency = 'USD'")
    sweeper = Sweeper(world.worker, clock=world.clock, policy=MintPolicy(batch_max=3, missed_after=timedelta(days=1)))
    owner = await world.one("select user_id from ledger.cashback_ledger where id = %s", paused[0])
    for nth, user_id in enumerate((owner, user.id)):
        linked = "insert into ledger.recipients (user_id, wallet, linked_at) values (%s, %s, %s)"
        await world.rows(linked, user_id, wallet_number(nth), world.clock.now() + timedelta(seconds=nth))
    assert (await sweeper.round()).linked == 1
    assert {request.cashback_id for request in await requests(world)} == {granted.cashback.id}
    assert await world.one("select count(*) from ledger.recipients where released_at is null") == 0
    await world.rows("update ledger.programmes set paused_at = null")
    world.clock.advance(timedelta(days=2))
    assert (await sweeper.round()).missed == len(paused)
    await world.assert_books_prove()


async def test_a_verdict_said_during_a_pause_is_done_after_it(world: World) -> None:
    """It stays said."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    await world.rows(
        "insert into ledger.reviews (cashback_id, verdict, person, reason, key_id, at)"
        " values (%s, 'reject', 'alice', 'no', 'key_1', now())",
        cashback_id,
    )
    await set_pause(world, is_paused=True)
    assert (await life_of(world).round()).reviewed == 0
    await set_pause(world, is_paused=False)
    assert (await life_of(world).round()).reviewed == 1
    assert await steps(world, cashback_id) == ["review", "voided"]


async def test_who_paused_it_and_why_is_kept_and_pausing_twice_is_no_news(world: World) -> None:
    """The first word stands until it is taken back."""
    await with_terms(world)
    first = await set_pause(world, is_paused=True)
    again = await set_pause(world, is_paused=True, person="bob", reason="as well")
    assert (first.is_news, again.is_news, again.person, again.reason) == (True, False, "alice", "a wrong rate")
    await set_pause(world, is_paused=False, person="bob", reason="mended")
    kept = await world.rows("select is_paused, person, reason from ledger.programme_pauses order by position")
    assert kept == [(True, "alice", "a wrong rate"), (False, "bob", "mended")]
    with (
        psycopg.connect(world.dsns.of("cashback_owner"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("update ledger.programme_pauses set person = 'mallory'")


async def test_a_programme_that_is_not_there_cannot_be_paused(world: World) -> None:
    """Refused, and nothing is kept."""
    order = ProgrammePause(
        owner=OPERATOR, key=new_key(), programme_id="prg_none", is_paused=True, person="alice", reason="why"
    )
    outcome = await Verdicts(Orders(world.api, clock=world.clock)).give(order)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, ProgrammeUnknown)
    assert await world.one("select count(*) from ledger.programme_pauses") == 0


async def test_of_two_who_pause_at_once_the_first_one_does_and_both_are_told_so(world: World) -> None:
    """The second has waited for the programme, and takes what it was from the row as the first has left it."""
    await with_terms(world)
    paused_at = "select paused_at from ledger.programmes"

    async def waiting(count: int) -> None:
        """Return once so many wait for the programme."""
        asked = "wait_event_type = 'Lock' and usename = 'cashback_api' and datname = current_database()"

        async def look() -> bool | None:
            return await world.one(f"select count(*) from pg_stat_activity where {asked}") == count or None

        await eventually(look, within_s=30, what=f"{count} wait for the programme")

    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("select from ledger.programmes for update")
        first = asyncio.create_task(set_pause(world, is_paused=True, person="alice"))
        await waiting(1)
        began_at = world.clock.now()
        world.clock.advance(timedelta(hours=1))
        second = asyncio.create_task(set_pause(world, is_paused=True, person="bob"))
        await waiting(2)
        await holder.rollback()
        told = [await first, await second]
    assert [(one.is_news, one.person) for one in told] == [(True, "alice"), (False, "alice")]
    assert await world.one(paused_at) == began_at
    assert await world.one("select count(*) from ledger.programme_pauses") == 1
