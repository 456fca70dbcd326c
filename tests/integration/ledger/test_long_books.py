"""What is asked of the books while a cashback is locked: told by its user's accounts, however long the books are."""

from typing import Final

import psycopg
import pytest

from cashback.ledger.store import retirements
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.world import World, buy, failed_outcome

MANY: Final = 20_000


async def written_on(world: World) -> None:
    """Have the books hold many more transfers between the accounts that they have, a third of them debts."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(
            """
            insert into ledger.accounts (owner, kind, currency)
            select 'usr_' || nth, kind, 'CASH'
            from generate_series(1, %(many)s / 100) as nth
            cross join unnest('{debt,minted}'::text[]) as kind
            """,
            {"many": MANY},
        )
        await connection.execute(
            """
            insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                          credit_balance_after, cause, cashback_id, at)
            select debt.id, minted.id, 'CASH', 1, 0, 0,
                   case mod(nth, 3) when 0 then 'debt' when 1 then 'mint' else 'request' end, 'cb_' || nth, now()
            from generate_series(1, %(many)s) as nth
            join ledger.accounts as debt on debt.owner = 'usr_' || 1 + mod(nth, %(many)s / 100) and debt.kind = 'debt'
            join ledger.accounts as minted on minted.owner = debt.owner and minted.kind = 'minted'
            """,
            {"many": MANY},
        )
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("vacuum analyze ledger.transfers, ledger.accounts")


@pytest.mark.parametrize("returned", [0, 4_000])
async def test_what_a_programme_gave_up_of_a_cashback_is_found_by_its_users_debts(world: World, returned: int) -> None:
    """Neither reads the transfers of others, be there debt or none: the cashback is locked meanwhile."""
    programme = await world.programme()
    await world.rows("update ledger.programmes set refund_policy = 'write_off' where id = %s", programme.id)
    [bought] = await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    if returned:
        await refunded(world, give_back(bought, returned))
    outcome = await failed_outcome(world, bought.cashback.id, reason="number_retired")
    await world.settle(outcome)
    await written_on(world)
    async with world.worker.transaction() as tx:
        found = await retirements.lock(tx, int(outcome.mint_number))
        cursor = await tx.execute(
            "select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'transfers'"
        )
        [(scans, rows)] = await cursor.fetchall()
    assert found is not None
    assert found.forgiven_units == returned * 150
    assert (scans, rows < 10) == (0, True), (scans, rows)
