"""Which deliveries share a transaction, how long a failure waits, and how a loop is told to stop."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.message import Delivery, Place
from cashback.kernel.bus.piling import Taken, piles
from cashback.kernel.lifecycle.stopping import pause, until_stopped

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def taken(sequence: int, *, attempt: int = 1, key: str | None = None) -> Taken:
    """Return a delivery of a sequence and attempt, of a key of its own."""
    place = Place(attempt=attempt, sequence=sequence, consumer_sequence=sequence, pending=0, stored_at_ns=0)
    delivery = Delivery(str(sequence), "t", key or f"k{sequence}", b"", EPOCH, None, attempt, sequence)
    return Taken(Msg(_client=Client()), place, delivery)


def sequences(found: list[list[Taken]]) -> list[list[int]]:
    """Return the piles as sequences."""
    return [[one.place.sequence for one in pile] for pile in found]


def test_new_deliveries_share_one_transaction_in_the_order_of_the_stream() -> None:
    """A second attempt still shares it."""
    assert sequences(piles([taken(3), taken(1), taken(2, attempt=2)], [], batch_max=8)) == [[1, 2, 3]]


def test_what_has_failed_before_is_tried_alone_and_first() -> None:
    """So that it harms nobody, and its key goes on at once when it is well."""
    assert sequences(piles([taken(1), taken(2, attempt=2), taken(3)], ["2"], batch_max=8)) == [[2], [1, 3]]


def test_of_one_key_nothing_overtakes() -> None:
    """The younger of its deliveries stands with the older one, behind it."""
    deliveries = [taken(1, attempt=4, key="k"), taken(2), taken(3, key="k"), taken(4)]
    assert sequences(piles(deliveries, [], batch_max=8)) == [[2, 4], [1, 3]]


def test_the_older_an_attempt_the_fewer_share_its_transaction() -> None:
    """With 8 at once: 4 at the third attempt, 2 at the fourth, 1 from the fifth on."""
    third = [taken(number, attempt=3) for number in range(1, 7)]
    fourth = [taken(number, attempt=4) for number in range(11, 14)]
    ninth = [taken(number, attempt=9) for number in range(21, 23)]
    found = piles([*ninth, *third, *fourth], [], batch_max=8)
    assert sequences(found) == [[1, 2, 3, 4], [5, 6], [11, 12], [13], [21], [22]]


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 40)), max_size=256), st.sets(st.integers(1, 500).map(str))
)
def test_piling_loses_nothing_and_doubles_nothing(given_: list[tuple[int, int]], failed: set[str]) -> None:
    """Every delivery stands in one pile, and none is larger than a batch."""
    deliveries = [taken(sequence, attempt=attempt) for sequence, attempt in given_]
    found = piles(deliveries, failed, batch_max=64)
    flat = sorted(one.place.sequence for pile in found for one in pile)
    assert flat == sorted(sequence for sequence, _ in given_)
    assert all(1 <= len(pile) <= 64 for pile in found)


@given(st.integers(1, 10_000))
def test_waits_double_up_to_their_cap_and_are_cut_by_at_most_half(attempt: int) -> None:
    """However many attempts there were."""
    backoff = Backoff(base_s=0.5, cap_s=30.0)
    ceiling_s = min(30.0, 0.5 * 2 ** min(attempt - 1, 40))
    assert backoff.ceiling_s(attempt) == ceiling_s
    assert ceiling_s / 2 <= backoff.delay_s(attempt) <= ceiling_s


async def test_a_loop_that_does_not_end_in_its_grace_is_cancelled() -> None:
    """And nobody waits any longer for it."""
    stop = asyncio.Event()
    stop.set()
    was_cancelled = asyncio.Event()

    async def hang() -> None:
        """Never end by itself."""
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    await until_stopped(hang(), stop, grace_s=0.01)
    assert was_cancelled.is_set()


async def test_what_a_loop_raises_is_raised() -> None:
    """Told to stop or not."""

    async def fail() -> None:
        """Fail at once."""
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is this test's own
        await until_stopped(fail(), asyncio.Event())


async def test_a_sleeper_is_woken_by_the_stop() -> None:
    """Long before its time, which no test lives to see."""
    stop = asyncio.Event()
    stop.set()
    await pause(stop, 3_600)
