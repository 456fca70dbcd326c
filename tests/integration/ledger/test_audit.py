"""The proof of the books, and that it can fail: one of each kind of difference is planted and found (I1, I8)."""

import asyncio

import psycopg
import pytest

from cashback.kernel import db
from cashback.ledger import Readings
from cashback.purchases.model import OPERATOR, Merchant, Recorded, User
from cashback.purchases.model.refunds import DebtWriteOff
from tests.integration.ledger.refunding import debt_write_offs_of, give_back, refunded
from tests.integration.ledger.world import Dsns, World, buy, failed_outcome, minted_outcome, new_key
from tests.support.facts import eventually

PLANTS = {
    "currency_unbalanced": "update ledger.accounts set balance = balance + 1 where kind = 'budget'",
    "balance_unproved": "update ledger.accounts set balance = balance + 1 where kind = 'budget'",
    "entry_discontinuous": "update ledger.transfers set credit_balance_after = 1 where cause = 'mint'",
    "granted_unaccounted": "update ledger.transfers set amount = amount + 1 where cause = 'accrual'",
    "state_unbooked": """
        update ledger.cashback_ledger
        set (requested_units, payable_units) = (requested_units - 1, payable_units - 1)
        where state = 'minted'
    """,
    "budget_unaccounted": """
        update ledger.cashback_ledger
        set (net_minor, payable_minor) = (net_minor - 1, payable_minor - 1)
        where state = 'minted'
    """,
    "cost_unbooked": "update ledger.accounts set balance = balance - 1 where kind = 'fx' and currency = 'CBK'",
    "granted_not_whole": "update ledger.transfers set cause = 'stuck' where cause = 'void'",
    "tokens_not_whole": "update ledger.transfers set cause = 'mint' where cause = 'netting'",
    "returned_unbooked": "update ledger.transfers set amount = amount + 1 where cause = 'refund'",
    "netting_unbooked": "update ledger.cashback_ledger set netted_units = netted_units - 1 where netted_units > 0",
    "debt_unbooked": "update ledger.cashback_ledger set debt_units = debt_units + 1 where debt_units > 0",
    "debt_not_whole": "update ledger.transfers set cause = 'stuck' where cause = 'write_off'",
    "write_off_unbooked": "update ledger.write_offs set token_units = token_units + 1",
    "history_disagrees": "delete from ledger.cashback_transitions where to_state = 'minted'",
    "grants_contradict": "update ledger.cashback_ledger set grants = null where state = 'minted'",
}


async def lived_in(world: World) -> None:
    """Leave a cashback in every state."""
    await world.programme()
    user, merchant, unreachable = await world.user(), await world.merchant(), await world.user(wallet=None)
    minted, stuck, _ = await world.record(buy(user, merchant), buy(user, merchant, 20_000), buy(user, merchant, 30_000))
    await world.record(buy(unreachable, merchant), buy(user, merchant, 1))
    await world.request()
    await world.settle(await minted_outcome(world, minted.cashback.id), await failed_outcome(world, stuck.cashback.id))
    await returned_from(world, user, merchant)


async def returned_from(world: World, user: User, merchant: Merchant) -> None:
    """Have a user return things before and after their mints: voided, shrunk, reversed, netted, and written off."""
    voided, shrunk, reversed_, netted = await world.record(*[buy(user, merchant, 40_000) for _ in range(4)])
    await refunded(world, give_back(voided), give_back(shrunk, 10_000))
    await world.request(reversed_.cashback.id)
    await world.settle(await minted_outcome(world, reversed_.cashback.id))
    await refunded(world, give_back(reversed_))
    await world.request(netted.cashback.id)
    await refunded(world, give_back(netted))
    order = DebtWriteOff(
        owner=OPERATOR, key=new_key(), user_id=user.id, person="alice", reason="lost", token_units=1_000_000
    )
    assert isinstance(await debt_write_offs_of(world).write_off(order), Recorded)


@pytest.mark.invariant("I1", "I8")
async def test_books_that_were_lived_in_add_up(world: World) -> None:
    """Per user and in total: granted = waiting + in flight + stuck + minted, debits = credits (I1, I8)."""
    await lived_in(world)
    states = await world.rows("select distinct state from ledger.cashback_ledger order by 1")
    assert [state for (state,) in states] == [
        *("approved", "declined", "mint_requested", "minted", "netted", "reversed", "stuck", "voided")
    ]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
@pytest.mark.parametrize("kind", list(PLANTS))
async def test_a_planted_difference_is_found_and_named(world: World, kind: str) -> None:
    """Someone who switches triggers and constraints off is found out by the proof (I1, I8)."""
    await lived_in(world)
    await world.rows("alter table ledger.cashback_ledger disable trigger all")
    for constraint in ("cashback_tokens_accounted", "cashback_net_explained"):
        await world.rows(f"alter table ledger.cashback_ledger drop constraint {constraint}")
    await world.rows("alter table ledger.transfers drop constraint transfer_of_cashback")
    await world.rows("alter table ledger.write_offs disable trigger all")
    await world.rows("alter table ledger.transfers disable trigger all")
    await world.rows("alter table ledger.cashback_transitions disable trigger all")
    await world.rows(PLANTS[kind])
    found = await world.readings.differences(limit=10)
    assert kind in {difference.kind for difference in found}
    assert all(difference.expected != difference.found for difference in found)


@pytest.mark.invariant("I8")
@pytest.mark.parametrize(
    "false", ["credit_balance_after + position", "9223372036854775807", "-9223372036854775808", "-credit_balance_after"]
)
async def test_every_false_balance_is_named_beside_the_sum_of_the_entries_to_there(world: World, false: str) -> None:
    """Those that follow a false one and are right are not named, however large the false one is (I8)."""
    await lived_in(world)
    await world.rows("alter table ledger.transfers disable trigger all")
    await world.rows(f"update ledger.transfers set credit_balance_after = {false} where mod(position, 3) = 0")
    entries = await world.rows("select account_id, position, amount, balance_after from ledger.entries order by 1, 2")
    expected, sums = set(), dict.fromkeys((row[0] for row in entries), 0)
    for account, position, amount, balance_after in entries:
        sums[account] += amount
        if sums[account] != balance_after:
            expected.add((f"{account}@{position}", sums[account], balance_after))
    assert len(expected) > 1
    found = await world.readings.differences(limit=1_000)
    assert {one.kind for one in found} == {"entry_discontinuous"}
    assert {(one.place, one.expected, one.found) for one in found} == expected


@pytest.mark.invariant("I1", "I8")
async def test_all_questions_are_asked_of_one_moment(world: World) -> None:
    """What changes between two of them cannot be in one of their sources and not in the other (I1, I8)."""
    await lived_in(world)
    await world.rows("alter table ledger.cashback_transitions disable trigger all")

    async def waits() -> bool | None:
        """Tell whether the proof has come to the table that is locked."""
        waiting = "wait_event_type = 'Lock' and strpos(query, 'write_offs') > 0 and datname = current_database()"
        return True if await world.one(f"select count(*) from pg_stat_activity where {waiting}") else None

    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("lock table ledger.write_offs in access exclusive mode")
        proof = asyncio.create_task(world.readings.differences())
        await eventually(waits, within_s=30, what="the proof has come to the write-offs")
        await holder.execute("delete from ledger.cashback_transitions where to_state = 'minted'")
        await holder.commit()
        assert await proof == []
    assert {one.kind for one in await world.readings.differences()} == {"history_disagrees"}


@pytest.mark.invariant("I1")
async def test_a_debt_that_another_programme_is_said_to_have_given_up_is_found(world: World) -> None:
    """The user's sum is right, and that of neither programme is: both are named."""
    await lived_in(world)
    await world.rows("update ledger.programmes set ended_at = created_at")
    other = await world.programme()
    await world.rows("alter table ledger.write_offs disable trigger all")
    [(user_id, programme_id)] = await world.rows("select user_id, programme_id from ledger.write_offs")
    await world.rows("update ledger.write_offs set programme_id = %s", other.id)
    found = {(one.kind, one.place, one.expected, one.found) for one in await world.readings.differences(limit=10)}
    assert found == {
        ("write_off_unbooked", f"{user_id}/{programme_id}", 0, 1_000_000),
        ("write_off_unbooked", f"{user_id}/{other.id}", 1_000_000, 0),
    }


async def test_the_proof_may_take_longer_than_other_statements(
    world: World, dsns: Dsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads everything there is: neither the server nor we give it up after the usual time."""
    await lived_in(world)
    # Every other statement of this process is under these bounds too, and has to be done within them.
    monkeypatch.setattr(db, "STATEMENT_TIMEOUT_MS", 2_000)
    monkeypatch.setattr(db, "ANSWER_WITHIN_S", 3.0)
    # The proof is made to wait by a lock, and shall not be given up for that reason.
    monkeypatch.setattr(db, "LOCK_TIMEOUT_MS", 60_000)

    async def is_slow() -> bool | None:
        """Tell whether a statement has waited for longer than either bound."""
        slow = "wait_event_type = 'Lock' and query_start < clock_timestamp() - interval '4 seconds'"
        found = f"select count(*) from pg_stat_activity where datname = current_database() and {slow}"
        return True if await world.one(found) else None

    async with (
        db.Database.open(dsns.of("cashback_auditor"), name="audit", connections_max=1) as database,
        await psycopg.AsyncConnection.connect(dsns.superuser) as holder,
    ):
        await holder.execute("lock table ledger.transfers in access exclusive mode")
        proof = asyncio.create_task(Readings(database).differences())
        await eventually(is_slow, within_s=30, what="the proof has waited longer than a statement may")
        await holder.rollback()
        assert await proof == []
        assert await Readings(database).sums() == await world.readings.sums()
