"""A held purchase, from the REST API to the wallet, without waiting thirty days (I1, I4, I10)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cashback.kernel.clock import advance
from tests.support.load import Shop
from tests.support.stack import SOON_S, WholeSystem, whole_system

HOLD = timedelta(days=30)


@pytest.fixture
def own_stack(tmp_path: Path, anvil_program: Path) -> Iterator[WholeSystem]:
    """Give a system of this test's own: its time is moved."""
    with whole_system(tmp_path, anvil_program, block_time_s=SOON_S) as system:
        yield system


@pytest.mark.invariant("I1", "I4", "I10")
async def test_a_held_cashback_is_minted_once_time_was_moved_past_its_hold(own_stack: WholeSystem) -> None:
    """The worker that was up before releases it, and everything that must stay on real time goes on (I1, I4, I10)."""
    async with Shop.open(own_stack) as shop:
        customer = await shop.customer()
        with psycopg.connect(own_stack.postgres.dsn("cashback"), autocommit=True) as connection:
            connection.execute("update ledger.programmes set hold_days = 30")
        bought = await shop.buy(customer)
        assert bought["cashback"]["state"] == "pending"
        balance = (await shop.get(f"/v1/users/{customer.id}/balance"))["ledger"][0]
        assert (balance["pending"]["cashbacks"], balance["waiting"]["cashbacks"]) == (1, 0)
        await asyncio.to_thread(advance, own_stack.clock_file, HOLD)
        minted = await shop.settled(bought["id"])
        assert [step["to_state"] for step in minted["timeline"]] == ["pending", "approved", "mint_requested", "minted"]
        assert (await own_stack.drained()).findings == []
