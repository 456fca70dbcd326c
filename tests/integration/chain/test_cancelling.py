"""Cancelled mints: never packed, retired on the chain by a lane, and never both minted and retired (I2, I3)."""

import msgspec
import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.gateway.decoding import RETIRED
from cashback.chain.model import (
    AdapterRefused,
    Address,
    Cancelling,
    Conflicting,
    Mint,
    Person,
    RaceLost,
    Settled,
    Unmintable,
)
from cashback.chain.rules import retiring
from cashback.chain.service.auditing import Audit
from cashback.chain.service.cancelling import CANCELLED_MAX
from cashback.processes import adapter
from tests.integration.chain.listening import listening_at
from tests.integration.chain.slow import SlowSigner
from tests.integration.chain.support import Bench, assembled, eventually, loops, mint, running, serving

ALICE = Person("alice")
WHY = "the wallet is lost"


@pytest.fixture
async def two(settings: adapter.Settings) -> adapter.Settings:
    """Give the settings of an adapter with two lanes, whose signers may mint and can pay."""
    several = msgspec.structs.replace(settings, key_count=2, connections=10)
    async with assembled(settings) as bench:
        for signer in several.signers():
            await bench.people.employ(signer.address)
    return several


async def cancel(bench: Bench, *mints: Mint) -> list[object]:
    """Cancel mints in Alice's name."""
    return list(await bench.adapter.cancellations.cancel(mints, by=ALICE, because=WHY))


async def retirements(bench: Bench) -> list[int]:
    """Return the numbers that the chain's logs call retired, in their order."""
    wanted = {"address": bench.settings.token_address, "topics": [f"0x{RETIRED.hex()}"], "fromBlock": "0x0"}
    return [int(log["topics"][1], 16) for log in await bench.lever.call("eth_getLogs", wanted)]


async def slots(bench: Bench) -> list[tuple[int, str]]:
    """Return nonce and kind of every slot."""
    return [(row[0], row[1]) for row in await bench.rows("select nonce, kind from chain.slots order by nonce")]


@pytest.mark.invariant("I2", "I3")
async def test_a_mint_that_waits_is_retired_and_fails_for_good(settings: adapter.Settings) -> None:
    """The limit lets nothing through, and does not hold the retirement up; the others go on."""
    async with serving(settings) as bench:
        await bench.people.limit(capacity=1_000, window_s=86_400)
        await bench.lever.mine()
        waiting = mint(1, amount=1_001)
        await bench.submit(waiting, mint(2, amount=10))
        await bench.waits_for("mint_limit_reached")
        assert await cancel(bench, waiting) == [Cancelling(1, "ordered")]
        outcomes = {outcome.mint.number: outcome for outcome in await bench.settled([1, 2])}
        assert [(outcomes[n].kind, outcomes[n].reason) for n in (1, 2)] == [
            ("failed", "number_retired"),
            ("minted", ""),
        ]
        assert await cancel(bench, waiting) == [Cancelling(1, "retired")]
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)
        # The request comes once more, from a minting that has forgotten that it was told.
        await bench.submit(waiting)
        await bench.people.limit(capacity=10**12, window_s=1)
        await bench.submit(mint(3))
        await bench.settled([3])
        assert await bench.logs_of(1) == 0


@pytest.mark.invariant("I2", "I3")
async def test_a_number_that_never_came_here_is_stored_as_cancelled_and_retired(settings: adapter.Settings) -> None:
    """Its request may still be on its way: when it arrives it is known, and carried by nothing."""
    async with serving(settings) as bench:
        asked = mint(7)
        assert await cancel(bench, asked) == [Cancelling(7, "ordered")]
        await bench.submit(asked)
        [outcome] = await bench.settled([7])
        assert (outcome.kind, outcome.reason, outcome.mint.recipient) == ("failed", "number_retired", asked.recipient)
        assert [kind for _, kind in await slots(bench)] == ["retire"]


async def test_what_was_refused_for_its_recipient_is_retired(settings: adapter.Settings) -> None:
    """The token's own address is never minted to; the number can be given up all the same."""
    async with serving(settings) as bench:
        token = Address(bytes.fromhex(settings.token_address.removeprefix("0x")))
        asked = mint(7, recipient=token)
        assert await bench.adapter.acceptance.submit([asked]) == [Unmintable(7, "recipient_reserved")]
        await cancel(bench, asked)
        [outcome] = await bench.settled([7])
        assert outcome.reason == "number_retired"


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
            await cancel(bench, asked)

        lane._sequencer._signer = SlowSigner(lane._sequencer._signer, ordered)
        with pytest.raises(RaceLost, match="no longer waits"):
            await lane._sequencer.turn()
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
        await lane._retiring.turn()
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


async def test_what_is_settled_is_not_cancelled(settings: adapter.Settings) -> None:
    """A mint in a block, and one that is final: nothing is noted of the order."""
    async with serving(settings) as bench:
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "included", "safe", "final")
        assert await cancel(bench, asked) == [Settled(1, "mint_settled")]
        await bench.settled([1])
        assert await cancel(bench, asked) == [Settled(1, "mint_settled")]
        assert await bench.rows("select from chain.cancellation_journal") == []


@pytest.mark.invariant("I3")
async def test_another_fingerprint_is_refused_and_halts_minting(settings: adapter.Settings) -> None:
    """Neither is cancelled: nobody knows which of the two is meant."""
    async with assembled(settings) as bench:
        asked = mint(1)
        await bench.submit(asked)
        other = msgspec.structs.replace(asked, amount=asked.amount + 1)
        assert await cancel(bench, other, mint(2)) == [Conflicting(1, "fingerprint_differs"), Cancelling(2, "ordered")]
        assert (await bench.adapter.reading.status()).network.halted_reason == "number_with_other_fingerprint"
        assert await bench.rows("select number from chain.mints where cancelled_at is not null") == [(2,)]


async def test_nothing_is_retired_while_minting_is_halted(settings: adapter.Settings) -> None:
    """The order is noted, and carried out when the halt is lifted."""
    async with serving(settings) as bench:
        await bench.adapter.halting.halt_by_hand(by=ALICE, detail="a drill")
        await cancel(bench, mint(1))
        await bench.adapter.lanes[0]._turn()
        assert await slots(bench) == []
        await bench.adapter.halting.resume(by=ALICE, because="the drill is over")
        await bench.settled([1])


async def test_an_order_is_given_over_grpc_and_kept_with_who_and_why(settings: adapter.Settings) -> None:
    """Given again it tells how far it is, and the first order stays the one that is kept."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        asked = mint(1)
        assert await caller.cancel([asked, mint(2)], by="alice", reason=WHY) == [
            Cancelling(1, "ordered"),
            Cancelling(2, "ordered"),
        ]
        assert await caller.cancel([asked], by="bob", reason="I ask again") == [Cancelling(1, "ordered")]
        assert await caller.cancel([mint(0)], by="bob", reason="a slip") == [Unmintable(0, "number_out_of_range")]
        assert await bench.rows("select number, person, reason from chain.cancellation_journal order by id") == [
            (1, "alice", WHY),
            (2, "alice", WHY),
        ]
        other = msgspec.structs.replace(asked, cashback_id="cb_other")
        assert await caller.cancel([other], by="bob", reason="a slip") == [Conflicting(1, "fingerprint_differs")]


@pytest.mark.parametrize(
    "by,reason,many,code",
    [("", WHY, 1, "say who"), ("alice", " ", 1, "give a reason"), ("alice", WHY, CANCELLED_MAX + 1, "at most 100")],
)
async def test_an_order_names_somebody_and_a_reason_and_is_bounded(
    settings: adapter.Settings, by: str, reason: str, many: int, code: str
) -> None:
    """Nothing of it is noted."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        with pytest.raises(AdapterRefused, match=code):
            await caller.cancel([mint(number) for number in range(1, many + 1)], by=by, reason=reason)
        with pytest.raises(AdapterRefused, match="once"):
            await caller.cancel([mint(1), mint(1)], by="alice", reason=WHY)
        assert await bench.rows("select from chain.mints") == []


@pytest.mark.invariant("I2", "I9")
async def test_two_lanes_retire_each_number_once(two: adapter.Settings) -> None:
    """They look at the same time, and pass over what the other takes."""
    async with assembled(two) as bench:
        numbers = range(1, 21)
        await cancel(bench, *[mint(number) for number in numbers])
        async with running(*loops(bench)):
            await bench.settled(numbers)
        assert sorted(await retirements(bench)) == list(numbers)
        assert len(await slots(bench)) == len(numbers)
