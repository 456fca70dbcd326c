"""What goes wrong and how often, drawn from a seed: each seed has some kinds of faults and none of the others.

A fault is anything that heals: whatever the schedule did, nothing may be lost, minted twice or halted by it.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from cashback.kernel.failpoints import POINTS

Fault: TypeAlias = Literal[
    # a question to an endpoint
    "silent",
    "limited",
    "garbled",
    "late",
    "stalled",
    "killed_asking",
    "receipt_withheld",
    "nonce_behind",
    "nonce_ahead",
    # any named point of the adapter's code
    "killed_at_point",
    # a send
    "send_silent",
    "send_late",
    "send_limited",
    "send_swallowed",
    "send_delayed",
    # a signature
    "stalled_signing",
    "key_away",
    # a transaction of the database
    "database_down",
    "killed_between",
    "killed_before_commit",
    "killed_after_commit",
    "commit_answer_lost",
    # the world, once per step
    "killed",
    "reorganised",
    "pool_dropped",
    "price_spiked",
    "paused",
    "limited_amount",
    "minted_elsewhere",
    "endpoint_behind",
    "endpoint_of_another_chain",
    "endpoint_down",
    # a mint, when it is submitted
    "poisoned",
]

RATES: Final[dict[Fault, float]] = {
    "silent": 0.06,
    "limited": 0.04,
    "garbled": 0.03,
    "late": 0.03,
    "stalled": 0.08,
    "killed_asking": 0.01,
    "receipt_withheld": 0.5,
    "nonce_behind": 0.15,
    "nonce_ahead": 0.03,
    "killed_at_point": 0.15,
    "send_silent": 0.15,
    "send_late": 0.2,
    "send_limited": 0.1,
    "send_swallowed": 0.15,
    "send_delayed": 0.2,
    "stalled_signing": 0.1,
    "key_away": 0.1,
    "database_down": 0.01,
    "killed_between": 0.01,
    "killed_before_commit": 0.01,
    "killed_after_commit": 0.01,
    "commit_answer_lost": 0.01,
    "killed": 0.04,
    "reorganised": 0.08,
    "pool_dropped": 0.05,
    "price_spiked": 0.03,
    "paused": 0.03,
    "limited_amount": 0.03,
    "minted_elsewhere": 0.05,
    "endpoint_behind": 0.08,
    "endpoint_of_another_chain": 0.03,
    "endpoint_down": 0.05,
    "poisoned": 0.2,
}
"""How often a kind strikes where it can, in a seed that has it."""

FORGERIES: Final[frozenset[Fault]] = frozenset({"nonce_ahead"})
"""Lies that no honest node tells by being slow or cut off, and that a lone endpoint is believed."""

_SHARE: Final = 0.4
"""Of the kinds of faults and the named points that one seed has: few, so that each seed tells another story."""

_ONLY_RATE: Final = 0.5
"""How often a process ends at a named point that a seed was told: some of them are hardly ever reached."""

T = TypeVar("T")


class Only(msgspec.Struct, frozen=True):
    """The faults of a seed that does not choose its own: their kinds, and the named points at which processes end."""

    kinds: frozenset[Fault]
    points: frozenset[str]


class Faults:
    """The faults of one seed, until they heal. Every choice of a run is drawn here, so that the seed decides it all."""

    def __init__(self, seed: int, *, forging: bool = False, only: Only | None = None) -> None:
        """Choose the kinds and points of this seed, unless told the `only` ones; with `forging`, nodes lie as well."""
        self._random = Random(seed)  # noqa: S311 - chosen to be repeated, not to be secret
        chosen = {kind for kind in RATES if self._random.random() < _SHARE}
        self.kinds = frozenset(chosen | FORGERIES if forging else chosen - FORGERIES)
        self.points = frozenset(point for point in sorted(POINTS["adapter"]) if self._random.random() < _SHARE)
        self._is_told = only is not None
        if only is not None:
            self.kinds, self.points = only.kinds, only.points
        self._are_healed = False

    def strikes(self, kind: Fault) -> bool:
        """Tell whether a fault strikes here and now."""
        return not self._are_healed and kind in self.kinds and self._random.random() < RATES[kind]

    def strikes_at(self, point: str) -> bool:
        """Tell whether a process ends at a named point of its code, here and now."""
        if point not in self.points or self._are_healed:
            return False
        return self.share() < _ONLY_RATE if self._is_told else self.strikes("killed_at_point")

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._are_healed = True

    def between(self, least: int, most: int) -> int:
        """Return one of the whole numbers from `least` to `most`."""
        return self._random.randint(least, most)

    def one_of(self, some: Sequence[T]) -> T:
        """Return one of several."""
        return self._random.choice(some)

    def weighted(self, some: Sequence[T], weights: Sequence[int]) -> T:
        """Return one of several, each as often as it weighs."""
        return self._random.choices(some, weights)[0]

    def share(self) -> float:
        """Return a number from 0 up to 1."""
        return self._random.random()
