"""A person's order books back what a deep reorganisation took, and everything runs on once the halt is lifted."""

import asyncio

import psycopg
import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterRefused, NotHalted, Outcome, Person
from cashback.kernel.errors import Unavailable
from cashback.processes import adapter
from tests.integration.chain.cancelling import retirements
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import eventually

ALICE, WHY = Person("alice"), "the provider replaced final blocks"


async def stream(bench: Bench) -> list[Outcome]:
    """Return the whole stream of outcomes."""
    return await bench.adapter.stream.read(epoch=await bench.adapter.stream.epoch(), after=0)


async def replaced(bench: Bench, first: Outcome) -> None:
    """Have the final block of an outcome, and all after it, replaced by empty ones; minting is halted for it then."""
    await bench.followed()
    await bench.lever.automine(is_on=False)
    await bench.lever.reorganise(await bench.lever.head() - first.place.block_number + 1)
    await bench.lever.mine()
    assert await bench.halted() == "reorganised_below_final"


async def minted_again(bench: Bench, numbers: list[int], *, reversals: int = 1) -> list[Outcome]:
    """Mine until every number has an outcome after so many reversals; return the whole stream."""

    async def look() -> list[Outcome] | None:
        found = await stream(bench)
        again = {one.mint.number for one in found if one.kind == "minted" and one.reversals == reversals}
        if again >= set(numbers):
            return found
        await bench.lever.mine()
        return None

    return await eventually(look)


@pytest.mark.invariant("I2", "I9")
async def test_mints_of_final_blocks_that_were_replaced_are_booked_back_and_minted_again_once(
    settings: adapter.Settings,
) -> None:
    """The list names each, the stream takes each back before it tells the new one, and nonces stay contiguous."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(mint(1), mint(2))
        first = await bench.settled([1, 2])
        await replaced(bench, first[0])
        recovered = await caller.recover(by="alice", reason=WHY, is_dry_run=False)
        assert [one.number for one in recovered.taken_back] == [1, 2]
        assert [one.place for one in recovered.taken_back] == [one.place for one in first]
        assert (recovered.taken_back_count, recovered.waiting_again, recovered.lanes) == (2, 2, [])
        assert recovered.epoch == recovered.epoch_before
        assert [(one.kind, one.mint.number, one.place, one.reversals) for one in await stream(bench)] == [
            ("reverted", one.mint.number, one.place, 1) for one in first
        ]
        await bench.followed()
        assert [view.state for view in await bench.views([1, 2])] == ["submitted", "submitted"]
        assert [one.reason for one in await caller.halts()] == ["reorganised_below_final"]
        await bench.lever.automine(is_on=True)
        await caller.resume(by="alice", reason="read the list")
        last = await minted_again(bench, [1, 2])
        assert [one.kind for one in last] == ["reverted", "reverted", "minted", "minted"]
        assert {one.place.block_hash for one in last[2:]}.isdisjoint({one.place.block_hash for one in first})
        assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]
        nonces = [row[0] for row in await bench.rows("select nonce from chain.slots order by nonce")]
        assert nonces == list(range(len(nonces)))
        # And what comes after goes on as ever.
        await bench.submit(mint(3))
        await bench.settled([3])


async def test_a_trial_changes_nothing_and_tells_the_same(settings: adapter.Settings) -> None:
    """It is the same transaction, rolled back."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        [first] = await bench.settled([1])
        await replaced(bench, first)
        before = await everything(bench)
        trial = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=True)
        assert await everything(bench) == before
        assert [one.number for one in trial.taken_back] == [1]
        assert await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False) == trial
        assert await bench.rows(
            "select reason, person, reorganised_above, taken_back, waiting_again from chain.recoveries"
        ) == [(WHY, "alice", trial.reorganised_above, 1, 1)]


async def everything(bench: Bench) -> list[tuple[object, ...]]:
    """Return what recovering could change, in every table that it writes."""
    return await bench.rows(
        """
        select 'mint', mints::text from chain.mints
        union all select 'slot', slots::text from chain.slots
        union all select 'outcome', outcomes::text from chain.outcomes
        union all select 'network', network::text from chain.network
        union all select 'block', blocks::text from chain.blocks
        union all select 'recovery', recoveries::text from chain.recoveries
        order by 1, 2
        """
    )


async def test_nothing_is_booked_back_while_lanes_may_sign(settings: adapter.Settings) -> None:
    """The order is refused, and keeps nothing."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        with pytest.raises(NotHalted):
            await caller.recover(by="alice", reason=WHY, is_dry_run=True)
        await caller.halt(by="alice", reason="a drill")
        for by, reason in (("", WHY), ("alice", " ")):
            with pytest.raises(AdapterRefused, match="INVALID_ARGUMENT"):
                await caller.recover(by=by, reason=reason, is_dry_run=False)
        assert await bench.rows("select from chain.recoveries") == []


@pytest.mark.invariant("I2")
async def test_a_recovery_that_dies_at_its_commit_has_changed_nothing_and_is_repeated(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """One transaction: killed in it, all is as before; repeated after it, there is nothing left to book back."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        [first] = await bench.settled([1])
        await replaced(bench, first)
        before = await everything(bench)
        with psycopg.connect(chain_dsn, autocommit=True) as connection:
            connection.execute(
                """
                create function chain.die() returns trigger language plpgsql as $$
                begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
                create constraint trigger dies after insert on chain.recoveries
                    deferrable initially deferred for each row execute function chain.die();
                alter function chain.die() security definer;
                """
            )
        with pytest.raises(Unavailable):
            await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        assert await everything(bench) == before
        with psycopg.connect(chain_dsn, autocommit=True) as connection:
            connection.execute("drop function chain.die cascade")
        await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        assert [one.kind for one in await stream(bench)] == ["reverted"]
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="read the list")
        assert [one.kind for one in await minted_again(bench, [1])] == ["reverted", "minted"]
        assert await bench.logs_of(1) == 1


@pytest.mark.invariant("I2", "I9")
async def test_a_chain_replaced_from_below_all_stored_headers_is_booked_back_too(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """Where mints and slots stood tells how far down: headers are kept for a while only."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        [kept] = await bench.settled([1])
        await bench.submit(mint(2))
        [_, gone] = await bench.settled([1, 2])
        await bench.lever.mine(10)
        await bench.followed()
        with psycopg.connect(chain_dsn, autocommit=True) as connection:
            connection.execute("delete from chain.blocks where number < (select final_block from chain.network)")
        await replaced(bench, gone)
        recovered = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        assert recovered.reorganised_above == kept.place.block_number
        assert [one.number for one in recovered.taken_back] == [2]
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="read the list")
        last = await minted_again(bench, [2])
        assert [(one.kind, one.mint.number) for one in last] == [("minted", 1), ("reverted", 2), ("minted", 2)]
        assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]


@pytest.mark.invariant("I2")
async def test_a_number_whose_retirement_is_gone_is_retired_again_and_never_minted(settings: adapter.Settings) -> None:
    """Somebody else had retired it; its cashback may have another number since."""
    async with serving(settings) as bench:
        await bench.people.retire_elsewhere(1)
        await bench.submit(mint(1))
        [first] = await bench.settled([1])
        assert (first.kind, first.reason) == ("failed", "number_retired")
        await replaced(bench, first)
        recovered = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        assert (recovered.taken_back, recovered.waiting_again) == ([], 1)
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="read the list")

        async def look() -> list[Outcome] | None:
            found = await stream(bench)
            if any(one.reversals == 1 for one in found):
                return found
            await bench.lever.mine()
            return None

        last = await eventually(look)
        assert [(one.kind, one.reason, one.reversals) for one in last] == [("failed", "number_retired", 1)]
        assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)


@pytest.mark.invariant("I2")
async def test_a_second_deep_reorganisation_is_booked_back_as_the_first_one(settings: adapter.Settings) -> None:
    """Every reader can follow the whole story from its beginning."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        found = await bench.settled([1])
        for times in (1, 2):
            await replaced(bench, found[-1])
            await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
            await bench.lever.automine(is_on=True)
            await bench.adapter.halting.resume(by=ALICE, because="read the list")
            found = await minted_again(bench, [1], reversals=times)
        assert [(one.kind, one.reversals) for one in found] == [("reverted", 1), ("reverted", 2), ("minted", 2)]
        assert found[0].place != found[1].place != found[2].place
        assert await bench.logs_of(1) == 1


async def waits(bench: Bench) -> None:
    """Return once somebody waits for a lock of the advisory kind."""

    async def look() -> bool | None:
        found = await bench.rows("select from pg_locks where locktype = 'advisory' and not granted")
        return True if found else None

    await eventually(look)


@pytest.mark.invariant("I2")
@pytest.mark.parametrize("is_recovery", [True, False], ids=["recovery", "submission"])
async def test_a_recovery_and_a_submission_wait_for_each_other(
    settings: adapter.Settings, chain_dsn: str, *, is_recovery: bool
) -> None:
    """Otherwise a mint would be called final where nothing stands: its log was seen in a block that was taken back."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        [first] = await bench.settled([1])
        await replaced(bench, first)
        held = "pg_advisory_xact_lock_shared" if is_recovery else "pg_advisory_xact_lock"
        with psycopg.connect(chain_dsn) as other:
            other.execute(f"select {held}(hashtextextended('chain.used_numbers', 0))")
            waiting = asyncio.create_task(
                bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
                if is_recovery
                else bench.adapter.acceptance.submit([mint(2)])
            )
            await waits(bench)
            assert not waiting.done()
        assert await waiting


async def test_finality_goes_back_to_the_last_block_that_stands(settings: adapter.Settings) -> None:
    """Until the new branch is final itself, it may be replaced as any: that is no second deep reorganisation."""
    async with assembled(settings) as bench:
        async with running(bench.adapter.lanes[0].run, bench.adapter.follower.run):
            await bench.submit(mint(1))
            [first] = await bench.settled([1])
            await replaced(bench, first)
        recovered = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        fork = recovered.reorganised_above
        assert fork == first.place.block_number - 1
        assert await bench.rows("select safe_block, final_block from chain.network") == [(fork, fork)]
        assert await bench.rows("select max(number) from chain.blocks") == [(fork,)]


async def test_whoever_follows_blocks_loses_the_lease_to_a_recovery(settings: adapter.Settings) -> None:
    """What was read of the old branch before cannot be stored after; then it is followed from the fork."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        [first] = await bench.settled([1])
        await replaced(bench, first)
        lease = "select token from chain.leases where name = 'follower'"
        [(before,)] = await bench.rows(lease)
        await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        assert await bench.rows(lease) != [(before,)]
        await bench.followed()


@pytest.mark.parametrize(
    "statement",
    [
        "update chain.recoveries set person = 'nobody'",
        "delete from chain.recoveries",
        "update chain.outcomes set reversals = 7",
        "select chain.begin_epoch('epo_elsewhere')",
    ],
)
async def test_the_adapter_rewrites_no_journal_and_begins_no_epoch_by_itself(
    settings: adapter.Settings, statement: str
) -> None:
    """Its role adds to the journal; an epoch begins only under a halt."""
    async with serving(settings) as bench:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await bench.rows(statement)
