"""How long to wait before trying again: doubling, bounded, cut by a random part so that the many do not come as one.

Pure: where the jitter comes from is the caller's affair. A loop asks for randomness, a row is spread by its own name.
"""

from typing import Final

PER_MILLE: Final = 1_000
_DOUBLINGS_MAX: Final = 32


def delay_ms(failures: int, *, first_ms: int, longest_ms: int, jitter_per_mille: int) -> int:
    """Return the wait after the n-th failure in a row, 1 being the first: doubled with each, less up to a half.

    `jitter_per_mille` is 0 to 999, evenly spread.

    >>> delay_ms(1, first_ms=250, longest_ms=10_000, jitter_per_mille=0)
    250
    >>> delay_ms(3, first_ms=250, longest_ms=10_000, jitter_per_mille=500)
    750
    """
    whole_ms = min(first_ms << min(max(failures, 1) - 1, _DOUBLINGS_MAX), longest_ms)
    return whole_ms - whole_ms * jitter_per_mille // (2 * PER_MILLE)
