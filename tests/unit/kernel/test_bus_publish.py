"""How messages are cut into batches and waves, and what they look like on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.bus.frame import header_value, publish_frame
from cashback.kernel.bus.message import Message
from cashback.kernel.bus.packing import BATCH_BYTES_MAX, BATCH_MAX, Parcel, batches, pack
from cashback.kernel.bus.publish import IN_FLIGHT_MAX, waves
from cashback.kernel.errors import Broken


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


def sent(parcel: Parcel, address: str) -> bytes:
    """Return what leaves when a parcel is published."""
    return parcel.frames + parcel.commit(address)


@given(
    st.lists(
        st.builds(
            Message,
            subject=st.sampled_from(["cashback.v1.a.0", "cashback.v1.b.1"]),
            id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
            key=st.just("k"),
            headers=st.sampled_from([b"", b"x: y\r\n"]),
            data=st.binary(max_size=60),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_parcel_is_the_frames_of_its_messages_in_one_batch(messages: list[Message]) -> None:
    """Numbered from 1 under one name; the last alone commits, and has its answer sent somewhere."""
    (parcel,) = pack(messages)
    expected = b""
    for number, one in enumerate(messages, 1):
        lines = f"Nats-Msg-Id: {header_value(one.id)}\r\nNats-Batch-Id: {parcel.batch}\r\nNats-Batch-Sequence: {number}"
        is_last = number == len(messages)
        commit = "\r\nNats-Batch-Commit: 1\r\n" if is_last else "\r\n"
        headers = one.headers + f"{lines}{commit}".encode()
        expected += publish_frame(one.subject, one.data, headers=headers, reply="_INBOX.1" if is_last else "")
    assert sent(parcel, "_INBOX.1") == expected


def test_each_parcel_has_a_name_of_its_own() -> None:
    """The broker keeps what it has of a batch that was never committed for ten seconds."""
    assert len({parcel.batch for _ in range(2) for parcel in pack([message()] * 501)}) == 4


@pytest.mark.parametrize("places", [("s", "a b"), ("a b", "s")])
def test_a_parcel_with_a_subject_that_would_break_the_protocol_is_refused(places: tuple[str, str]) -> None:
    """As a single message with it is."""
    with pytest.raises(Broken):
        [sent(parcel, "r") for parcel in pack([Message(place, "i", "k", b"", b"") for place in places])]
