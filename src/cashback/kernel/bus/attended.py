"""Whether a durable consumer is attended by anybody, seen from outside: two looks, a moment apart.

| events wait | somebody asks | something moved between, or lately | then                                      |
|-------------|---------------|------------------------------------|-------------------------------------------|
| no          |               |                                    | nothing is to be done, whoever is at work |
| yes         | yes           |                                    | attended                                  |
| yes         | no            | yes                                | attended: it has enough in hand           |
| yes         | no            | no                                 | nobody is at work, or hangs               |

A worker asks for three seconds at a time and again at once, but for none while it has enough in hand (`pull`): so one
look proves nothing. What nobody was ever given moved never, and what moved before the broker started it does not know.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import StreamMissing

QUIET_S: Final = 10.0
"""A worker that works on what it has in hand and neither takes nor answers anything for so long is as good as none."""

LOOK_AGAIN_S: Final = 0.75
"""More than a worker needs to ask again when its request has ended, however busy the machine is."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A durable consumer at one look, as the broker has it.

    `unsettled` events nobody has acknowledged, `in_hand` of them were given to somebody. `quiet_s` is for how long
    nothing was given or acknowledged, None where the broker knows of neither.
    """

    unsettled: int
    requests: int
    in_hand: int
    given: int
    acknowledged: int
    quiet_s: float | None

    @property
    def is_suspect(self) -> bool:
        """Tell whether events wait for which nobody asks at this moment."""
        return self.unsettled > 0 and self.requests == 0


def is_unattended(before: Seen, after: Seen) -> bool:
    """Tell whether what waits is worked off by nobody, by two looks at one consumer."""
    has_moved = (before.in_hand, before.given, before.acknowledged) != (after.in_hand, after.given, after.acknowledged)
    is_quiet = after.quiet_s is None or after.quiet_s >= QUIET_S
    return before.is_suspect and after.is_suspect and is_quiet and not has_moved


async def unattended(bus: Bus, *, stream: str, names: Sequence[str]) -> dict[str, Seen]:
    """Return which of these durable consumers nobody works off, as they are now; one that is not there is none of them.

    Raises:
        BusUnavailable: the broker did not answer.
    """
    before = {name: seen for name, seen in (await _look(bus, stream, names)).items() if seen.is_suspect}
    if not before:
        return {}
    await asyncio.sleep(LOOK_AGAIN_S)
    after = await _look(bus, stream, list(before))
    return {name: seen for name, seen in after.items() if is_unattended(before[name], seen)}


async def _look(bus: Bus, stream: str, names: Sequence[str]) -> dict[str, Seen]:
    """Return those of these consumers that are there, as the broker has them."""
    found: dict[str, Seen] = {}
    for name in names:
        try:
            found[name] = to_seen(await bus.api(f"CONSUMER.INFO.{stream}.{name}"))
        except StreamMissing:
            continue
    return found


def to_seen(info: Mapping[str, Any]) -> Seen:
    """Return what an answer of the broker says of a consumer; times are compared by its own clock alone."""
    moved = [one["last_active"] for one in (info["delivered"], info["ack_floor"]) if one.get("last_active")]
    quiet_s = None
    if moved and info.get("ts"):
        last = max(msgspec.convert(each, datetime) for each in moved)
        quiet_s = (msgspec.convert(info["ts"], datetime) - last).total_seconds()
    return Seen(
        unsettled=int(info["num_pending"]) + int(info["num_ack_pending"]),
        requests=int(info["num_waiting"]),
        in_hand=int(info["num_ack_pending"]),
        given=int(info["delivered"]["consumer_seq"]),
        acknowledged=int(info["ack_floor"]["consumer_seq"]),
        quiet_s=quiet_s,
    )
