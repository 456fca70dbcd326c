"""What mints go back to when a deep reorganisation is booked back: held ones stay held, retired ones stay retired."""

import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Address, Exposed, Hash, KeyUnavailable, Mint, Outcome, Recovered, Signature
from cashback.processes import adapter
from tests.integration.chain.cancelling import cancel, retirements
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.test_holds import REASON, hold
from tests.integration.chain.test_recovering import ALICE, WHY, minted_again, replaced, stream
from tests.integration.chain.waiting import eventually


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


async def retirement_gone(bench: Bench, *mints: Mint) -> None:
    """Have mints signed for in one call, which reverts, the first one retired and the others minted; then all is gone.

    The pause is, too, for which the call reverted. Minting is halted, and each transaction waits to be mined.
    """
    await bench.lever.automine(is_on=False)
    await bench.submit(*mints)
    await bench.reached([one.number for one in mints], "submitted")
    await bench.sent()
    await bench.people.pause()
    await bench.lever.mine()
    paused = await bench.lever.head()
    assert await bench.revert_reason() == "minter_paused"
    await bench.lever.automine(is_on=True)
    await bench.people.unpause()
    await cancel(bench, mints[0])
    first = {one.mint.number: one for one in await bench.settled([one.number for one in mints])}
    assert first[mints[0].number].reason == "number_retired"
    assert {first[one.number].kind for one in mints[1:]} <= {"minted"}
    await bench.followed()
    await bench.lever.automine(is_on=False)
    await bench.lever.reorganise(await bench.lever.head() - paused + 1)
    await bench.lever.mine()
    assert await bench.halted() == "reorganised_below_final"


async def filled(bench: Bench) -> None:
    """Assert that nonce 0 is a void slot's, and that the chain has a no-op there, a replacement of our old bytes."""

    async def look() -> Hash | None:
        found = await bench.rows(
            "select hash from chain.blockchain_transactions where nonce = 0 and block_number is not null"
        )
        return Hash(found[0][0]) if found else None

    hash_ = await eventually(look)
    mined = await bench.lever.call("eth_getTransactionByHash", f"0x{hash_.hex()}")
    assert (mined["input"], mined["to"]) == ("0x", mined["from"])
    kinds = await bench.rows(
        """
        select kind, position(calldata in raw) > 0
        from chain.slots
        join chain.blockchain_transactions as attempts using (lane, nonce)
        where nonce = 0
        order by place
        """
    )
    assert kinds == [("void", True), *[("void", False)] * (len(kinds) - 1)]


@pytest.mark.invariant("I2", "I9")
async def test_a_call_that_carries_a_retired_number_is_not_sent_again_by_a_recovery(settings: adapter.Settings) -> None:
    """It had reverted; the pause is gone with its block. A no-op takes its nonce, what else it carried another call."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        asked = mint(1)
        await retirement_gone(bench, asked, mint(2))
        told = await caller.recover(by="alice", reason=WHY, is_dry_run=False)
        [signer] = [one.address for one in settings.signers()]
        assert told.exposed == [
            Exposed(number=1, cashback_id=asked.cashback_id, amount=asked.amount, signer=signer, nonce=0)
        ]
        assert told.exposed_count == 1
        await resumed(bench)
        last = {one.mint.number: one for one in await settled_again(bench, {1, 2})}
        assert (last[1].kind, last[1].reason, last[2].kind) == ("failed", "number_retired", "minted")
        assert (await retirements(bench), await bench.logs_of(1), await bench.logs_of(2)) == ([1], 0, 1)
        await filled(bench)
        assert (await bench.adapter.reading.status()).network.halted_reason is None


@pytest.mark.invariant("I2", "I9")
async def test_a_void_call_that_a_pool_still_holds_is_outbid_by_the_no_op(settings: adapter.Settings) -> None:
    """As a node has it that takes the transactions of replaced blocks back into its pool."""
    async with serving(settings) as bench:
        await retirement_gone(bench, mint(1))
        [(raw,)] = await bench.rows("select raw from chain.blockchain_transactions where nonce = 0")
        await recovered(bench)
        await bench.lever.call("eth_sendRawTransaction", f"0x{raw.hex()}")
        await bench.adapter.halting.resume(by=ALICE, because="read the list")

        async def look() -> bool | None:
            taken = await bench.rows(
                "select from chain.blockchain_transactions where nonce = 0 and answer = 'accepted'"
            )
            return True if taken else None

        await eventually(look)
        await bench.lever.automine(is_on=True)
        await settled_again(bench, {1})
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)
        await filled(bench)


@pytest.mark.invariant("I2", "I9")
@pytest.mark.parametrize("is_mined", [True, False], ids=["mined", "open"])
async def test_what_a_void_call_carried_beside_the_retired_number_is_minted_by_another_one(
    settings: adapter.Settings, *, is_mined: bool
) -> None:
    """Whether a block had carried the call, which passed the number over, or it was still under way."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1), mint(2))
        [view, _] = await bench.reached([1, 2], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.people.retire_elsewhere(1)
        await bench.lever.mine()
        if is_mined:
            [(raw,)] = await bench.rows("select raw from chain.blockchain_transactions")
            await bench.lever.call("eth_sendRawTransaction", f"0x{raw.hex()}")
        outcomes = {one.mint.number: one for one in await bench.settled([1, 2] if is_mined else [1])}
        assert outcomes[1].reason == "number_retired"
        await replaced(bench, outcomes[1])
        assert [(one.number, one.nonce) for one in (await recovered(bench)).exposed] == [(1, 0)]
        assert [one.state for one in await bench.views([1, 2])] == ["accepted", "accepted"]
        await resumed(bench)
        await settled_again(bench, {1, 2} if is_mined else {1})
        await bench.settled([1, 2])
        assert (await retirements(bench), await bench.logs_of(1), await bench.logs_of(2)) == ([1], 0, 1)
        await filled(bench)


class NoKey:
    """A signer whose key cannot be had."""

    def __init__(self, address: Address) -> None:
        """Be the signer of `address`."""
        self.address = address

    async def sign(self, digest: bytes) -> Signature:
        """Sign nothing.

        Raises:
            KeyUnavailable: always.
        """
        raise KeyUnavailable(f"no key for {digest.hex()}")


@pytest.mark.invariant("I2")
async def test_a_void_call_is_not_sent_either_while_the_key_for_its_no_op_cannot_be_had(
    settings: adapter.Settings,
) -> None:
    """Other bytes are sent again then, at their old price; these are not, however long they have waited."""
    async with assembled(settings) as bench:
        async with running(*loops(bench)):
            await retirement_gone(bench, mint(1))
            await recovered(bench)
        await bench.adapter.halting.resume(by=ALICE, because="read the list")
        await bench.rows(
            "update chain.blockchain_transactions set sent_at = sent_at - interval '1 hour' returning place"
        )
        before = await bench.rows("select nonce, sends from chain.blockchain_transactions order by place")
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        lane._tender._signer = NoKey(lane._tender._signer.address)
        await lane._tender.turn()
        after = await bench.rows("select nonce, sends from chain.blockchain_transactions order by place")
        assert [sends for nonce, sends in after if nonce == 0] == [sends for nonce, sends in before if nonce == 0]
        assert [sends for nonce, sends in after if nonce > 0] != [sends for nonce, sends in before if nonce > 0]
        assert await bench.rows("select waits_for from chain.lanes") == [("replacement_unsigned",)]
        await lane._tenure.release()


async def settled_again(bench: Bench, numbers: set[int]) -> list[Outcome]:
    """Mine until every number has an outcome after one reversal; return these."""

    async def look() -> list[Outcome] | None:
        found = [one for one in await stream(bench) if one.kind != "reverted" and one.reversals == 1]
        if {one.mint.number for one in found} == numbers:
            return found
        await bench.lever.mine()
        return None

    return await eventually(look)
