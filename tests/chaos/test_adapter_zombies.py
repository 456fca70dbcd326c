"""An adapter that stands still at a named point for longer than its leases, is replaced, and wakes up there.

It may send bytes that are stored, which nodes know already. It stores nothing and signs nothing that is used: every
transaction in which it would is fenced by a lease that another one has by now.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest

from cashback.processes.embedded import CashbackProcess, answers
from tests.chaos.adapter_stage import HASTY, Stage
from tests.chaos.adapter_verdict import assert_minted_once, assert_nonces_in_order, assert_told_once
from tests.integration.chain.support import mint
from tests.support.facts import eventually

MINTS: Final = 3
AWAKE_WITHIN_S: Final = 30.0
THROWN_OUT_WITHIN_S: Final = 30.0
POINTS_OF_ZOMBIES: Final = {
    "slot.signed": {},
    "slot.reserved": {},
    "slot.stored": {},
    "attempt.sent": {},
    "replacement.signed": HASTY,
    "replacement.stored": HASTY,
}
"""Where it stands still, and with which other settings it gets there. `slot.reserved` is inside a transaction, which
holds its locks until the database throws it out after ten seconds."""


@pytest.mark.deep
@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("point", POINTS_OF_ZOMBIES)
async def test_an_adapter_that_stood_still_at_a_point_until_it_was_replaced_does_no_harm_when_it_wakes(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """Its successor has minted everything; awake, it stores no attempt, and both go on side by side."""
    changes = POINTS_OF_ZOMBIES[point]
    asked = [mint(next(numbers)) for _ in range(MINTS)]
    async with stage.standing_still_at(f"{point}=stop", asked, changes) as zombie:
        await thrown_out(stage)
        async with stage.living():
            await stage.settles()
            stored = stage.rows("select hash from chain.blockchain_transactions order by place")
            zombie.resume()
            await awake(zombie)
            assert stage.rows("select hash from chain.blockchain_transactions order by place") == stored
            await stage.accept([mint(next(numbers)) for _ in range(MINTS)])
            await stage.settles()
    await assert_minted_once(stage)
    await assert_nonces_in_order(stage)
    assert_told_once(stage)


@pytest.mark.deep
@pytest.mark.invariant("I2", "I3", "I9")
@pytest.mark.parametrize("point", ["slot.signed", "replacement.signed"])
async def test_an_adapter_that_wakes_with_something_signed_finds_its_lease_lost(
    stage: Stage, numbers: Iterator[int], point: str
) -> None:
    """No block was made meanwhile, and the same nonce is open still: the lease alone says that this is another's."""
    asked = [mint(next(numbers)) for _ in range(MINTS)]
    async with (
        stage.standing_still_at(f"{point}=stop", asked, POINTS_OF_ZOMBIES[point]) as zombie,
        stage.living() as successor,
    ):
        await told(successor, "lane.recovered")
        zombie.resume()
        await told(zombie, f"the lease lane:{stage.signers[0]} was lost")
        assert "attempt.replaced" not in zombie.log.read_text()
        await stage.settles()
    await assert_minted_once(stage)
    await assert_nonces_in_order(stage)
    assert_told_once(stage)


async def told(process: CashbackProcess, words: str) -> None:
    """Return once a process has logged this."""

    async def look() -> bool | None:
        return True if words in await asyncio.to_thread(process.log.read_text) else None

    await eventually(look, within_s=AWAKE_WITHIN_S, what=f"it says {words}")


async def thrown_out(stage: Stage) -> None:
    """Return once nobody stands still inside a transaction; until then its locks keep a successor from starting."""

    async def look() -> bool | None:
        inside = "select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
        return None if stage.rows(inside) else True

    await eventually(
        look, within_s=THROWN_OUT_WITHIN_S, what="the database has ended the transaction that stands still"
    )


async def awake(process: CashbackProcess) -> None:
    """Return once a process that was resumed answers: by then it has gone on from where it stood."""

    async def look() -> bool | None:
        return True if await asyncio.to_thread(answers, process.port, "/readyz") else None

    await eventually(look, within_s=AWAKE_WITHIN_S, what="it is awake")
