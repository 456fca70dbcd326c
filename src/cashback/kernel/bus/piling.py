"""Piling up: which deliveries of a batch share a transaction, and in which order."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus.message import Delivery, Place

_WHOLE_BATCH_ATTEMPTS: Final = 2


class Taken(msgspec.Struct, frozen=True):
    """A delivered message, read."""

    message: Msg
    place: Place
    delivery: Delivery


def piles(taken: Sequence[Taken], failed: Collection[str], *, batch_max: int) -> list[list[Taken]]:
    """Return what may share a transaction: known failures first, each alone, and the older the smaller the pile.

    `failed` are ids of events. They come first since others of their keys wait for them, and those go on at once when
    the failed one is applied. What only ever fails as a lock or a statement timing out looks like an outage: with each
    attempt it shares its transaction with half as many others. A key is as old as the oldest of it, and within a pile
    and from pile to pile its events stand as in the stream.
    """
    ordered = sorted(taken, key=lambda one: one.place.sequence)
    if not failed and not any(_age(one) for one in ordered):
        return [ordered[start : start + batch_max] for start in range(0, len(ordered), batch_max)]
    alone = [one for one in ordered if one.delivery.id in failed]
    age_of_keys: dict[str, int] = {}
    for one in ordered:
        age_of_keys[one.delivery.key] = max(age_of_keys.get(one.delivery.key, 0), _age(one))
    ages: dict[int, list[Taken]] = {}
    for one in ordered:
        if one.delivery.id not in failed:
            ages.setdefault(age_of_keys[one.delivery.key], []).append(one)
    together = [[one] for one in alone]
    for age in sorted(ages):
        size = max(1, batch_max >> age)
        together += [ages[age][start : start + size] for start in range(0, len(ages[age]), size)]
    return together


def _age(one: Taken) -> int:
    """Return how often the pile of a delivery was halved for it."""
    return max(0, one.place.attempt - _WHOLE_BATCH_ATTEMPTS)
