"""Whether anybody works off a durable consumer, by two looks at it: a table of cases, and what the broker says read."""

from typing import Any

import msgspec
import pytest

from cashback.kernel.bus.attended import QUIET_S, Seen, is_unattended, to_seen

DEAD = Seen(unsettled=7, requests=0, in_hand=2, given=40, acknowledged=38, quiet_s=QUIET_S)


@pytest.mark.parametrize(
    "before, after",
    [({}, {}), ({"quiet_s": 3.0}, {}), ({"quiet_s": None}, {"quiet_s": None}), ({"unsettled": 6}, {"unsettled": 900})],
    ids=["nothing moves", "for long by now", "never since the broker started", "more and more comes"],
)
def test_what_waits_while_nobody_asks_and_nothing_moves_is_unattended(
    before: dict[str, object], after: dict[str, object]
) -> None:
    """That more comes is the doing of relays."""
    assert is_unattended(msgspec.structs.replace(DEAD, **before), msgspec.structs.replace(DEAD, **after))


@pytest.mark.parametrize(
    "before, after",
    [
        ({"unsettled": 0}, {}),
        ({}, {"unsettled": 0}),
        ({"requests": 1}, {}),
        ({}, {"requests": 1}),
        ({}, {"given": 41}),
        ({}, {"acknowledged": 39}),
        ({}, {"in_hand": 1}),
        ({}, {"quiet_s": QUIET_S - 0.1}),
    ],
    ids=[
        *("it came just now", "it went", "somebody asked", "somebody asks"),
        *("one was given", "one was acknowledged", "one was answered above the floor", "something moved lately"),
    ],
)
def test_what_is_worked_off_is_attended(before: dict[str, object], after: dict[str, object]) -> None:
    """Also by whoever has enough in hand and asks for no more."""
    assert not is_unattended(msgspec.structs.replace(DEAD, **before), msgspec.structs.replace(DEAD, **after))


def test_how_long_nothing_moved_is_told_by_the_brokers_own_clock() -> None:
    """From the later of what was given and what was acknowledged last."""
    info: dict[str, Any] = {
        "ts": "2026-03-01T12:00:20.5Z",
        "delivered": {"consumer_seq": 9, "stream_seq": 12, "last_active": "2026-03-01T12:00:00.123456789Z"},
        "ack_floor": {"consumer_seq": 8, "stream_seq": 11, "last_active": "2026-03-01T12:00:10.5Z"},
        "num_pending": 3,
        "num_ack_pending": 1,
        "num_waiting": 0,
    }
    assert to_seen(info) == Seen(unsettled=4, requests=0, in_hand=1, given=9, acknowledged=8, quiet_s=10.0)
    del info["delivered"]["last_active"], info["ack_floor"]["last_active"]
    assert to_seen(info).quiet_s is None
