"""A chain database from a backup that is older than the chain: a person has it adopt the rest, and nothing is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterUnavailable, NotFinalYet, Person, Recovered
from cashback.chain.store import audit
from cashback.kernel.config import Secret
from cashback.processes import adapter
from tests.integration.chain.cancelling import cancel, retirements, slots
from tests.integration.chain.conftest import PASSWORD
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import Bench, assembled, mint, serving
from tests.integration.chain.test_recovering import replaced
from tests.integration.chain.test_taken_back import told_again
from tests.integration.chain.waiting import eventually
from tests.support.servers import Databases

ALICE = Person("alice")
WHY = "the database was restored from last night's backup"
BEHIND: Final = frozenset({"nonce_ahead_of_records", "unknown_mint"})
"""What halts on a database that is older than the chain: a lane or the follower, whichever looks first."""


@contextmanager
def backup(databases: Databases, settings: adapter.Settings) -> Iterator[adapter.Settings]:
    """Give the settings of an adapter on a copy of the database as it is now; nobody may be connected to it."""
    name = str(conninfo_to_dict(settings.chain_dsn.value)["dbname"])
    with databases.fresh(name) as dsn:
        copied = make_conninfo(dsn, user="chain_adapter", password=PASSWORD)
        yield msgspec.structs.replace(settings, chain_dsn=Secret(copied))


async def recovered(bench: Bench) -> Recovered:
    """Have the records recovered as soon as everything on the chain is final; blocks are made meanwhile."""

    async def look() -> Recovered | None:
        try:
            return await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
        except NotFinalYet:
            await bench.lever.mine()
            return None

    return await eventually(look)


async def assert_contiguous(bench: Bench) -> None:
    """Assert that no nonce up to the last final block is missing, doubled, or open (I9)."""
    final_block = (await bench.adapter.reading.status()).network.final_block
    [(address,)] = await bench.rows("select address from chain.lanes")
    used = int(await bench.lever.call("eth_getTransactionCount", f"0x{address.hex()}", hex(final_block)), 16)
    async with bench.database.transaction() as tx:
        faults = await audit.nonce_faults(tx, final_nonces={address: used}, final_block=final_block, limit=10)
    assert faults == []


@pytest.mark.invariant("I2", "I9")
async def test_nonces_and_numbers_that_a_backup_does_not_know_are_adopted_and_listed(
    settings: adapter.Settings, databases: Databases
) -> None:
    """The lane goes on from the chain's nonce; what is submitted again is found on the chain, once each."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        first = await bench.settled([1])
    known = [mint(number) for number in (2, 3, 4)]
    with backup(databases, settings) as older:
        async with serving(settings) as bench:
            for one in known[:2]:
                await bench.submit(one)
                await bench.settled([one.number])
            newest = await bench.adapter.stream.epoch()
        async with serving(older) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
            assert await bench.halted() in BEHIND
            found = await recovered(bench)
            [lane] = found.lanes
            assert (lane.next_nonce_before, lane.next_nonce, lane.closed_slots) == (1, 3, 0)
            assert [one.number for one in found.unknown] == [2, 3]
            assert found.unknown_count == 2
            assert found.epoch_before == newest != found.epoch == await bench.adapter.stream.epoch()
            assert [one.mint.number for one in await bench.settled([1])] == [one.mint.number for one in first]
            assert {halt.reason for halt in await caller.halts()} <= BEHIND
            await caller.resume(by="alice", reason="read the list")
            await bench.submit(*known)
            outcomes = await bench.settled([1, 2, 3, 4])
            assert {one.mint.number: one.kind for one in outcomes} == dict.fromkeys((1, 2, 3, 4), "minted")
            assert [await bench.logs_of(number) for number in (1, 2, 3, 4)] == [1, 1, 1, 1]
            assert await bench.rows("select nonce, kind from chain.slots order by nonce") == [
                (0, "mint"),
                (1, "adopted"),
                (2, "adopted"),
                (3, "mint"),
            ]
            await assert_contiguous(bench)


@pytest.mark.invariant("I10")
async def test_the_blocks_of_an_adoption_prove_nothing_once_they_are_replaced(
    settings: adapter.Settings, databases: Databases
) -> None:
    """Nothing of ours stood there: what the new branch decides is not taken back because of them."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
    with backup(databases, settings) as older:
        async with serving(settings) as bench:
            await bench.submit(mint(2))
            await bench.settled([1, 2])
        async with serving(older) as bench:
            await bench.halted()
            [unknown] = (await recovered(bench)).unknown
            await bench.lever.automine(is_on=False)
            await bench.lever.reorganise(await bench.lever.head() - unknown.block_number + 1)
            await bench.lever.mine()
            again = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
            assert again.reorganised_above is not None
            await bench.lever.mine(10)
            await bench.followed()
        async with assembled(older) as bench:
            # As after a long time: of the headers only the last final one is left.
            await bench.rows(
                "delete from chain.blocks using chain.network where number <> final_block returning number"
            )
            last = await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=True)
            assert (last.reorganised_above, last.taken_back) == (None, [])


async def test_what_may_still_be_replaced_is_not_adopted(settings: adapter.Settings, databases: Databases) -> None:
    """The order is refused until every transaction that the records do not know is final; the operator may wait."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
    with backup(databases, settings) as older:
        async with serving(settings) as bench:
            await bench.submit(mint(2))
            await bench.reached([2], "included", "safe")
        async with serving(older) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
            assert await bench.halted() in BEHIND
            before = await bench.rows("select epoch, next_nonce from chain.network cross join chain.lanes")
            with pytest.raises(AdapterUnavailable, match="of which 1 are final"):
                await caller.recover(by="alice", reason=WHY, is_dry_run=False)
            assert await bench.rows("select epoch, next_nonce from chain.network cross join chain.lanes") == before
            found = await recovered(bench)
            assert [one.number for one in found.unknown] == [2]


@pytest.mark.invariant("I2", "I9")
async def test_a_slot_that_was_mined_by_a_replacement_which_the_backup_lacks_is_closed(
    settings: adapter.Settings, databases: Databases
) -> None:
    """Its mint stands where its log is; nobody with our key was a stranger."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        await bench.sent()
    with backup(databases, settings) as older:
        async with serving(msgspec.structs.replace(settings, bump_ms=500)) as bench:
            await bench.replaced()
            await bench.lever.mine()
            [first] = await bench.settled([1])
            await bench.lever.automine(is_on=True)
        async with serving(older) as bench:
            assert await bench.halted(mining=True) == "nonce_used_by_stranger"
            found = await recovered(bench)
            [lane] = found.lanes
            assert (lane.next_nonce_before, lane.next_nonce, lane.closed_slots, found.unknown) == (1, 1, 1, [])
            assert [one.place for one in await bench.settled([1])] == [first.place]
            await bench.adapter.halting.resume(by=ALICE, because="read the list")
            await bench.submit(mint(2))
            await bench.settled([1, 2])
            assert [await bench.logs_of(1), await bench.logs_of(2)] == [1, 1]
            await assert_contiguous(bench)


@pytest.mark.invariant("I2", "I9")
async def test_a_mint_whose_nonce_went_to_something_else_is_minted_with_another_one(settings: adapter.Settings) -> None:
    """Somebody with our key has used the nonce: once a person has looked, the mint waits for a slot again."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        [view] = await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.lever.call(
            "eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000), "nonce": "0x0"}
        )
        assert await bench.halted(mining=True) == "nonce_used_by_stranger"
        found = await recovered(bench)
        assert (found.waiting_again, [lane.closed_slots for lane in found.lanes]) == (1, [1])
        assert [one.state for one in await bench.views([1])] == ["accepted"]
        await bench.lever.automine(is_on=True)
        await bench.adapter.halting.resume(by=ALICE, because="the transaction was mine")
        await bench.settled([1])
        assert await bench.logs_of(1) == 1
        await assert_contiguous(bench)


@pytest.mark.invariant("I2", "I9")
async def test_a_retirement_whose_slot_was_adopted_is_repeated_when_its_block_is_replaced(
    settings: adapter.Settings, databases: Databases
) -> None:
    """The slot has nothing that could be sent again: the number is retired at another nonce, and nothing halts."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await cancel(bench, mint(1))
        await bench.replaced(many=1)
        await bench.sent()
    with backup(databases, settings) as older:
        async with serving(msgspec.structs.replace(settings, bump_ms=500)) as bench:
            await bench.replaced()
            await bench.lever.mine()
            await bench.settled([1])
        async with serving(older) as bench:
            assert await bench.halted(mining=True) == "nonce_used_by_stranger"
            assert [lane.closed_slots for lane in (await recovered(bench)).lanes] == [1]
            [first] = await bench.settled([1])
            assert first.reason == "number_retired"
            await bench.adapter.halting.resume(by=ALICE, because="read the list")
            await replaced(bench, first)
            await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=False)
            # The runbook's transaction by hand, at the nonce for which there are no bytes.
            await bench.lever.automine(is_on=True)
            await bench.lever.call(
                "eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[1], "gas": hex(21_000), "nonce": "0x0"}
            )
            await bench.adapter.halting.resume(by=ALICE, because="read the list")
            last = (await told_again(bench))[-1]
            assert (last.kind, last.reason, last.reversals) == ("failed", "number_retired", 1)
            assert await slots(bench) == [(0, "adopted"), (1, "retire")]
            assert (await bench.adapter.reading.status()).network.halted_reason is None
            assert (await retirements(bench), await bench.logs_of(1)) == ([1], 0)


async def test_a_trial_adopts_nothing_and_tells_the_same(settings: adapter.Settings, databases: Databases) -> None:
    """The same transaction, rolled back: nonces, slots, epoch and journal are as before; then it is done."""
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
    with backup(databases, settings) as older:
        async with serving(settings) as bench:
            await bench.submit(mint(2))
            await bench.settled([1, 2])
        async with serving(older) as bench:
            await bench.halted()
            query = """
                select next_nonce, epoch, (select count(*) from chain.slots), (select count(*) from chain.recoveries)
                from chain.network cross join chain.lanes
                """
            before = await bench.rows(query)

            async def look() -> Recovered | None:
                try:
                    return await bench.adapter.recovering.recover(by=ALICE, because=WHY, is_dry_run=True)
                except NotFinalYet:
                    return None

            trial = await eventually(look)
            assert await bench.rows(query) == before
            done = await recovered(bench)
            assert (done.lanes, done.unknown) == (trial.lanes, trial.unknown)
            [row] = await bench.rows("select next_nonce_before, next_nonce from chain.recovered_lanes")
            assert row == (1, 2)
