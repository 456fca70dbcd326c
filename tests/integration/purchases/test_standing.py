"""Users are blocked and merchants deactivated in a person's name: what is bought earns nothing until that is ended."""

from datetime import timedelta

import psycopg
import pytest

from cashback.purchases.model import OPERATOR, KeyReused, MerchantUnknown, Recorded, Refused, UserUnknown
from cashback.purchases.model.standing import MerchantActivity, UserBlock
from tests.integration.ledger.lives import bought, life_of, steps, with_terms
from tests.integration.ledger.world import World, buy, minted_outcome, new_key
from tests.integration.purchases.standings import activate, block, block_of, reasons, standings_of

pytestmark = pytest.mark.invariant("I7")


async def test_a_blocked_user_earns_nothing_until_the_block_is_ended(world: World) -> None:
    """Others do meanwhile; what the block declined stays declined, and replays to itself."""
    await world.programme()
    user, other, merchant = await world.user(), await world.user(), await world.merchant()
    await block(world, user)
    [declined, granted] = await world.record(buy(user, merchant), buy(other, merchant))
    assert (declined.cashback.reason, granted.cashback.reason) == ("user_blocked", "granted")
    await block(world, user, is_blocked=False)
    assert await reasons(world, (user, merchant)) == ["granted"]
    told = await world.readings.cashback(declined.cashback.id)
    assert (told.state.value, await world.readings.replayed(told)) == ("declined", told.document)
    await world.assert_books_prove()


async def test_a_deactivated_merchant_s_purchases_earn_nothing_until_it_is_active_again(world: World) -> None:
    """They are recorded all the same, and others' earn."""
    await world.programme()
    user, merchant, other = await world.user(), await world.merchant(), await world.merchant()
    await activate(world, merchant, is_active=False)
    assert await reasons(world, (user, merchant), (user, other)) == ["merchant_inactive", "granted"]
    await activate(world, merchant, is_active=True)
    assert await reasons(world, (user, merchant)) == ["granted"]


async def test_what_was_granted_before_a_block_is_held_released_and_minted_all_the_same(world: World) -> None:
    """A block shuts the gate of decisions: what the customer was told they earned goes on to their wallet (I4)."""
    await with_terms(world, hold_days=1)
    [held] = await bought(world)
    user_id = await world.one("select user_id from ledger.cashback_ledger where id = %s", held)
    user = await world.people.user(user_id)
    await block(world, user)
    world.clock.advance(timedelta(days=1))
    await life_of(world).round()
    await world.request()
    await world.settle(await minted_outcome(world, held))
    assert await steps(world, held) == ["pending", "approved", "mint_requested", "minted"]
    await world.assert_books_prove()


async def test_a_late_purchase_of_a_blocked_user_earns_nothing_and_its_instant_does_not_matter(world: World) -> None:
    """Who may earn is asked when a purchase is recorded, whenever it occurred."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    before = world.clock.now()
    world.clock.advance(timedelta(hours=1))
    await block(world, user)
    [late] = await world.record(buy(user, merchant, occurred_at=before))
    assert late.cashback.reason == "user_blocked"


async def test_who_said_so_and_why_is_kept_and_saying_it_twice_is_no_news(world: World) -> None:
    """The first word stands until it is taken back, and no row of the journals ever changes."""
    user, merchant = await world.user(), await world.merchant()
    never = await block(world, user, is_blocked=False)
    assert (never.is_blocked, never.is_news, never.person, never.reason, never.at) == (False, False, None, None, None)
    first = await block(world, user)
    again = await block(world, user, person="bob")
    assert (first.is_news, again.is_news, again.person, again.reason) == (True, False, "alice", "fraud")
    assert first.at == again.at == (await world.people.user(user.id)).blocked_since
    await block(world, user, is_blocked=False, person="bob")
    ended = await world.people.user(user.id)
    assert (ended.is_blocked, ended.blocked_since) == (False, None)
    shut = await activate(world, merchant, is_active=False)
    assert (await world.people.merchant(merchant.id)).inactive_since == shut.at
    assert not (await activate(world, merchant, is_active=False, person="bob")).is_news
    await activate(world, merchant, is_active=True, person="bob")
    assert (await world.people.merchant(merchant.id)).inactive_since is None
    said = await world.rows("select is_blocked, person, reason from purchases.user_blocks order by position")
    assert said == [(True, "alice", "fraud"), (False, "bob", "fraud")]
    said = await world.rows("select is_active, person, reason from purchases.merchant_deactivations order by position")
    assert said == [(False, "alice", "closed"), (True, "bob", "closed")]


@pytest.mark.parametrize("journal", ["user_blocks", "merchant_deactivations"])
async def test_a_journal_s_rows_are_changed_by_nobody_and_added_by_the_api_alone(world: World, journal: str) -> None:
    """Its owner cannot change them either, and whoever runs anything else adds none."""
    await block(world, await world.user())
    await activate(world, await world.merchant(), is_active=False)
    for role, change in (
        ("cashback_owner", f"update purchases.{journal} set person = 'mallory'"),
        ("cashback_owner", f"delete from purchases.{journal}"),
        ("cashback_owner", f"truncate purchases.{journal}"),
        ("cashback_api", f"update purchases.{journal} set person = 'mallory'"),
        ("cashback_api", f"insert into purchases.{journal} (position) overriding system value values (1)"),
        ("cashback_auditor", f"insert into purchases.{journal} (person) values ('mallory')"),
        ("cashback_ledger", f"select from purchases.{journal}"),
        ("cashback_operator", f"select from purchases.{journal}"),
        ("cashback_relay", f"select from purchases.{journal}"),
    ):
        with (
            psycopg.connect(world.dsns.of(role), autocommit=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(change.encode())


async def test_a_command_is_done_once_under_its_key(world: World) -> None:
    """A block repeated after its end is answered as then, and blocks nobody anew."""
    user = await world.user()
    command = block_of(user)
    first = await standings_of(world).set(command)
    await block(world, user, is_blocked=False)
    again = await standings_of(world).set(command)
    assert isinstance(first, Recorded)
    assert again == Recorded(answer=first.answer, is_replay=True)
    assert not (await world.people.user(user.id)).is_blocked
    other = UserBlock(**{name: getattr(command, name) for name in command.__struct_fields__} | {"is_blocked": False})
    refused = await standings_of(world).set(other)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, KeyReused)


async def test_whoever_is_not_there_can_be_neither_blocked_nor_deactivated(world: World) -> None:
    """Refused, and the key stands for nothing: neither is anything kept."""
    nobody = UserBlock(owner=OPERATOR, key=new_key(), user_id="usr_none", is_blocked=True, person="a", reason="b")
    nowhere = MerchantActivity(
        owner=OPERATOR, key=new_key(), merchant_id="mer_none", is_active=False, person="a", reason="b"
    )
    outcomes = [await standings_of(world).set(command) for command in (nobody, nowhere)]
    assert [isinstance(one, Refused) and type(one.error) for one in outcomes] == [UserUnknown, MerchantUnknown]
    assert await world.one("select count(*) from purchases.idempotency_keys") == 0
