"""From an accepted mint to its outcome, on a real chain.

The node answers a transaction of somebody else's before it has mined it, so each of those is followed by a block.
"""

import pytest

from cashback.chain.model import Admitted, Conflicting, Person, Unmintable, WrongChain
from cashback.chain.service.acceptance import SUBMITTED_MAX, TooManyMints
from cashback.kernel.money import INT63_MAX
from cashback.processes import adapter, signing
from tests.integration.chain.support import assembled, mint, running, serving


@pytest.mark.invariant("I3")
async def test_an_accepted_mint_becomes_final_and_its_outcome_says_where(settings: adapter.Settings) -> None:
    """One mint goes all the way; the log stands in the very transaction that was stored before."""
    async with serving(settings) as bench:
        asked = mint(7, amount=290_000)
        await bench.submit(asked)
        [included] = await bench.reached([7], "included", "safe")
        [outcome] = await bench.settled([7])
        [view] = await bench.views([7])
        assert outcome.kind == "minted"
        assert outcome.sequence == 1
        assert outcome.mint.has_fingerprint_of(asked)
        assert outcome.place.transaction_hash == included.transaction_hash == view.transaction_hash
        assert view.state == "final"
        balances, _ = await bench.adapter.reading.balances([asked.recipient])
        assert balances == [290_000]


@pytest.mark.invariant("I2")
async def test_submitting_a_mint_again_changes_nothing(settings: adapter.Settings) -> None:
    """The same number and fingerprint are accepted at any time, and minted once."""
    async with serving(settings) as bench:
        asked = mint(1)
        await bench.submit(asked, asked)
        await bench.reached([1], "included")
        await bench.submit(asked)
        await bench.settled([1])
        assert await bench.adapter.acceptance.submit([asked]) == [Admitted(1)]
        await bench.submit(mint(2))
        outcomes = await bench.settled([1, 2])
        assert [outcome.mint.number for outcome in outcomes] == [1, 2]
        assert await bench.logs_of(1) == 1


async def test_another_fingerprint_for_a_number_is_refused_and_halts_minting(settings: adapter.Settings) -> None:
    """Nobody knows which of the two is right, so nothing more is signed; the neighbour is stored all the same."""
    async with serving(settings) as bench:
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "included")
        other = mint(1, recipient=asked.recipient, amount=asked.amount + 1)
        admissions = await bench.adapter.acceptance.submit([other, mint(2)])
        assert admissions == [Conflicting(1, "fingerprint_differs"), Admitted(2)]
        assert await bench.halted() == "number_with_other_fingerprint"
        await bench.settled([1])
        assert [view.state for view in await bench.views([2])] == ["accepted"]
        await bench.adapter.halting.resume(by=Person("a test"), because="the first one was right")
        await bench.settled([2])


async def test_entries_that_can_never_be_minted_are_refused_and_their_neighbours_are_not(
    settings: adapter.Settings,
) -> None:
    """Each refusal has its stable reason; nothing of them is stored."""
    async with assembled(settings) as bench:
        token, minter = signing.address(settings.token_address), signing.address(settings.minter_address)
        admissions = await bench.adapter.acceptance.submit(
            [
                mint(1, recipient=bytes(20)),
                mint(2, recipient=token),
                mint(3, recipient=minter),
                mint(4, amount=0),
                mint(5, amount=INT63_MAX + 1),
                mint(0),
                mint(INT63_MAX + 1),
                mint(6, recipient=b"short"),
                mint(7, cashback_id="x" * 65),
                mint(8),
            ]
        )
        assert admissions == [
            Unmintable(1, "recipient_zero"),
            Unmintable(2, "recipient_reserved"),
            Unmintable(3, "recipient_reserved"),
            Unmintable(4, "amount_out_of_range"),
            Unmintable(5, "amount_out_of_range"),
            Unmintable(0, "number_out_of_range"),
            Unmintable(INT63_MAX + 1, "number_out_of_range"),
            Unmintable(6, "recipient_invalid"),
            Unmintable(7, "cashback_id_invalid"),
            Admitted(8),
        ]
        assert [view.state for view in await bench.views([1, 8])] == ["unknown", "accepted"]


async def test_a_submission_of_too_many_mints_stores_none(settings: adapter.Settings) -> None:
    """The limit is refused as a whole, so that the caller notices."""
    async with assembled(settings) as bench:
        with pytest.raises(TooManyMints):
            await bench.adapter.acceptance.submit([mint(number) for number in range(1, SUBMITTED_MAX + 2)])
        assert [view.state for view in await bench.views([1])] == ["unknown"]


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 3, 5, 8, 13], [3, 900, 41_000, 2**62], [*range(100, 356)], [*range(1, 301)]],
    ids=["window with gaps", "scattered", "full window", "more than one call"],
)
async def test_a_batch_mints_exactly_its_numbers(settings: adapter.Settings, numbers: list[int]) -> None:
    """Gaps stay free, each mint has its own recipient and amount, and no more transactions are made than needed."""
    async with assembled(settings) as bench:
        asked = [mint(number, amount=number % 1_000 + 1) for number in numbers]
        await bench.submit(*asked)
        async with running(bench.adapter.lanes[0].run, bench.adapter.follower.run):
            outcomes = await bench.settled(numbers)
        assert {outcome.mint.number for outcome in outcomes} == set(numbers)
        assert [outcome.sequence for outcome in outcomes] == [*range(1, len(numbers) + 1)]
        balances, _ = await bench.adapter.reading.balances([one.recipient for one in asked])
        assert balances == [one.amount for one in asked]
        assert len({outcome.place.transaction_hash for outcome in outcomes}) == -(-len(numbers) // 256)


async def test_a_number_that_the_chain_has_minted_already_gets_its_outcome_without_a_transaction(
    settings: adapter.Settings,
) -> None:
    """The truth about a mint is its log, whoever's transaction carried it; as after a rebuilt database."""
    async with assembled(settings) as bench, running(bench.adapter.follower.run):
        asked = mint(5, amount=77)
        await bench.people.mint_elsewhere(asked)
        await bench.lever.mine(3)
        await bench.followed()
        await bench.submit(asked)
        async with running(bench.adapter.lanes[0].run):
            [outcome] = await bench.settled([5])
        assert outcome.kind == "minted"
        assert (await bench.adapter.reading.status()).lanes[0].lane.next_nonce == 0


async def test_a_number_that_the_chain_has_minted_otherwise_is_a_conflict(settings: adapter.Settings) -> None:
    """Another amount under the same number means that somebody else counts with the same numbers."""
    async with assembled(settings) as bench, running(bench.adapter.follower.run):
        asked = mint(5, amount=77)
        await bench.people.mint_elsewhere(asked)
        await bench.lever.mine()
        await bench.followed()
        other = mint(5, amount=78, recipient=asked.recipient)
        assert await bench.adapter.acceptance.submit([other]) == [Conflicting(5, "number_minted_otherwise")]
        assert await bench.halted() == "number_with_other_fingerprint"


async def test_a_log_that_contradicts_a_stored_mint_halts_minting(settings: adapter.Settings) -> None:
    """The other mints of the same block have their outcome all the same."""
    async with assembled(settings) as bench:
        ours = mint(5, amount=77)
        await bench.submit(ours)
        await bench.people.mint_elsewhere(mint(5, amount=78, recipient=ours.recipient))
        await bench.lever.mine()
        async with running(bench.adapter.follower.run):
            assert await bench.halted() == "number_minted_otherwise"
        assert [view.state for view in await bench.views([5])] == ["accepted"]


async def test_a_retired_number_fails_for_good(settings: adapter.Settings) -> None:
    """Its outcome says so, and nothing is left to wait."""
    async with serving(settings) as bench:
        await bench.people.retire_elsewhere(9)
        await bench.lever.mine()
        await bench.followed()
        await bench.submit(mint(9), mint(10))
        outcomes = {outcome.mint.number: outcome for outcome in await bench.settled([9, 10])}
        assert (outcomes[9].kind, outcomes[9].reason) == ("failed", "number_retired")
        assert outcomes[10].kind == "minted"
        assert [view.state for view in await bench.views([9])] == ["refused"]


async def test_a_paused_minter_makes_the_lane_wait_and_costs_no_attempt(settings: adapter.Settings) -> None:
    """After the pause is lifted the lane goes on by itself."""
    async with serving(settings) as bench:
        await bench.people.pause()
        await bench.lever.mine()
        await bench.submit(mint(1))
        await bench.waits_for("minter_paused")
        assert (await bench.adapter.reading.status()).lanes[0].lane.next_nonce == 0
        await bench.people.unpause()
        await bench.settled([1])
        assert (await bench.adapter.reading.status()).lanes[0].lane.waits_for is None


async def test_an_exhausted_limit_makes_the_lane_wait_and_smaller_mints_pass_it(settings: adapter.Settings) -> None:
    """A mint larger than what is left holds up nobody, and goes when the limit is raised."""
    async with serving(settings) as bench:
        await bench.people.limit(capacity=1_000, window_s=86_400)
        await bench.lever.mine()
        await bench.submit(mint(1, amount=1_001), mint(2, amount=400), mint(3, amount=600))
        await bench.settled([2, 3])
        await bench.waits_for("mint_limit_reached")
        await bench.people.limit(capacity=1_000_000, window_s=1)
        await bench.settled([1])


@pytest.mark.invariant("I2")
async def test_a_call_that_reverts_is_explained_and_its_mints_are_made_later_once(settings: adapter.Settings) -> None:
    """A pause between sending and mining reverts the call; when that is final its mints wait again, and go."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1), mint(2))
        await bench.reached([1, 2], "submitted")
        await bench.people.pause()
        await bench.lever.mine()
        await bench.lever.automine(is_on=True)
        assert await bench.revert_reason() == "minter_paused"
        await bench.lever.mine(5)
        await bench.reached([1, 2], "accepted")
        await bench.people.unpause()
        outcomes = await bench.settled([1, 2])
        assert [outcome.kind for outcome in outcomes] == ["minted", "minted"]
        assert await bench.logs_of(1) == 1


async def test_a_signer_without_its_role_is_refused_at_the_start(settings: adapter.Settings) -> None:
    """The remedy stands in the message."""
    async with assembled(settings) as bench:
        await bench.people.revoke_operator()
        await bench.lever.mine()
    with pytest.raises(WrongChain, match="OPERATOR_ROLE"):
        async with assembled(settings):
            pass
