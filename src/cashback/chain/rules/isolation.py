"""Which of the mints in calls that fail are to blame: halves are tried, and halves of those that fail, all at once.

    [1 2 3 4 5 6 7 8]✗ ──▶ [1 2 3 4]  [5 6 7 8]✗ ──▶ [5 6]✗ [7 8] ──▶ [5]  [6]✗        6 is poison, the others go

Of n mints in one call of which k are poison, at most min(2n - 1, 1 + 2k ceil(log2 n)) calls are tried, the whole one
included, in at most 1 + ceil(log2 n) rounds; every poison entry is found, and each is tried once more. When nothing
goes, whole or alone, nothing shows that a mint is to blame.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from cashback.chain.model import Trial, Waiting
from cashback.chain.rules import reverts
from cashback.chain.rules.fees import Waits

CALLS_REFUSED: Final = "calls_refused"
"""What a lane waits for while nothing at all goes: the contracts, not the mints, are to blame."""
GOES: Final = ""

Group: TypeAlias = tuple[Waiting, ...]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried next, which groups went as they are, and which mints failed alone, each with its reason."""

    groups: tuple[Group, ...]
    going: tuple[Group, ...] = ()
    poison: tuple[tuple[int, str], ...] = ()

    @property
    def is_over(self) -> bool:
        """Tell whether every mint went, or failed alone."""
        return not self.groups


def reason(trial: Trial) -> str:
    """Return why a call would do nothing, as a stable code; `GOES` when it would do what it should."""
    match trial.outcome:
        case "done":
            return GOES
        case "out_of_gas":
            return reverts.OUT_OF_GAS
        case "undone":
            return reverts.reason(trial.selector, gas=1, gas_used=0)


def passing(reasons: Sequence[str]) -> Waits | None:
    """Return what the lane waits for when the world, not a mint, stops one of the calls; None when it stops none."""
    stopped = next((one for one in reasons if one in reverts.PASSING), None)
    return None if stopped is None else Waits(stopped)


def step(search: Search, reasons: Sequence[str]) -> Search:
    """Return the search after its groups were tried, each with the reason why it failed, or `GOES`."""
    tried = list(zip(search.groups, reasons, strict=True))
    return Search(
        groups=tuple(half for group, why in tried if why != GOES and len(group) > 1 for half in _halves(group)),
        going=search.going + tuple(group for group, why in tried if why == GOES),
        poison=search.poison + tuple((group[0].number, why) for group, why in tried if why != GOES and len(group) == 1),
    )


def again(search: Search, waiting: Sequence[Waiting]) -> Search:
    """Return a search that is over as one with each of the `waiting` mints that failed alone to be tried once more."""
    failed = {number for number, _ in search.poison}
    return Search(groups=tuple((mint,) for mint in waiting if mint.number in failed), going=search.going)


def parts(group: Group, search: Search) -> list[Group]:
    """Return the parts of a group that failed as a whole which went, in the order of their numbers."""
    first, last = group[0].number, group[-1].number
    return sorted((one for one in search.going if first <= one[0].number <= last), key=lambda one: one[0].number)


def _halves(group: Group) -> tuple[Group, Group]:
    """Return both halves of a group of at least two."""
    middle = len(group) // 2
    return group[:middle], group[middle:]
