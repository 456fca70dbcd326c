"""How long one request waits for the first answers to its keys: one budget for all that it asks for, part by part."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cashback.kernel.clock import monotonic_s
from cashback.purchases.service.once import PATIENT_MS

PATIENT_S: Final = PATIENT_MS / 1_000
"""How long a request waits for keys that other processes hold, however many of its keys they are."""


class Patience:
    """What is left of a request's patience; only what is spent waiting for keys takes from it."""

    def __init__(self, within_s: float = PATIENT_S) -> None:
        """Begin with so much; what is left is nothing, or less, once it is over."""
        self.left_s = within_s

    @property
    def left_ms(self) -> int:
        """What is left for PostgreSQL, a millisecond at least: to that, none would be for ever."""
        return max(int(self.left_s * 1_000), 1)

    def spend_since(self, begun_s: float) -> None:
        """Take off what has passed since then, by the monotonic clock: it turned out to be a wait."""
        self.left_s -= monotonic_s() - begun_s

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Take off what the block takes."""
        begun_s = monotonic_s()
        try:
            yield
        finally:
            self.spend_since(begun_s)
