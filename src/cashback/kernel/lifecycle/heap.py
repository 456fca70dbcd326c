"""Python's collector of cycles, set for a process that serves batches for weeks.

Its usual settings walk the whole heap, modules and all, while a batch of purchases is under way: each batch makes more
objects than the collector lets be young, and frees all of them without it when it ends.
"""

import gc
from typing import Final

YOUNG_MAX: Final = 50_000
"""New containers before the young are looked through: more than a batch of 500 purchases keeps at a time."""

OLDER_EVERY: Final = 20
"""Looks through the young before one through the middle-aged, and of those before one through everything."""


def settle() -> None:
    """Have the collector never again look at what is there by now, and seldom at what a batch makes; repeatable."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, OLDER_EVERY, OLDER_EVERY)
