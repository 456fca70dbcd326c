"""Fallback: what each part does while a neighbour is away, and that nothing is lost by it."""

import asyncio
from pathlib import Path

from cashback.processes.embedded import HOST, CashbackProcess, free_port
from tests.e2e.conftest import Minted
from tests.support.chain import ChainReader
from tests.support.load import Shop
from tests.support.stack import WholeSystem, stopped


async def test_without_the_adapter_the_balance_is_the_ledgers_and_says_so(
    minted: Minted, shop: Shop, stack: WholeSystem
) -> None:
    """An adapter that is gone, or that hangs, costs a reader no more than its deadline; the figure is marked stale."""
    adapter = stack.processes["adapter"]
    async with stopped(adapter):
        await assert_stale(shop, minted)
    await asyncio.to_thread(adapter.pause)
    try:
        await assert_stale(shop, minted)
    finally:
        adapter.resume()


async def test_without_the_broker_purchases_are_accepted_and_minted_later(shop: Shop, stack: WholeSystem) -> None:
    """While NATS is down the outbox waits; when it is back, what was bought meanwhile is minted."""
    customer = await shop.customer()
    async with stopped(stack.nats):
        answers = [await shop.buy(customer) for _ in range(5)]
        assert [answer["cashback"]["state"] for answer in answers] == ["approved"] * 5
        # The sweep may have requested some by now; without a broker no request leaves the outbox.
        query = "select state from ledger.cashback_ledger where user_id = %s"
        states = [state for (state,) in stack.rows("cashback", query, customer.id)]
        assert len(states) == 5
        assert set(states) <= {"approved", "mint_requested"}
        arrived = "select count(*) from minting.mints where cashback_id = any(%s)"
        assert stack.rows("minting", arrived, [answer["cashback"]["id"] for answer in answers]) == [(0,)]
    for answer in answers:
        await shop.settled(answer["id"])


async def test_with_a_node_down_the_adapter_asks_the_next(
    shop: Shop, stack: WholeSystem, chain: ChainReader, tmp_path: Path
) -> None:
    """With two endpoints, of which the preferred one is dead, purchases are minted and balances are shown."""
    customer = await shop.customer()
    dead = f"http://{HOST}:{free_port()}"
    urls = {"CASHBACK_RPC_URLS": f"{dead},{stack.anvil.url}", "CASHBACK_RPC_QUORUM": "1"}
    settings = stack.settings("adapter") | urls
    port = stack.plan.ports.ready("adapter")
    async with stopped(stack.processes["adapter"]):
        other = CashbackProcess("adapter", log=tmp_path / "adapter.log", port=port, settings=settings)
        await asyncio.to_thread(other.start)
        try:
            answer = await shop.buy(customer)
            await shop.settled(answer["id"])
            assert (await shop.live_balance(customer.id))["on_chain"]["token_units"] == "5000000"
        finally:
            await asyncio.to_thread(other.stop)
    assert await chain.balance(str(customer.wallet)) == 5_000_000


async def assert_stale(shop: Shop, minted: Minted) -> None:
    """Assert that a balance and a timeline are told while the adapter is away, from the ledger's figures.

    Whoever waited for one that hangs would not be told: it never answers.
    """
    balance = await shop.get(f"/v1/users/{minted.customer.id}/balance")
    assert (balance["is_stale"], balance["on_chain"]) == (True, None)
    assert balance["ledger"][0]["minted"]["token_units"] == "990000"
    mint = (await shop.get(f"/v1/purchases/{minted.answer['id']}"))["cashback"]["mint"]
    assert (mint["is_stale"], mint["chain_state"]) == (True, None)
    assert mint["transaction_hash"] == minted.cashback["mint"]["transaction_hash"]
