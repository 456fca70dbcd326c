"""How often somebody may ask: so many times a second in the long run, and so many at once after a rest.

    an allowance of `burst` ──each request takes 1──▶ what is left ──refills by `per_s`──▶ whole again

Kept is one number for each name: when its allowance is whole again (the generic cell rate algorithm, ITU-T I.371). What
is taken moves that instant on; no clock has to fill anything meanwhile.

What comes in one request and counts as many, a bulk, is admitted while anything is left, and may leave less than
nothing: else a bulk that is larger than the allowance would never be. Nothing else is admitted until that has refilled.
"""

import math
from collections import OrderedDict
from typing import Final, NamedTuple

from cashback.kernel.principal import Rate

NAMES_MAX: Final = 10_000
"""How many names a table remembers; who is forgotten begins anew, with the whole allowance."""

_ROUNDING: Final = 1e-3
"""Of one request: floats of seconds since a start are no whole numbers of them."""


class Standing(NamedTuple):
    """What is left of an allowance, for how long whoever is refused waits (0 for who is not), and when it is whole."""

    rate: Rate
    left: int
    wait_s: float
    whole_in_s: float


def standing(whole_at_s: float, rate: Rate, *, now_s: float) -> Standing:
    """Return how an allowance stands that is whole again at an instant, without taking anything of it."""
    whole_in_s = max(0.0, whole_at_s - now_s)
    left = rate.burst - whole_in_s * rate.per_s + _ROUNDING
    wait_s = 0.0 if left >= 1 else (1 - left) / rate.per_s
    return Standing(rate, max(0, math.floor(left)), wait_s, whole_in_s)


def take(whole_at_s: float, rate: Rate, *, count: int, now_s: float) -> tuple[float, Standing]:
    """Return when an allowance is whole again after `count` were taken of it, and how it stands then.

    While nothing is left nothing is taken: the standing has a wait.
    """
    owed_s = max(0.0, whole_at_s - now_s)
    left = rate.burst - owed_s * rate.per_s + _ROUNDING
    if left < 1:
        return whole_at_s, standing(whole_at_s, rate, now_s=now_s)
    owed_s += count / rate.per_s
    return now_s + owed_s, Standing(rate, max(0, math.floor(left - count)), 0.0, owed_s)


class Allowances:
    """How the allowances stand of those who have asked lately, by name."""

    def __init__(self, *, names_max: int = NAMES_MAX) -> None:
        """Remember so many, and forget who has not asked for longest."""
        self._names_max = names_max
        self._whole_at_s: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._whole_at_s)

    def take(self, name: str, rate: Rate, *, now_s: float, count: int = 1) -> Standing:
        """Return how the allowance of a name stands after `count` were taken; with a wait where none were."""
        whole_at_s, after = take(self._whole_at_s.get(name, 0.0), rate, count=count, now_s=now_s)
        self._whole_at_s[name] = whole_at_s
        self._whole_at_s.move_to_end(name)
        if len(self._whole_at_s) > self._names_max:
            self._whole_at_s.popitem(last=False)
        return after

    def look(self, name: str, rate: Rate, *, now_s: float) -> Standing | None:
        """Return how an allowance stands, None where it is whole as far as anybody remembers; nothing is taken."""
        whole_at_s = self._whole_at_s.get(name)
        return None if whole_at_s is None else standing(whole_at_s, rate, now_s=now_s)
