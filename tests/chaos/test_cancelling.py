"""Mints cancelled under load while the adapter is killed: each cashback is minted once, under one number or another."""

import asyncio
import random
from contextlib import suppress
from typing import Final

import pytest

from cashback.kernel.config import load as settings_of
from cashback.kernel.errors import Rejected, Unavailable
from cashback.ledger.model import NumberNotRetired
from cashback.minting.model import MintRetired
from cashback.processes import cancelling, retrying
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.integration.cli.chain import Chain
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.stack import WholeSystem

ROUNDS: Final = 4
WITHIN_S: Final = 60.0
CAPACITY: Final = 10**13
WHY: Final = "a drill"


async def limit(stack: WholeSystem, capacity: int) -> None:
    """Have the minter's admin set its limit."""
    port = int(stack.anvil.url.rpartition(":")[2].strip("/"))
    await asyncio.to_thread(Chain(port).limit, stack.minter_address, capacity=capacity)


async def newest(stack: WholeSystem, load: Load) -> str:
    """Return the number of the newest mint under way that minting knows, once there is one."""

    async def look() -> str | None:
        query = (
            "select mint_number from ledger.cashback_ledger where purchase_id = any(%s) and state = 'mint_requested'"
        )
        under_way = [row[0] for row in stack.rows("cashback", query, load.purchases)]
        query = "select max(number) from minting.mints where number = any(%s) and state in ('requested', 'accepted')"
        [(number,)] = stack.rows("minting", query, under_way)
        return None if number is None else str(number)

    return await eventually(look, within_s=WITHIN_S, what="a mint is under way")


async def ordered(stack: WholeSystem, number: str) -> str:
    """Order a cancellation until it is answered; return how far it is, or why it is refused."""

    async def look() -> str | None:
        try:
            settings = settings_of(cancelling.Settings, stack.operator_settings())
            return (await cancelling.cancel(settings, number, by="alice", reason=WHY)).progress
        except Unavailable:
            return None
        except Rejected as refusal:
            return refusal.code

    return await eventually(look, within_s=WITHIN_S, what="the adapter answers")


async def ended(stack: WholeSystem, number: str) -> None:
    """Return once a cancelled mint is retired for good, or minted."""

    async def look() -> bool | None:
        return True if await ordered(stack, number) not in {"ordered", "retiring"} else None

    await eventually(look, within_s=WITHIN_S, what=f"mint {number} is retired or minted")


async def given_back(stack: WholeSystem) -> None:
    """Return once every cashback that is stuck was given back, and none is any more."""

    async def look() -> bool | None:
        query = "select number from chain.mints where state = 'refused' and reason = 'number_retired'"
        known = {row[0] for row in stack.rows("cashback", "select number from ledger.retired_numbers")}
        left = [row[0] for row in stack.rows("chain", query) if row[0] not in known]
        for number in left:
            # The adapter has told it, and minting or the ledger may not have heard it yet, or hears it at this moment.
            with suppress(NumberNotRetired, MintRetired):
                settings = settings_of(retrying.Settings, stack.operator_settings())
                await retrying.retry(settings, str(number), by="alice", reason=WHY)
        return None if left else True

    await eventually(look, within_s=WITHIN_S, what="nothing is stuck", every_s=0.5)


@pytest.mark.invariant("I1", "I2", "I3", "I4")
async def test_mints_cancelled_while_the_adapter_is_killed_are_made_once_under_another_number(
    stack: WholeSystem, chance: random.Random
) -> None:
    """Killed between order and retirement, while it is sent, and anywhere after; whichever is first, never both."""
    adapter = stack.processes["adapter"]
    cancelled = []
    async with Load.on(stack) as load:
        for place in range(ROUNDS):
            await load.goes_on(chance.randint(1, 10))
            # Once nothing can be mined of it before its retirement; then whichever is faster.
            if place == 0:
                await limit(stack, 1)
                await load.goes_on(5)
            number = await newest(stack, load)
            await ordered(stack, number)
            cancelled.append(number)
            await asyncio.to_thread(adapter.kill)
            await asyncio.to_thread(adapter.start)
            if place == 0:
                await ended(stack, number)
                await limit(stack, CAPACITY)
    for number in cancelled:
        await ended(stack, number)
    await given_back(stack)
    await assert_nothing_lost_or_doubled(stack, load)
    assert int(cancelled[0]) in {row[0] for row in stack.rows("cashback", "select number from ledger.retired_numbers")}
