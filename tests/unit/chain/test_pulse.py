"""Waking each other inside one process."""

import asyncio

from cashback.chain.service.pulse import Pulse, first_of


async def test_a_beat_between_ticket_and_wait_is_not_lost() -> None:
    """Take the ticket, look, wait: whatever came meanwhile wakes at once."""
    pulse = Pulse()
    ticket = pulse.ticket()
    pulse.beat()
    async with asyncio.timeout(1):
        await first_of(ticket, timeout_s=60)


async def test_a_beat_wakes_everybody_who_waits() -> None:
    """Each watcher has its own ticket of the same pulse."""
    pulse = Pulse()
    waiters = [asyncio.create_task(first_of(pulse.ticket(), timeout_s=60)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.beat()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiters)


async def test_waiting_ends_by_itself() -> None:
    """A beat that never comes is no reason to hang."""
    async with asyncio.timeout(1):
        await first_of(Pulse().ticket(), timeout_s=0.01)
