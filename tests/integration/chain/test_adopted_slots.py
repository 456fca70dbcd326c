"""What stood on a slot that is adopted, since somebody else has used its nonce: nothing hangs on it (I2, I9)."""

import pytest

from cashback.chain.model import Person
from cashback.processes import adapter
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.support import mint, serving
from tests.integration.chain.test_older_database import assert_contiguous, recovered

ALICE = Person("alice")


@pytest.mark.invariant("I2", "I9")
async def test_a_mint_on_an_adopted_slot_that_somebody_else_made_waits_when_its_block_is_replaced(
    settings: adapter.Settings,
) -> None:
    """It goes back to no slot, for its own is over: a lane mints it at another nonce, and nothing halts."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        asked = mint(1)
        await bench.submit(asked)
        [view] = await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.lever.call(
            "eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000), "nonce": "0x0"}
        )
        assert await bench.halted(mining=True) == "nonce_used_by_stranger"
        await bench.lever.automine(is_on=True)
        await bench.people.mint_elsewhere(asked)
        [included] = await bench.reached([1], "included")
        await bench.lever.automine(is_on=False)
        found = await recovered(bench)
        assert (found.waiting_again, [lane.closed_slots for lane in found.lanes]) == (0, [1])
        assert [one.state for one in await bench.views([1])] == ["included"]
        await bench.lever.reorganise(await bench.lever.head() - included.block_number + 1)
        await bench.reached([1], "accepted")
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="the transaction was mine")
        await bench.settled([1])
        assert await bench.logs_of(1) == 1
        assert await bench.rows("select kind from chain.slots order by nonce") == [("adopted",), ("mint",)]
        assert (await bench.adapter.reading.status()).network.halted_reason is None
        await assert_contiguous(bench)
