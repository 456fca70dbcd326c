"""What a decision asks of a user's past: told of all of it, by reading the part that is asked for."""

from datetime import timedelta
from typing import Final

import psycopg

from cashback.ledger.model.terms import Past
from cashback.ledger.store import counters
from tests.integration.ledger.world import START, World

MANY: Final = 20_000
NOW: Final = START + timedelta(days=1_000)


async def bought(world: World) -> None:
    """Have two users buy at 20 merchants, one purchase in 48 minutes each until now; a tenth was given back by half."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("alter table ledger.cashback_ledger drop constraint cashback_net_explained")
        await connection.execute(
            """
            insert into ledger.cashback_ledger (id, purchase_id, adjustment_id, user_id, merchant_id, programme_id,
                currency, desired_minor, amount_minor, token_units, net_minor, payable_minor, payable_units, state,
                reason, created_at, approved_at)
            select 'cb_' || nth, case when mod(nth, 100) > 0 then 'pur_' || nth end,
                   case when mod(nth, 100) = 0 then 'adj_' || nth end, 'usr_' || mod(nth, 2),
                   case when mod(nth, 100) > 0 then 'mer_' || mod(nth / 2, 20) end, 'prg_x', 'USD', 100, 100, 100,
                   case when mod(nth / 2, 10) = 0 then 50 else 100 end, 100, 100, 'approved', 'granted',
                   %(now)s::timestamptz - nth / 2 * interval '48 minutes' + interval '1 minute', %(now)s
            from generate_series(2, %(many)s + 1) as nth
            """,
            {"many": MANY, "now": NOW},
        )
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("vacuum analyze ledger.cashback_ledger")


async def test_a_past_is_told_whole_by_reading_its_windows(world: World) -> None:
    """An hour for how often, 90 days for what was returned, all for where: and of rows only those of the 90 days."""
    await bought(world)
    buying = [("usr_1", "mer_3"), ("usr_1", "mer_x"), ("usr_0", "mer_19"), ("usr_new", "mer_3"), ("usr_1", "mer_3")]
    async with world.auditor.transaction() as tx:
        found = await counters.pasts(tx, buying, now=NOW)
        cursor = await tx.execute(
            "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'cashback_ledger'"
        )
        [(rows,)] = await cursor.fetchall()
    sums = await world.rows(
        f"""
        select user_id, count(*) filter (where created_at > '{NOW - timedelta(hours=1)}'),
               sum(amount_minor - net_minor) * 10000 / sum(amount_minor)
        from ledger.cashback_ledger
        where purchase_id is not null
          and created_at > '{NOW - timedelta(days=90)}'
        group by user_id
        """
    )
    expected = {
        user: Past(
            has_bought=True,
            in_hour=often,
            merchants=frozenset({"usr_1": {"mer_3"}, "usr_0": {"mer_19"}}[user]),
            refund_ratio_bps=int(ratio),
        )
        for user, often, ratio in sums
    }
    assert found == expected | {"usr_new": Past()}
    assert 0 < rows < MANY / 2, rows


async def test_what_was_given_by_hand_is_no_past(world: World) -> None:
    """A user who was only given something has not bought."""
    await bought(world)
    await world.rows("alter table ledger.cashback_ledger disable trigger all")
    await world.rows(
        "update ledger.cashback_ledger set (purchase_id, merchant_id, adjustment_id) = (null, null, 'adj_' || id)"
        " where user_id = 'usr_1'"
    )
    async with world.auditor.transaction() as tx:
        assert await counters.pasts(tx, [("usr_1", "mer_3")], now=NOW) == {"usr_1": Past()}
