"""Waking each other inside one process."""

import asyncio

from cashback.chain.service.pulse import Pulse, first_of

NEVER_S = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""


async def test_a_beat_between_ticket_and_wait_is_not_lost() -> None:
    """Take the ticket, look, wait: whatever came meanwhile wakes at once."""
    pulse = Pulse()
    ticket = pulse.ticket()
    pulse.beat()
    await first_of(ticket, timeout_s=NEVER_S)


async def test_a_beat_wakes_everybody_who_waits() -> None:
    """Each watcher has its own ticket of the same pulse."""
    pulse = Pulse()
    waiters = [asyncio.create_task(first_of(pulse.ticket(), timeout_s=NEVER_S)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.beat()
    await asyncio.gather(*waiters)


async def test_waiting_ends_by_itself() -> None:
    """A beat that never comes is no reason to hang."""
    await first_of(Pulse().ticket(), timeout_s=0.01)
