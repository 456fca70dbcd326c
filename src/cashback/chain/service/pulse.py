"""Waking each other inside one process: what was just committed need not wait for the next poll."""

import asyncio


class Pulse:
    """Wakes everybody who waits. A beat between `ticket` and `first_of` is not lost."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._event = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """Return what the next beat sets; take it before looking, then wait on it."""
        return self._event

    def beat(self) -> None:
        """Wake all who hold a ticket."""
        self._event.set()
        self._event = asyncio.Event()


async def first_of(*events: asyncio.Event, timeout_s: float) -> None:
    """Return as soon as one of `events` is set, or after `timeout_s` seconds."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
