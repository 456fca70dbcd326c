"""Orders to cancel mints, and to release held ones: who may, what is noted, and what becomes of the mint."""

import asyncio

import msgspec
import psycopg
import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterRefused, Address, Cancelling, Conflicting, Settled, Unmintable
from cashback.chain.service.cancelling import CANCELLED_MAX
from cashback.chain.store import blocks, holds, sightings
from cashback.chain.store import mints as store_mints
from cashback.processes import adapter
from tests.integration.chain.cancelling import ALICE, WHY, cancel, retirements, slots
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.test_recovering import waits


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


async def test_what_is_settled_is_not_cancelled(settings: adapter.Settings) -> None:
    """A mint in a block, and one that is final: nothing is noted of the order."""
    async with serving(settings) as bench:
        asked = mint(1)
        await bench.submit(asked)
        await bench.reached([1], "included", "safe", "final")
        assert await cancel(bench, asked) == [Settled(1, "mint_settled")]
        await bench.settled([1])
        assert await cancel(bench, asked) == [Settled(1, "mint_settled")]
        assert await bench.rows("select from chain.mint_journal") == []


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
        assert await bench.rows("select number, person, reason from chain.mint_journal order by id") == [
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


async def test_a_held_mint_is_released_over_grpc_in_a_persons_name(settings: adapter.Settings) -> None:
    """Only what is held is told, and kept with who and why; then it is minted."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(mint(1), mint(2))
        async with bench.database.transaction() as tx:
            await holds.hold(tx, [2], "unexplained")
        assert await caller.release([1, 2, 2**63], by="alice", reason="the limit was raised") == [2]
        assert await caller.release([2], by="alice", reason="once more") == []
        assert await bench.rows("select number, act, person, reason from chain.mint_journal") == [
            (2, "released", "alice", "the limit was raised")
        ]
        with pytest.raises(AdapterRefused, match="at most 100"):
            await caller.release(range(1, 102), by="alice", reason=WHY)
        async with running(*loops(bench)):
            assert {outcome.kind for outcome in await bench.settled([1, 2])} == {"minted"}


@pytest.mark.invariant("I2", "I3")
async def test_a_held_mint_is_retired(settings: adapter.Settings) -> None:
    """What the contracts refuse to mint gives its number up, and is not held any more."""
    async with serving(settings) as bench:
        await bench.adapter.halting.halt_by_hand(by=ALICE, detail="so that it is not taken")
        asked = mint(1)
        await bench.submit(asked)
        async with bench.database.transaction() as tx:
            await holds.hold(tx, [1], "unexplained")
        await cancel(bench, asked)
        await bench.adapter.halting.resume(by=ALICE, because="it is held")
        [outcome] = await bench.settled([1])
        assert (outcome.kind, outcome.reason) == ("failed", "number_retired")
        assert [view.state for view in await bench.views([1])] == ["refused"]


async def test_a_cancelled_mint_is_no_scout_and_is_let_go_by_nobody(settings: adapter.Settings) -> None:
    """A number that is retired already is skipped by the contract, so its trial would tell nothing of the others."""
    async with assembled(settings) as bench:
        asked = [mint(number) for number in (1, 2, 3)]
        await bench.submit(*asked)
        async with bench.database.transaction() as tx:
            await holds.hold(tx, [2], "unexplained")
        await cancel(bench, *asked[:2])
        async with bench.database.transaction() as tx:
            assert [one.number for one in await store_mints.waiting_after(tx, 0, limit=8)] == [3]
            assert [one.number for one in await store_mints.waiting_after(tx, 3, limit=8)] == [3]
            assert await holds.release(tx, [2]) == frozenset()


async def unwind(bench: Bench) -> int:
    """Take back everything that was seen, as the follower does when blocks are replaced."""
    async with bench.database.transaction() as tx:
        await sightings.revoke(tx)
        return await blocks.unwind(tx, above=-1)


@pytest.mark.invariant("I2")
@pytest.mark.parametrize("is_order", [True, False], ids=["order", "unwinding"])
async def test_an_order_and_an_unwinding_wait_for_each_other(
    settings: adapter.Settings, chain_dsn: str, *, is_order: bool
) -> None:
    """Otherwise a mint could take its verdict from a block that is being taken back, and be final where none stands."""
    async with assembled(settings) as bench:
        held = "pg_advisory_xact_lock" if is_order else "pg_advisory_xact_lock_shared"
        with psycopg.connect(chain_dsn) as other:
            other.execute(f"select {held}(hashtextextended('chain.used_numbers', 0))")
            waiting = asyncio.create_task(cancel(bench, mint(1)) if is_order else unwind(bench))
            await waits(bench)
            assert not waiting.done()
        assert await waiting == ([Cancelling(1, "ordered")] if is_order else 0)


@pytest.mark.invariant("I2")
async def test_a_conflicting_order_and_a_recovery_do_not_wait_for_each_other_for_ever(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """Both take what was seen first and the halt switch last: whoever comes second has nothing that the first wants."""
    async with assembled(settings) as bench:
        asked = mint(1)
        await bench.submit(asked)
        with psycopg.connect(chain_dsn) as other:
            # As a recovery takes them, and it has not come to the switch yet.
            other.execute("select pg_advisory_xact_lock(hashtextextended('chain.used_numbers', 0))")
            other.execute("select from chain.lanes order by id for update")
            order = asyncio.create_task(cancel(bench, msgspec.structs.replace(asked, amount=asked.amount + 1)))
            await waits(bench)
            other.execute("select from chain.network for update")
            other.execute("update chain.mints set cancelled_at = null where number = 1")
        assert await order == [Conflicting(1, "fingerprint_differs")]
        assert await bench.halted() == "number_with_other_fingerprint"
