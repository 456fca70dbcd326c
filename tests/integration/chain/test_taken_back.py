"""What mints go back to when a deep reorganisation is booked back: held ones stay held, retired ones stay retired."""

import pytest

from cashback.chain.model import Outcome, Recovered
from cashback.processes import adapter
from tests.integration.chain.cancelling import cancel, retirements
from tests.integration.chain.support import Bench, assembled, eventually, loops, mint, running
from tests.integration.chain.test_holds import REASON, hold
from tests.integration.chain.test_recovering import ALICE, WHY, minted_again, replaced, stream


async def recovered(bench: Bench) -> Recovered:
    """Book back in Alice's name, and return what that was."""
    return await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)


async def resumed(bench: Bench) -> None:
    """Lift the halt, and have each transaction mined at once."""
    await bench.lever.automine(is_on=True)
    await bench.adapter.halting.resume(by=ALICE, because="read the list")


async def told_again(bench: Bench) -> list[Outcome]:
    """Mine until an outcome is told for the second time; return the whole stream."""

    async def look() -> list[Outcome] | None:
        found = await stream(bench)
        if any(one.kind != "reverted" and one.reversals == 1 for one in found):
            return found
        await bench.lever.mine()
        return None

    return await eventually(look)


@pytest.mark.invariant("I2")
async def test_a_held_mint_that_somebody_else_minted_is_held_again_by_a_recovery(settings: adapter.Settings) -> None:
    """It has no slot and may not wait for one: only a person lets it go, and the reason is still there."""
    asked = mint(1)
    async with assembled(settings) as bench:
        await bench.submit(asked)
        await hold(bench, 1)
        async with running(*loops(bench)):
            await bench.people.mint_elsewhere(asked)
            [first] = await bench.settled([1])
            await replaced(bench, first)
            assert [one.number for one in (await recovered(bench)).taken_back] == [1]
            assert [(one.state, one.reason) for one in await bench.views([1])] == [("held", REASON)]
            await resumed(bench)
            await bench.people.mint_elsewhere(asked)
            assert [one.kind for one in await minted_again(bench, [1])] == ["reverted", "minted"]
        assert await bench.logs_of(1) == 1


@pytest.mark.invariant("I2")
async def test_a_held_mint_that_was_cancelled_and_retired_is_retired_again_by_a_recovery(
    settings: adapter.Settings,
) -> None:
    """It goes back to being held, and its retirement is sent again."""
    asked = mint(1)
    async with assembled(settings) as bench:
        await bench.submit(asked)
        await hold(bench, 1)
        async with running(*loops(bench)):
            await cancel(bench, asked)
            [first] = await bench.settled([1])
            assert first.reason == "number_retired"
            await replaced(bench, first)
            assert (await recovered(bench)).waiting_again == 1
            assert [one.state for one in await bench.views([1])] == ["held"]
            await resumed(bench)
            last = await told_again(bench)
            assert [(one.kind, one.reason, one.reversals) for one in last] == [("failed", "number_retired", 1)]
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)
