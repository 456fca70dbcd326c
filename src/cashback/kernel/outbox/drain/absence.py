"""Absence: how long a drainer stays without lanes that gave them up, as a pure decision.

Counted in round trips to the broker, which the drainer makes while it waits, half a second to a second apart: whoever
is answered and cannot publish may be alone with that, and should not have the lanes half of the time.
"""

from typing import Final

PER_MILLE: Final = 1_000
ROUND_TRIPS_MAX: Final = 16
"""With the wait between them 8 to 16 s: a broker that stores again is used again within half a minute."""

_DOUBLINGS_MAX: Final = ROUND_TRIPS_MAX.bit_length()


def round_trips(absences: int, *, jitter_per_mille: int) -> int:
    """Return how many round trips the n-th absence since the last stored event lasts: doubled with each, up to 16.

    A random part, `jitter_per_mille` from 0 to 999, cuts it by up to a half, so that not all drainers come back as one.

    >>> [round_trips(absences, jitter_per_mille=0) for absences in (1, 2, 3, 4, 5, 6)]
    [1, 2, 4, 8, 16, 16]
    >>> [round_trips(absences, jitter_per_mille=999) for absences in (1, 2, 3, 4, 5, 6)]
    [1, 2, 3, 5, 9, 9]
    """
    whole = min(1 << min(max(absences, 1) - 1, _DOUBLINGS_MAX), ROUND_TRIPS_MAX)
    return whole - whole * jitter_per_mille // (2 * PER_MILLE)
