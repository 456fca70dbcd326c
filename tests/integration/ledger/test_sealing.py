"""Chaining and sealing: nothing is ever skipped, nothing chained out of order, and nobody but the sealer writes it."""

from datetime import timedelta
from random import Random

import psycopg
import pytest

from cashback.ledger.model import Leaf, Seal, SealingForked, SealingTransplanted
from cashback.ledger.rules.evidence import GENESIS, chained, seal_hash
from cashback.ledger.rules.merkle import leaf_hash, root_of
from cashback.ledger.service.leased import LeaseLost
from cashback.ledger.service.sealing import BATCH_MAX
from cashback.ledger.store.evidence import leaf_of, seal_of
from tests.integration.ledger.sealing import fence_of, sealer_of
from tests.integration.ledger.world import Dsns, World, buy, minted_outcome

INSERT = """
    insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                  credit_balance_after, cause, cashback_id, at)
    select (select id from ledger.accounts where kind = 'funding'),
           (select id from ledger.accounts where kind = 'budget'), 'USD', %s, 0, 0, 'funding', null, now()
"""


async def leaves_of(world: World) -> list[Leaf]:
    """Return every leaf, in order."""
    rows = await world.rows(
        "select number, xact::text::bigint, position, bytes, hash from ledger.leaves order by number"
    )
    return [leaf_of(row) for row in rows]


async def seals_of(world: World) -> list[tuple[Seal, bytes]]:
    """Return every seal with its stored hash, in order."""
    rows = await world.rows(
        "select number, first_leaf, last_leaf, root, head, previous, sealed_at, hash from ledger.seals order by number"
    )
    return [(seal_of(row), row[-1]) for row in rows]


async def assert_chained_whole(world: World) -> None:
    """Assert that each transfer has one leaf, in the settled order, each chained to the one before."""
    transfers = await world.rows("select position from ledger.transfers order by xact, position")
    leaves = await leaves_of(world)
    assert [(leaf.number, leaf.position) for leaf in leaves] == [
        (number, position) for number, (position,) in enumerate(transfers, 1)
    ]
    head = GENESIS
    for leaf in leaves:
        head = chained(head, leaf.content)
        assert leaf.hash == head


async def test_every_transfer_becomes_a_leaf_under_a_seal(world: World) -> None:
    """From the funding to the mint, and the seal's root is that of its leaves."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, merchant))
    await world.request()
    await world.settle(await minted_outcome(world, bought.cashback.id))
    fence, sealer = await fence_of(world), sealer_of(world)
    while await sealer.turn(fence):
        pass
    await assert_chained_whole(world)
    leaves, [(seal, hash_)] = await leaves_of(world), await seals_of(world)
    assert (seal.number, seal.first_leaf, seal.last_leaf) == (1, 1, len(leaves))
    assert seal.root == root_of([leaf_hash(leaf.content) for leaf in leaves])
    assert (seal.head, seal.previous, hash_) == (leaves[-1].hash, GENESIS, seal_hash(seal))


async def test_nothing_is_chained_past_a_transaction_that_is_held_open(world: World, dsns: Dsns) -> None:
    """Its position is lower than that of what committed meanwhile: chained early, that would leave it out for ever."""
    await world.programme()
    fence, sealer = await fence_of(world), sealer_of(world)
    await sealer.chain(fence)
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as held:
        await held.execute(INSERT, (1,))
        await world.rows(INSERT, 2)
        assert await world.one("select max(position) from ledger.transfers") == 3
        assert await sealer.chain(fence) == 0
        await held.commit()
    assert await sealer.chain(fence) == 2
    await assert_chained_whole(world)
    assert [leaf.position for leaf in await leaves_of(world)] == [1, 2, 3]


async def test_an_older_transaction_may_post_behind_a_newer_one(world: World, dsns: Dsns) -> None:
    """It has the lower transaction id and the higher position: the chain waits for it, and keeps the order of ids."""
    await world.programme()
    fence, sealer = await fence_of(world), sealer_of(world)
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as older:
        await older.execute("select pg_current_xact_id()")
        await world.rows(INSERT, 2)
        assert await sealer.chain(fence) == 1
        await older.execute(INSERT, (1,))
        await older.commit()
    assert await sealer.chain(fence) == 2
    await assert_chained_whole(world)
    assert [leaf.position for leaf in await leaves_of(world)] == [1, 3, 2]


@pytest.mark.parametrize("seed", range(12))
async def test_no_interleaving_skips_or_reorders(world: World, dsns: Dsns, seed: int) -> None:
    """Transactions begin, post, commit and roll back in any order while the sealer chains in between."""
    await world.programme()
    fence, sealer, random = await fence_of(world), sealer_of(world), Random(seed)  # noqa: S311  # an order to try, no secret
    connections = [await psycopg.AsyncConnection.connect(dsns.superuser) for _ in range(4)]
    for _ in range(80):
        connection = random.choice(connections)
        act = random.choice(["begin", "post", "post", "commit", "roll back", "chain", "chain"])
        if act == "chain":
            await sealer.chain(fence, limit=random.choice([1, 2, 50]))
        elif act == "begin":
            await connection.execute("select pg_current_xact_id()")
        elif act == "post":
            await connection.execute(INSERT, (random.randint(1, 9),))
        else:
            await (connection.commit() if act == "commit" else connection.rollback())
    for connection in connections:
        await connection.commit()
        await connection.close()
    while await sealer.chain(fence, limit=7):
        pass
    await assert_chained_whole(world)


async def test_what_was_posted_before_the_chain_existed_is_chained_first(world: World) -> None:
    """A migration gives all older rows its own transaction's id, so they stand in the order of their positions."""
    await world.programme()
    [(xact, now)] = await world.rows(
        "select attmissingval::text::text[], pg_current_xact_id()::text::bigint from pg_attribute"
        " where attrelid = 'ledger.transfers'::regclass and attname = 'xact'"
    )
    assert 0 < int(xact[0]) < now


async def test_seals_are_set_by_number_or_by_age(world: World) -> None:
    """Three at a time when there are many, and what is left once it has waited."""
    await world.programme()
    for amount in range(1, 7):
        await world.rows(INSERT, amount)
    fence, sealer = await fence_of(world), sealer_of(world, leaves_max=3, wait_max=timedelta(seconds=60))
    while await sealer.turn(fence):
        pass
    assert [(seal.first_leaf, seal.last_leaf) for seal, _ in await seals_of(world)] == [(1, 3), (4, 6)]
    world.clock.advance(timedelta(seconds=59))
    assert not await sealer.seal(fence)
    world.clock.advance(timedelta(seconds=1))
    assert await sealer.seal(fence)
    assert not await sealer.seal(fence)
    first, second, third = await seals_of(world)
    assert (third[0].first_leaf, third[0].last_leaf) == (7, 7)
    assert (second[0].previous, third[0].previous) == (first[1], second[1])


async def test_a_batch_is_bounded_and_asks_for_more(world: World) -> None:
    """However many wait: the turn says that it is to be taken again at once."""
    await world.programme()
    await world.rows(INSERT + " from generate_series(1, %s)", 1, BATCH_MAX + 5)
    fence, sealer = await fence_of(world), sealer_of(world, wait_max=timedelta(hours=1), leaves_max=16_384)
    assert await sealer.turn(fence)
    assert len(await leaves_of(world)) == BATCH_MAX
    assert not await sealer.turn(fence)
    await assert_chained_whole(world)


async def test_a_sealer_that_lost_its_lease_changes_nothing(world: World) -> None:
    """It was stopped for longer than the lease lasts, and another one has gone on."""
    await world.programme()
    sealer, zombie = sealer_of(world), await fence_of(world)
    await world.rows("update ledger.leases set expires_at = clock_timestamp()")
    successor = await fence_of(world, holder="two")
    with pytest.raises(LeaseLost):
        await sealer.turn(zombie)
    assert await leaves_of(world) == []
    await sealer.turn(successor)
    await assert_chained_whole(world)


async def test_a_database_from_another_server_is_not_chained_on(world: World) -> None:
    """A dump brings the ids of transactions that this server has yet to begin: what is new would sort before them."""
    await world.programme()
    await world.rows("alter table ledger.transfers disable trigger all")
    await world.rows("update ledger.transfers set xact = '4611686018427387904'")
    with pytest.raises(SealingTransplanted):
        await sealer_of(world).turn(await fence_of(world))
    assert await leaves_of(world) == []


async def test_leaves_by_another_hand_are_noticed(world: World) -> None:
    """A leaf with the next number of another transfer: whoever chains after it would fork the chain."""
    await world.programme()
    await world.rows(INSERT, 1)
    sealer, fence = sealer_of(world), await fence_of(world)
    await sealer.chain(fence, limit=1)
    await world.rows(
        "insert into ledger.leaves (number, xact, position, bytes, hash, chained_at)"
        " select 2, '1', 2, bytes, hash, now() from ledger.leaves"
    )
    with pytest.raises(SealingForked):
        await sealer.chain(fence)


@pytest.mark.parametrize("table", ["leaves", "seals"])
async def test_evidence_stays_as_it_is(world: World, dsns: Dsns, table: str) -> None:
    """By trigger against everybody, and by grants: only the worker inserts."""
    await world.programme()
    await sealer_of(world).turn(await fence_of(world))
    for statement in (f"update ledger.{table} set number = 9", f"delete from ledger.{table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="stay as they are"):
            await world.rows(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="stay as they are"):
        await world.rows(f"truncate ledger.{table} cascade")
    for role in ("cashback_api", "cashback_operator", "cashback_relay", "cashback_auditor"):
        with psycopg.connect(dsns.of(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"insert into ledger.{table} (number) values (9)".encode())


@pytest.mark.parametrize("role", ["cashback_api", "cashback_ledger", "cashback_operator"])
def test_nobody_says_which_transaction_posted(dsns: Dsns, role: str) -> None:
    """Who could would put a transfer where the sealer has been already."""
    with psycopg.connect(dsns.of(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("insert into ledger.transfers (currency, xact) values ('USD', '3')")
