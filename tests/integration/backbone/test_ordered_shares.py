"""How ordered workers share the partitions of their consumer, and what changing hands costs: nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cashback.kernel.bus import Bus, publish
from cashback.kernel.db import Database
from tests.integration.backbone.loops import Script, assert_in_order, have_applied, ordered, some
from tests.integration.backbone.world import SCHEMA, applied, eventually, rows, running, to_message


@pytest.mark.invariant("I5", "I6")
async def test_any_number_of_ordered_workers_share_the_partitions_and_lose_and_double_nothing_by_it(
    shop: Database, bus: Bus
) -> None:
    """All four are one worker's, two each, two and one and one, and those of one that ends are the others' at once."""
    events = some(360)
    scripts = [Script() for _ in range(3)]

    def worker(number: int) -> Callable[[asyncio.Event], Awaitable[None]]:
        """Return the work of one of them."""
        return ordered(shop, bus, handler=scripts[number], holder=f"worker {number}", batch_max=4).run

    async with running(worker(0)):
        await eventually(lambda: _shares(shop, 4))
        await publish(bus, [to_message(one) for one in events[:120]])
        async with running(worker(1)):
            await eventually(lambda: _shares(shop, 2, 2))
            await publish(bus, [to_message(one) for one in events[120:240]])
            async with running(worker(2)):
                await eventually(lambda: _shares(shop, 2, 1, 1))
                await publish(bus, [to_message(one) for one in events[240:]])
                await eventually(lambda: have_applied(shop, len(events)))
        await eventually(lambda: _shares(shop, 4))
    assert_in_order(events, await applied(shop))
    assert [bool(script.seen) for script in scripts] == [True, True, True]


async def _shares(database: Database, *shares: int) -> bool:
    """Tell whether workers hold so many partitions each, the largest share first, and nobody asks for more."""
    found = await rows(
        database,
        f"""
        select array_agg(held order by held desc) filter (where not is_wish), coalesce(bool_or(is_wish), false)
        from (
            select count(*)::int, name like 'asked:%%'
            from {SCHEMA}.leases
            where expires_at > clock_timestamp()
            group by holder, name like 'asked:%%'
        ) as counted (held, is_wish)
        """,
    )
    return found == [(list(shares), False)]
