"""How messages are cut into batches and waves, and what they look like on the wire."""

from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.bus.message import Message
from cashback.kernel.bus.publish import BATCH_BYTES_MAX, BATCH_MAX, IN_FLIGHT_MAX, batches, waves


def message(key: str = "k", *, data: bytes = b"") -> Message:
    """Return a message of some key and size."""
    return Message(subject="s", id="i", key=key, headers=b"", data=data)


def test_batches_hold_at_most_five_hundred() -> None:
    """The broker takes no more than a thousand."""
    assert [len(batch) for batch in batches([message()] * 1_201)] == [500, 500, 201]


def test_batches_hold_at_most_four_megabytes() -> None:
    """But a message that is larger by itself still goes, alone."""
    third = message(data=bytes(BATCH_BYTES_MAX // 3))
    huge = message(data=bytes(BATCH_BYTES_MAX + 1))
    assert [len(batch) for batch in batches([third] * 4 + [huge] + [third])] == [3, 1, 1, 1]


def test_nothing_makes_no_batch_and_no_wave() -> None:
    """There is nothing to send."""
    assert list(batches([])) == list(waves([])) == []


def test_no_two_messages_of_one_key_are_in_flight_together() -> None:
    """The first may get lost and the second not."""
    found = [[one.key for one in wave] for wave in waves([message(key) for key in "abacca"])]
    assert found == [["a", "b"], ["a", "c"], ["c", "a"]]


@given(st.lists(st.integers(0, 80), max_size=700), st.integers(0, 3))
def test_cutting_loses_nothing_and_keeps_the_order(keys: list[int], size: int) -> None:
    """Batches and waves put together are what was given, within their limits."""
    given_ = [message(str(key), data=bytes(size)) for key in keys]
    assert [one for batch in batches(given_) for one in batch] == given_
    assert [one for wave in waves(given_) for one in wave] == given_
    assert all(len(batch) <= BATCH_MAX for batch in batches(given_))
    assert all(len(wave) <= IN_FLIGHT_MAX for wave in waves(given_))
    assert all(len({one.key for one in wave}) == len(wave) for wave in waves(given_))
