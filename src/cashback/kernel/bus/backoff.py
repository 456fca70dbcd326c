"""How long to wait before trying again."""

import random
from typing import Final

import msgspec

_DOUBLINGS_MAX: Final = 32


class Backoff(msgspec.Struct, frozen=True):
    """Doubling waits from `base_s` to `cap_s`, each cut by a random part, so that the many do not come back as one."""

    base_s: float
    cap_s: float

    def ceiling_s(self, attempt: int) -> float:
        """Return the longest wait after the given failed attempt (1 is the first)."""
        return float(min(self.cap_s, self.base_s * 2 ** min(attempt - 1, _DOUBLINGS_MAX)))

    def delay_s(self, attempt: int) -> float:
        """Return a wait between half of the ceiling and all of it."""
        return self.ceiling_s(attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
