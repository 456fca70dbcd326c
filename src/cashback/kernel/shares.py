"""Shares: which lanes of an outbox a drainer keeps, gives away, takes and asks for, so that all have as many.

    free ──take──▶ held ──asked for by another──▶ given ──▶ free for whoever asked, for as long as it has asked
                    ▲                                          └──take──▶ held by that one
                    └── who has at least two fewer than another asks that one for half of the difference

Nobody is registered anywhere: who holds lanes is known by them, and who holds none asks. Two drainers of four lanes end
at two each, three at 2, 1 and 1, five at one each and one that stands by.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec


class Seat(msgspec.Struct, frozen=True):
    """One lane as the table has it: `holder` while its lease runs, `asked_by` while somebody's wish for it counts."""

    partition: int
    position: int
    token: int
    holder: str | None
    asked_by: str | None = None
    was_left: bool = False
    """Its last lease ran out, and was not given back."""

    @property
    def owner(self) -> str | None:
        """Return who has the lane once every wish is granted; None when it is anybody's."""
        return self.asked_by or self.holder


class Wish(msgspec.Struct, frozen=True):
    """What a drainer does about the lanes."""

    keep: tuple[Seat, ...] = ()
    give: tuple[Seat, ...] = ()
    take: tuple[Seat, ...] = ()
    ask: tuple[Seat, ...] = ()


def wish(seats: Sequence[Seat], *, me: str) -> Wish:
    """Return what the drainer `me` does when it finds the lanes like this; in balance that is to keep what it has.

    >>> alone = [Seat(partition, 0, 1, "other") for partition in range(4)]
    >>> [seat.partition for seat in wish(alone, me="me").ask]
    [2, 3]
    """
    keep = [seat for seat in seats if seat.holder == me and seat.owner == me]
    give = [seat for seat in seats if seat.holder == me and seat.owner != me]
    take = [seat for seat in seats if seat.holder is None and seat.owner == me]
    awaited = [seat for seat in seats if seat.holder not in (None, me) and seat.owner == me]
    others = Counter(seat.owner for seat in seats if seat.owner is not None and seat.owner != me)
    share = -(-len(seats) // (len(others) + 1))
    free = [seat for seat in seats if seat.owner is None]
    take += free[: max(0, share - len(keep) - len(take) - len(awaited))]
    ask = _surplus(seats, others, len(keep) + len(take) + len(awaited)) if not free else ()
    return Wish(keep=tuple(keep), give=tuple(give), take=tuple(take), ask=tuple(ask))


def _surplus(seats: Sequence[Seat], others: Counter[str], mine: int) -> Sequence[Seat]:
    """Return the lanes to ask for: of whoever has most, half of what it has more than `mine`."""
    unasked = [seat for seat in seats if seat.asked_by is None]
    # Of two that have as many, the one that has lanes to give, and not promises alone.
    given = Counter(seat.holder for seat in unasked)
    richest, most = max(others.items(), key=lambda one: (one[1], given[one[0]], one[0]), default=("", 0))
    count = (most - mine) // 2
    movable = [seat for seat in unasked if seat.holder == richest]
    return movable[len(movable) - count :] if 0 < count <= len(movable) else ()
