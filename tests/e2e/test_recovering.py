"""Final blocks that are replaced, a restored chain database: a person has it recovered, and every book agrees."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cashback.chain.model import Recovered
from cashback.kernel.config import load
from cashback.kernel.errors import Unavailable
from cashback.ledger.model import Accounted
from cashback.processes import chain_status, halting, recovering
from tests.support.facts import eventually
from tests.support.load import Shop
from tests.support.stack import WholeSystem, stopped, whole_system

WITHIN_S = 30.0
WHY = "the provider replaced final blocks"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[WholeSystem]:
    """Give a system of this module's own: its chain is rewritten, slowly enough to hit a block."""
    with whole_system(tmp_path_factory.mktemp("deep"), anvil_program) as system:
        yield system


@pytest.mark.invariant("I1", "I2", "I9", "I10")
async def test_mints_of_replaced_final_blocks_are_minted_again_once_and_every_book_agrees(
    shop: Shop, stack: WholeSystem
) -> None:
    """From the page over the list to the resumption; in between the ledger says that the tokens are in flight."""
    customers = [await shop.customer() for _ in range(2)]
    answers = [await shop.buy(customers[place % 2]) for place in range(4)]
    for answer in answers:
        await shop.settled(answer["id"])
    ids = [answer["cashback"]["id"] for answer in answers]
    before = {row[0]: row[1:] for row in minted(stack, ids)}
    async with stack.chain() as chain:
        head, first = int(await chain.call("eth_blockNumber"), 16), min(block for block, _ in before.values())
        await chain.call("anvil_reorg", head - first + 1, [])
        assert await chain.mint_logs() == []

    operator = stack.operator_settings()

    async def is_halted() -> bool | None:
        """Tell whether minting is halted for it."""
        halts = (await chain_status.standing(load(chain_status.Settings, operator))).view.halts
        return True if [halt.reason for halt in halts] == ["reorganised_below_final"] else None

    await eventually(is_halted, within_s=WITHIN_S, what="minting is halted")
    ways = load(recovering.Settings, operator)
    forgotten: list[Accounted] = []
    trial = await recovering.recover(ways, by="alice", reason=WHY, is_dry_run=True, tell=forgotten.append)
    done = await recovering.recover(ways, by="alice", reason=WHY, is_dry_run=False, tell=forgotten.append)
    recovered = done.adapter
    assert (recovered, forgotten) == (trial.adapter, [])
    assert sorted(one.cashback_id for one in recovered.taken_back) == sorted(ids)

    async def is_in_flight() -> bool | None:
        """Tell whether the ledger has taken all of them back."""
        query = "select state from ledger.cashback_ledger where id = any(%s)"
        return True if {row[0] for row in stack.rows("cashback", query, ids)} == {"mint_requested"} else None

    await eventually(is_in_flight, within_s=WITHIN_S, what="the ledger has taken the mints back")
    assert minted(stack, ids) == []
    await halting.resume(load(halting.Settings, operator), by="alice", reason="read the list")
    for answer in answers:
        await shop.settled(answer["id"])
    report = await stack.drained()
    assert report.findings == []
    assert report.minted == report.logs
    after = {row[0]: row[1:] for row in minted(stack, ids)}
    assert after.keys() == before.keys()
    assert {block_hash for _, block_hash in after.values()}.isdisjoint(
        {block_hash for _, block_hash in before.values()}
    )
    for customer in customers:
        balance = await shop.live_balance(customer.id)
        assert balance["on_chain"]["token_units"] == balance["ledger"][0]["minted"]["token_units"]
        assert balance["ledger"][0]["in_flight"]["cashbacks"] == 0
    query = "select cashback_id from ledger.cashback_transitions where cashback_id = any(%s) and to_state = 'minted'"
    assert len(stack.rows("cashback", query, ids)) == 2 * len(ids)


@pytest.mark.invariant("I1", "I2", "I9", "I10")
async def test_a_chain_database_from_a_backup_goes_on_once_a_person_has_had_it_recovered(
    shop: Shop, stack: WholeSystem
) -> None:
    """What was minted after the backup is listed and minted no second time; what was bought meanwhile is minted."""
    customer = await shop.customer()
    adapter = stack.processes["adapter"]
    await shop.settled((await shop.buy(customer))["id"])
    async with stopped(adapter):
        execute(stack, "create database chain_backup template chain")
    lost = [await shop.buy(customer) for _ in range(3)]
    for answer in lost:
        await shop.settled(answer["id"])
    await asyncio.to_thread(adapter.stop)
    execute(stack, "alter database chain rename to chain_of_before")
    execute(stack, "alter database chain_backup rename to chain")
    waiting = await shop.buy(customer)
    # It is not ready before minting goes on.
    starting = asyncio.create_task(asyncio.to_thread(adapter.start))
    operator = stack.operator_settings()

    forgotten: list[Accounted] = []

    async def are_halted() -> bool | None:
        """Tell whether both have seen it, each at its own time: a halt after the resumption would want another one."""
        chain = stack.rows("chain", "select from chain.network where halted_reason is not null")
        minting = "select from minting.halts where kind = 'cursor_ahead' and lifted_at is null"
        return True if chain and stack.rows("minting", minting) else None

    await eventually(are_halted, within_s=WITHIN_S, what="both switches are on")

    async def is_recovered() -> Recovered | None:
        """Return what was recovered, None while something is not final yet."""
        try:
            ways = load(recovering.Settings, operator)
            done = await recovering.recover(
                ways, by="alice", reason="restored", is_dry_run=False, tell=forgotten.append
            )
        except Unavailable:  # something is not final yet
            return None
        return done.adapter

    recovered = await eventually(is_recovered, within_s=WITHIN_S, what="the records are recovered")
    query = "select mint_number from ledger.cashback_ledger where id = any(%s)"
    numbers = {row[0] for row in stack.rows("cashback", query, [answer["cashback"]["id"] for answer in lost])}
    assert {one.number for one in recovered.unknown} == numbers
    assert forgotten == []
    assert [lane.next_nonce > lane.next_nonce_before for lane in recovered.lanes] == [True]
    await halting.resume(load(halting.Settings, operator), by="alice", reason="read the list")
    await starting
    await shop.settled(waiting["id"])
    report = await stack.drained()
    assert report.findings == []
    assert report.minted == report.logs


def execute(stack: WholeSystem, statement: str) -> None:
    """Change a database as a whole, as its owner's administrator; the test is in none meanwhile."""
    stack.look_away()
    with psycopg.connect(stack.postgres.dsn(), autocommit=True) as connection:
        connection.execute(statement.encode())


def minted(stack: WholeSystem, ids: list[str]) -> list[tuple[str, int, str]]:
    """Return which of the cashbacks are minted in the ledger, each with its block and that block's hash."""
    query = "select id, block_number, block_hash from ledger.cashback_ledger where id = any(%s) and state = 'minted'"
    return [(row[0], row[1], row[2]) for row in stack.rows("cashback", query, ids)]
