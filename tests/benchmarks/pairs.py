"""Ways of doing the same thing, held against each other: in turns, so that what disturbs one disturbs both.

warm up both ──▶ ours, theirs ──▶ theirs, ours ──▶ ours, theirs ──▶ ...  seven pairs; the ratio is the pairs' median
"""

from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final, TypeAlias

import msgspec

PAIRS: Final = 7

Round: TypeAlias = Callable[[], Awaitable[float]]
"""Does one way for a few seconds and returns its rate; it may be asked again."""


class Pairs(msgspec.Struct, frozen=True):
    """The rates of both ways, pair by pair."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """Return how many times as fast ours is: the median over the pairs."""
        return median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))


async def in_turns(ours: Round, theirs: Round) -> Pairs:
    """Return the rates of `PAIRS` pairs after a warm-up that does not count; each pair turns the order round."""
    return Pairs(*await all_in_turns(ours, theirs))


async def all_in_turns(*ways: Round) -> list[list[float]]:
    """Return the rates of each way over `PAIRS` rounds after a warm-up; each round turns the order round."""
    for way in ways:
        await way()
    rates: list[list[float]] = [[] for _ in ways]
    for turn in range(PAIRS):
        order = list(enumerate(ways))
        for place, way in order if turn % 2 == 0 else reversed(order):
            rates[place].append(await way())
    return rates


async def best(rounds: dict[int, Round]) -> int:
    """Return the setting whose round was fastest: each way is shown at its best."""
    rates = {setting: await way() for setting, way in rounds.items()}
    return max(rates, key=lambda setting: rates[setting])
