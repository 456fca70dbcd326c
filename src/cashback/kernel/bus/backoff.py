"""How long to wait before trying again."""

import random

import msgspec

from cashback.kernel.backoff import PER_MILLE, delay_ms

_MS_IN_S = 1_000


class Backoff(msgspec.Struct, frozen=True):
    """Doubling waits from `base_s` to `cap_s`, each cut by a random part, so that the many do not come back as one."""

    base_s: float
    cap_s: float

    def ceiling_s(self, attempt: int) -> float:
        """Return the longest wait after the given failed attempt (1 is the first)."""
        return self._delay_s(attempt, jitter_per_mille=0)

    def delay_s(self, attempt: int) -> float:
        """Return a wait between half of the ceiling and all of it."""
        return self._delay_s(attempt, jitter_per_mille=random.randrange(PER_MILLE))  # noqa: S311 - jitter needs no secrecy

    def _delay_s(self, attempt: int, *, jitter_per_mille: int) -> float:
        """Return the wait after a failed attempt, cut by so much."""
        first_ms, longest_ms = int(self.base_s * _MS_IN_S), int(self.cap_s * _MS_IN_S)
        return delay_ms(attempt, first_ms=first_ms, longest_ms=longest_ms, jitter_per_mille=jitter_per_mille) / _MS_IN_S
