"""How deep a chain was replaced: the last of the blocks we know that is still canonical."""

from collections.abc import Mapping
from typing import Final

import msgspec

from cashback.chain.model import Hash

PROBES_MAX: Final = 64
"""More questions than it ever takes to find one of 2^63 blocks."""


class Fork(msgspec.Struct, frozen=True):
    """The last known block that stands, and the first above it that was replaced, None when none was."""

    standing: int
    replaced: int | None


class Search:
    """A binary search: below a canonical block every one is canonical, above a replaced one every one is replaced.

    Feed it with `judge` until `probe` is None; then `fork` is the answer. It asks for at most `PROBES_MAX` blocks.
    """

    def __init__(self, known: Mapping[int, Hash], *, floor: int) -> None:
        """Search among the `known` blocks; `floor` is below all of them and stands anyway."""
        self._numbers = sorted(known)
        self._floor = floor
        self._low = 0
        self._high = len(self._numbers)

    @property
    def probe(self) -> int | None:
        """Return the block that is to be looked at next, None when the fork is found."""
        return self._numbers[(self._low + self._high) // 2] if self._low < self._high else None

    def judge(self, *, is_canonical: bool) -> None:
        """Take in whether the block at `probe` still stands."""
        middle = (self._low + self._high) // 2
        self._low, self._high = (middle + 1, self._high) if is_canonical else (self._low, middle)

    @property
    def fork(self) -> Fork:
        """Return what was found; meaningful once `probe` is None."""
        standing = self._numbers[self._low - 1] if self._low else self._floor
        return Fork(standing, self._numbers[self._low] if self._low < len(self._numbers) else None)
