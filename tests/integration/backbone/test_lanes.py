"""Lanes between several drainers: shares, wishes, and leases from a clock that was set back."""

from collections import Counter

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox.drain import BATCH_MAX, pending
from cashback.kernel.outbox.drain.reading import BYTES_MAX, is_full
from cashback.kernel.outbox.lanes import Lanes
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, rows, running, stored_ids

LARGEST: int = 65_536


async def test_two_relays_share_the_lanes_and_five_leave_one_idle(shop: Database) -> None:
    """Whoever comes asks, whoever holds gives, and who leaves is followed by those who are there."""
    relays = [Lanes(schema=SCHEMA, holder=f"relay {number}", ttl_s=10) for number in range(5)]
    async with shop.session() as session:
        for count, expected in ((1, [4]), (2, [2, 2]), (3, [2, 1, 1]), (5, [1, 1, 1, 1, 0])):
            for _ in range(6):
                for relay in relays[:count]:
                    await relay.acquire(session)
            assert sorted((len(relay.held) for relay in relays[:count]), reverse=True) == expected
        for relay in relays[1:]:
            await relay.release(session)
        await relays[0].acquire(session)
    assert len(relays[0].held) == 4


async def test_relays_in_balance_write_nothing_but_their_own_leases(shop: Database) -> None:
    """One that stands by writes nothing at all: each version of a row outlives somebody's old snapshot."""
    relays = [Lanes(schema=SCHEMA, holder=f"relay {number}", ttl_s=10) for number in range(5)]
    async with shop.session() as session:
        for _ in range(6):
            for relay in relays:
                await relay.acquire(session)
        (idle,) = [relay for relay in relays if not relay.held]
        before = await rows(shop, f"select ctid::text from {SCHEMA}.outbox_cursors order by partition")
        for _ in range(5):
            await idle.acquire(session)
        assert await rows(shop, f"select ctid::text from {SCHEMA}.outbox_cursors order by partition") == before


async def test_a_lane_that_nobody_fetches_is_anybodys_again(shop: Database) -> None:
    """Whoever asked has died meanwhile: its wish ends, as its lease would."""
    first = Lanes(schema=SCHEMA, holder="first", ttl_s=10)
    dying = Lanes(schema=SCHEMA, holder="dying", ttl_s=0.2)
    async with shop.session() as session:
        await first.acquire(session)
        await dying.acquire(session)
        await first.acquire(session)
        assert len(first.held) == 2

        async def has_all_again() -> bool:
            """Tell whether the first has got back what it gave."""
            await first.acquire(session)
            return len(first.held) == 4

        await eventually(has_all_again)


async def test_a_lease_from_a_clock_that_ran_ahead_ends(shop: Database) -> None:
    """The database's clock was set back by an hour: a dead holder's leases and wishes seem to last so much longer."""
    dead = Lanes(schema=SCHEMA, holder="dead", ttl_s=3)
    heir = Lanes(schema=SCHEMA, holder="heir", ttl_s=3)
    async with shop.session() as session:
        await dead.acquire(session)
        await rows(
            shop,
            f"update {SCHEMA}.outbox_cursors set expires_at = now() + interval '1 hour', asked_by = 'somebody',"
            " asked_until = now() + interval '1 hour'",
        )
        await heir.acquire(session)
        assert len(heir.held) == 4
        await dead.advance(session, dict.fromkeys(range(4), 7))
    assert dead.held == {}
    assert await rows(shop, f"select distinct position from {SCHEMA}.outbox_cursors") == [(0,)]


async def test_a_holder_finds_its_row_where_another_has_moved_it(shop: Database) -> None:
    """A wish moves the row; who looked for it where it was last looks for it by its number then."""
    holder = Lanes(schema=SCHEMA, holder="holder", ttl_s=10)
    async with shop.session() as session:
        await holder.acquire(session)
        await holder.advance(session, {2: 5})
        await rows(shop, f"update {SCHEMA}.outbox_cursors set asked_by = asked_by")
        await holder.advance(session, {2: 9})
    assert len(holder.held) == 4
    assert await rows(shop, f"select position from {SCHEMA}.outbox_cursors order by partition") == [
        (0,), (0,), (9,), (0,)
    ]  # fmt: skip


async def test_a_lane_given_away_is_written_as_far_as_it_was_published(shop: Database) -> None:
    """Its next holder begins there, though the cursor had not followed yet."""
    first = Lanes(schema=SCHEMA, holder="first", ttl_s=10)
    second = Lanes(schema=SCHEMA, holder="second", ttl_s=10)
    async with shop.session() as session:
        await first.acquire(session)
        first.reach(dict.fromkeys(range(4), 40))
        await second.acquire(session)
        await first.acquire(session)
        await second.acquire(session)
    assert Counter(lane.position for lane in second.held.values()) == {40: 2}


@pytest.mark.invariant("I5", "I6")
async def test_a_lane_changes_hands_without_a_gap_or_a_double(shop: Database, bus: Bus) -> None:
    """Drainers come and go while events are committed: the stream has each once, each lane in order."""
    async with running(drainer(shop, bus, holder="first", ttl_s=0.6).run):
        for number in range(4):
            async with running(drainer(shop, bus, holder=f"other {number}", ttl_s=0.6).run):
                for _ in range(10):
                    await happened(shop, *(event(f"pur_{key}") for key in range(8)))
                await eventually(lambda: _holders(shop, 2))
        await eventually(lambda: has_stored(bus, 320))
    ids = await stored_ids(bus)
    lanes = await rows(
        shop, f"select array_agg(event_id order by position) from {SCHEMA}.outbox_events group by partition"
    )
    assert len(ids) == 320
    for (wanted,) in lanes:
        assert [id_ for id_ in ids if id_ in set(wanted)] == wanted


async def test_large_events_are_read_in_bytes_not_in_rows(shop: Database, bus: Bus) -> None:
    """Two hundred of the largest: no more at once than the bound, none left out, and all arrive."""
    await happened(shop, *(event(f"pur_{number}", data=b"x" * LARGEST) for number in range(200)))
    reader = Lanes(schema=SCHEMA, holder="reader", ttl_s=10)
    async with shop.session() as session:
        await reader.acquire(session)
        found = await pending(session, schema=SCHEMA, lanes=list(reader.held.values()), limit=BATCH_MAX)
        await reader.release(session)
    assert [row.position for row in found] == list(range(1, BYTES_MAX // LARGEST + 1))
    assert is_full(found)
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 200))


async def _holders(database: Database, count: int) -> bool:
    """Tell whether so many drainers hold lanes."""
    found = await rows(
        database, f"select count(distinct holder) from {SCHEMA}.outbox_cursors where expires_at > clock_timestamp()"
    )
    return found == [(count,)]
