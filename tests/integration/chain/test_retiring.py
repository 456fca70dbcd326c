"""Retiring numbers on the chain: never both minted and retired, whoever is first or interrupted (I2, I3)."""

import msgspec
import pytest

from cashback.chain.model import Cancelling, RaceLost, Settled
from cashback.chain.rules import retiring
from cashback.chain.service.auditing import Audit
from cashback.processes import adapter
from tests.integration.chain.cancelling import cancel, retirements, slots
from tests.integration.chain.slow import SlowSigner
from tests.integration.chain.support import assembled, loops, mint, running, serving
from tests.integration.chain.waiting import eventually


@pytest.fixture
async def two(settings: adapter.Settings) -> adapter.Settings:
    """Give the settings of an adapter with two lanes, whose signers may mint and can pay."""
    several = msgspec.structs.replace(settings, key_count=2, connections=10)
    async with assembled(settings) as bench:
        for signer in several.signers():
            await bench.people.employ(signer.address)
    return several


async def test_the_gas_of_a_retirement_is_within_its_bound(settings: adapter.Settings) -> None:
    """The first in both words of the bitmaps, and the number with the most expensive calldata."""
    async with serving(settings) as bench:
        await cancel(bench, mint(2**63 - 1))
        await bench.settled([2**63 - 1])
        [(hash_,)] = await bench.rows("select hash from chain.blockchain_transactions where block_number is not null")
        used = int((await bench.lever.call("eth_getTransactionReceipt", f"0x{hash_.hex()}"))["gasUsed"], 16)
        assert 0.8 * retiring.GAS_RETIRE < used <= retiring.GAS_RETIRE


@pytest.mark.invariant("I2")
async def test_a_mint_that_was_sent_first_is_minted_and_the_retirement_comes_too_late(
    settings: adapter.Settings,
) -> None:
    """One lane: the mint's nonce is the earlier one. The contract skips the retirement, and nothing is amiss."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "submitted")
        assert await cancel(bench, asked) == [Cancelling(1, "ordered")]

        async def look() -> bool | None:
            return True if (1, "retire") in await slots(bench) else None

        await eventually(look)
        await bench.sent()
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        await bench.lever.mine(6)
        await bench.followed()
        assert outcome.kind == "minted"
        assert await cancel(bench, asked) == [Settled(1, "too_late")]
        assert (await retirements(bench), await bench.logs_of(1)) == ([], 1)
        assert (await bench.adapter.reading.status()).network.halted_reason is None
        story = await Audit(bench.database).mint(1)
        assert story is not None
        assert story.cancellation is not None
        assert retiring.progress(story.cancellation.standing) == "too_late"


@pytest.mark.invariant("I2")
async def test_a_retirement_that_is_mined_first_wins_over_a_mint_under_way(two: adapter.Settings) -> None:
    """Two lanes: the other one's retirement is mined while the mint is held back; its call skips the number."""
    async with assembled(two) as bench:
        first, second = bench.adapter.lanes
        for lane in (first, second):
            assert await lane._tenure.hold()
            await lane._serve()
        await bench.lever.automine(is_on=False)
        asked = mint(1)
        await bench.submit(asked)
        await bench.ripe()
        await first._serve()
        await bench.reached([1], "submitted")
        for hash_ in (await bench.lever.call("txpool_content"))["pending"].values():
            for transaction in hash_.values():
                await bench.lever.call("anvil_dropTransaction", transaction["hash"])
        await cancel(bench, asked)
        await second._serve()
        await bench.lever.mine()
        async with running(bench.adapter.follower.run):
            await bench.reached([1], "included")
            assert await cancel(bench, asked) == [Cancelling(1, "retiring")]
            await bench.lever.automine(is_on=True)
            async with bench.database.transaction() as tx:
                await tx.execute("update chain.blockchain_transactions set sent_at = sent_at - interval '1 hour'")
            await first._serve()
            [outcome] = await bench.settled([1])
            await bench.lever.mine(6)
            await bench.followed()
        assert (outcome.kind, outcome.reason) == ("failed", "number_retired")
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)
        assert await bench.rows("select from chain.slots where state = 'open'") == []
        assert (await bench.adapter.reading.status()).network.halted_reason is None


@pytest.mark.invariant("I2", "I9")
async def test_a_lane_that_signs_while_its_mint_is_cancelled_stores_nothing(settings: adapter.Settings) -> None:
    """What was read before the order does not count: the storing finds that the mint does not wait any more."""
    async with assembled(settings) as bench:
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await lane._serve()
        asked = mint(1)
        await bench.submit(asked)
        await bench.ripe()

        async def ordered() -> None:
            """Order it."""
            await cancel(bench, asked)

        lane._intake.sequencer._reserving._signer = SlowSigner(lane._intake.sequencer._reserving._signer, ordered)
        with pytest.raises(RaceLost, match="no longer waits"):
            await lane._intake.sequencer.turn()
        assert await slots(bench) == []


@pytest.mark.invariant("I2")
async def test_a_retirement_that_reverts_is_repeated_when_the_revert_is_final(settings: adapter.Settings) -> None:
    """A pause between signing and mining: both calls revert, the mint stays cancelled, its number is retired."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "submitted")
        await cancel(bench, asked)

        async def look() -> bool | None:
            return True if len(await slots(bench)) == 2 else None

        await eventually(look)
        await bench.sent()
        await bench.people.pause()
        await bench.lever.mine()
        await bench.lever.automine(is_on=True)
        assert await bench.revert_reason() == "minter_paused"
        await bench.lever.mine(6)
        await bench.waits_for("minter_paused")
        await bench.people.unpause()
        [outcome] = await bench.settled([1])
        assert (outcome.kind, outcome.reason) == ("failed", "number_retired")
        assert [kind for _, kind in await slots(bench)] == ["mint", "retire", "retire"]
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)


@pytest.mark.invariant("I2")
async def test_a_mint_whose_call_reverted_hangs_on_nothing_when_its_retirement_is_taken_back(
    settings: adapter.Settings,
) -> None:
    """The revert is final while the retirement is not; then a reorganisation drops the retirement alone."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "submitted")
        await bench.sent()
        await bench.people.pause()
        await bench.lever.mine()
        assert await bench.revert_reason() == "minter_paused"
        await bench.people.unpause()
        await bench.lever.mine()
        await cancel(bench, asked)

        async def look() -> bool | None:
            return True if (1, "retire") in await slots(bench) else None

        await eventually(look)
        await bench.sent()
        await bench.lever.mine()
        await bench.reached([1], "included")
        await bench.lever.mine(2)

        async def is_final() -> bool | None:
            """Tell whether it is final by now."""
            return True if ("final",) in await bench.rows("select state from chain.slots where nonce = 0") else None

        await eventually(is_final)
        assert await bench.rows("select state, lane from chain.mints") == [("included", None)]
        await bench.lever.reorganise(3)
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        assert (outcome.kind, outcome.reason) == ("failed", "number_retired")
        assert (await bench.adapter.reading.status()).network.halted_reason is None


@pytest.mark.invariant("I2")
async def test_a_reorganisation_takes_a_retirement_back_and_it_is_sent_again(settings: adapter.Settings) -> None:
    """Until it is final nothing is told; the same bytes are mined in another block."""
    async with serving(settings) as bench:
        asked = mint(1)
        await cancel(bench, asked)
        await bench.reached([1], "included")
        await bench.lever.reorganise(1)
        [outcome] = await bench.settled([1])
        assert (outcome.kind, outcome.reason) == ("failed", "number_retired")
        assert [kind for _, kind in await slots(bench)] == ["retire"]
        assert await retirements(bench) == [1]


@pytest.mark.invariant("I2", "I9")
async def test_a_restart_between_the_order_and_the_retirement_loses_nothing(settings: adapter.Settings) -> None:
    """At each point where a process can end: noted, stored and not sent, sent and not answered for."""
    asked = mint(1)
    async with assembled(settings) as bench:
        await bench.submit(asked)
        await cancel(bench, asked)
    async with assembled(settings) as bench:
        await bench.lever.automine(is_on=False)
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await lane._recovery.make_sure()
        await lane._intake.retiring.turn()
        assert [sends for _, sends, _, _ in await bench.attempts()] == [0]
        await lane._tenure.release()
    async with assembled(settings) as bench:
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await lane._serve()
        await lane._tenure.release()
    async with assembled(settings) as bench, running(*loops(bench)):
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        assert outcome.reason == "number_retired"
        assert await slots(bench) == [(0, "retire")]
        assert await retirements(bench) == [1]


@pytest.mark.invariant("I2", "I9")
async def test_two_lanes_retire_each_number_once(two: adapter.Settings) -> None:
    """They look at the same time; what one has taken, the other finds taken."""
    async with assembled(two) as bench:
        numbers = range(1, 21)
        await cancel(bench, *[mint(number) for number in numbers])
        async with running(*loops(bench)):
            await bench.settled(numbers)
        assert sorted(await retirements(bench)) == list(numbers)
        assert len(await slots(bench)) == len(numbers)
