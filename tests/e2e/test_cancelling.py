"""A mint that waits is cancelled by a person, retired on the chain, and made under another number (I1, I2, I3, I10)."""

import asyncio
from typing import Final

import pytest

from cashback.chain.gateway.decoding import RETIRED
from cashback.kernel.config import load
from cashback.processes import cancelling, chain_status, retrying
from tests.integration.cli.chain import Chain
from tests.support.chain import ChainReader
from tests.support.facts import eventually
from tests.support.load import Shop
from tests.support.stack import WholeSystem

WITHIN_S: Final = 60.0
CAPACITY: Final = 10**13


async def limit(stack: WholeSystem, capacity: int) -> None:
    """Have the minter's admin set its limit."""
    port = int(stack.anvil.url.rpartition(":")[2].strip("/"))
    await asyncio.to_thread(Chain(port).limit, stack.minter_address, capacity=capacity)


async def waits(stack: WholeSystem) -> bool | None:
    """Tell whether the lane waits for the limit."""
    standing = await chain_status.standing(load(chain_status.Settings, stack.operator_settings()))
    return True if any(lane.waits_for == "mint_limit_reached" for lane in standing.view.lanes) else None


@pytest.mark.deep
@pytest.mark.invariant("I1", "I2", "I3", "I10")
async def test_a_cancelled_mint_gets_another_number_and_is_minted_once(
    shop: Shop, stack: WholeSystem, chain: ChainReader
) -> None:
    """The limit holds it up and not its retirement; books, records and chain agree before and after."""
    customer = await shop.customer()
    await limit(stack, 1)
    try:
        bought = await shop.buy(customer)
        first = (await shop.settled(bought["id"], "mint_requested"))["mint"]["number"]
        await eventually(lambda: waits(stack), within_s=WITHIN_S, what="the lane waits for the limit")

        async def retired() -> bool | None:
            """Tell whether the number is retired by now."""
            settings = load(cancelling.Settings, stack.operator_settings())
            done = await cancelling.cancel(settings, first, by="alice", reason="the wallet is lost")
            return True if done.progress == "retired" else None

        await eventually(retired, within_s=WITHIN_S, what="the number is retired for good", every_s=0.5)
        stuck = await shop.settled(bought["id"], "stuck")
        assert (stuck["mint"]["number"], stuck["mint"]["failure"]) == (first, "number_retired")
        assert (await stack.reconciled()).findings == []
    finally:
        await limit(stack, CAPACITY)
    settings = load(retrying.Settings, stack.operator_settings())
    retried = await retrying.retry(settings, bought["cashback"]["id"], by="alice", reason="there is another wallet")
    assert (retried.deed, retried.is_news) == ("given_back", True)
    minted = await shop.settled(bought["id"])
    second = minted["mint"]["number"]
    assert int(second) > int(first)
    assert [step["to_state"] for step in minted["timeline"]] == [
        "approved",
        "mint_requested",
        "stuck",
        "approved",
        "mint_requested",
        "minted",
    ]
    numbers = [log.number for log in await chain.mint_logs() if log.recipient == str(customer.wallet).lower()]
    assert numbers == [int(second)]
    wanted = {"address": stack.token_address, "topics": [f"0x{RETIRED.hex()}"], "fromBlock": "0x0"}
    assert [int(log["topics"][1], 16) for log in await chain.call("eth_getLogs", wanted)] == [int(first)]
    report = await stack.drained()
    assert report.findings == []
