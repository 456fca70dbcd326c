"""Frames and headers: what leaves is what the protocol wants, and what comes back is what left."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from cashback.kernel.bus.errors import EventMalformed
from cashback.kernel.bus.frame import header_lines, plain_headers, publish_frame
from cashback.kernel.bus.link import NAME_KEPT_BYTES_MAX, _known_name, _Wire
from cashback.kernel.bus.message import (
    Delivery,
    Message,
    Place,
    event_message,
    read_delivery,
    read_place,
    repeated,
    rfc3339,
)
from cashback.kernel.errors import Broken

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)


def sample(*, key: str = "pur_1", traceparent: str | None = None, version: int = 1) -> Message:
    """Return an event as a message."""
    return event_message(
        id="evt_1",
        type="purchase.created",
        source="/cashback/purchases",
        key=key,
        time=NOON,
        traceparent=traceparent,
        partition=3,
        data=b"{}",
        version=version,
    )


def received(message: Message) -> Msg:
    """Return a message as nats-py hands it over."""
    lines = [line.split(": ", 1) for line in message.headers.decode().split("\r\n") if line]
    return Msg(_client=Client(), subject=message.subject, data=message.data, headers=dict(lines))


def test_a_frame_without_headers_is_a_pub() -> None:
    """The size is that of the data."""
    assert publish_frame("a.b", b"hello") == b"PUB a.b 5\r\nhello\r\n"
    assert publish_frame("a.b", b"", reply="r.1") == b"PUB a.b r.1 0\r\n\r\n"


def test_a_frame_with_headers_is_an_hpub() -> None:
    """Two sizes: of the headers with their first line and their empty one, and of everything."""
    frame = publish_frame("a.b", b"hello", headers=b"x: y\r\n", reply="r.1")
    assert frame == b"HPUB a.b r.1 18 23\r\nNATS/1.0\r\nx: y\r\n\r\nhello\r\n"


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB x 0", "a\t", "ä", "a" * 256])
def test_a_subject_that_would_break_the_protocol_is_refused(subject: str) -> None:
    """Subjects are ours to choose, so a bad one is a bug."""
    with pytest.raises(Broken):
        publish_frame(subject, b"")


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_any_header_value_survives_the_way_and_breaks_no_line(headers: dict[str, str]) -> None:
    """Whatever is not printable ASCII travels percent-encoded."""
    lines = header_lines(headers)
    assert lines.count(b"\r\n") == len(headers)
    back = dict(line.split(": ", 1) for line in lines.decode("ascii").split("\r\n") if line)
    assert plain_headers({name: value.strip() for name, value in back.items()}) == headers


@given(
    st.lists(st.sampled_from([b"a", b"Name", b":", b" ", b"\t", b"\r\n", b"\n", "ä".encode(), b"\xff"])).map(b"".join)
)
def test_received_headers_are_read_as_the_client_library_reads_them(raw: bytes) -> None:
    """Whatever comes, each name judged by the library once."""
    assert _Wire._parse_header_lines(raw) == Client._parse_header_lines(raw)


@pytest.mark.parametrize("length, kept", [(NAME_KEPT_BYTES_MAX, 1), (NAME_KEPT_BYTES_MAX + 1, 0)])
def test_a_name_is_kept_for_the_next_header_unless_a_sender_made_it_long(length: int, kept: int) -> None:
    """What is kept stays for the life of the process; a long one is read all the same, each time."""
    raw = b"n" * length + b": value"
    before = _known_name.cache_info().misses
    assert _Wire._parse_header_lines(raw) == Client._parse_header_lines(raw) == {"n" * length: "value"}
    assert _known_name.cache_info().misses == before + kept


def test_an_event_goes_to_the_subject_of_its_type_and_partition_under_its_own_id() -> None:
    """So a consumer can filter by type, and the duplicate window goes by the event."""
    message = sample(traceparent="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
    assert (message.subject, message.id, message.key) == ("cashback.v1.purchase.created.3", "evt_1", "pur_1")
    assert message.headers.decode().split("\r\n") == [
        "ce-specversion: 1.0",
        "ce-id: evt_1",
        "ce-type: purchase.created",
        "ce-source: /cashback/purchases",
        "ce-time: 2026-01-02T12:00:00.123456Z",
        "ce-partitionkey: pur_1",
        "content-type: application/json",
        "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "",
    ]


def test_an_event_comes_back_as_it_was() -> None:
    """Reading is the inverse of writing."""
    place = Place(attempt=2, sequence=7, consumer_sequence=9, pending=0)
    assert read_delivery(received(sample(key="Käse, 100 %")), place) == Delivery(
        id="evt_1",
        type="purchase.created",
        key="Käse, 100 %",
        data=b"{}",
        time=NOON,
        traceparent=None,
        attempt=2,
        sequence=7,
    )


def test_an_event_of_a_later_version_says_so_and_one_of_the_first_has_the_bytes_it_always_had() -> None:
    """As CloudEvents name the schema that data adheres to."""
    first, later = sample(), sample(version=2)
    assert b"ce-dataschema" not in first.headers
    assert later.headers == first.headers + b"ce-dataschema: urn:cashback:purchase.created:2\r\n"
    place = Place(attempt=1, sequence=1, consumer_sequence=1, pending=0)
    assert [read_delivery(received(one), place).version for one in (first, later)] == [1, 2]


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "2",
        "urn:cashback:purchase.created:",
        "urn:cashback:purchase.created:0",
        "urn:cashback:purchase.created:-1",
        "urn:cashback:purchase.created:100000",
        "urn:cashback:purchase.refunded:2",
        "https://example.com/purchase.created:2",
    ],
)
def test_a_message_that_names_a_schema_of_another_kind_is_no_event(schema: str) -> None:
    """What cannot be read must not be taken for the first version."""
    message = received(sample())
    message.headers = {**(message.headers or {}), "ce-dataschema": schema}
    with pytest.raises(EventMalformed, match="ce-dataschema"):
        read_delivery(message, Place(attempt=1, sequence=1, consumer_sequence=1, pending=0))


@pytest.mark.parametrize("attribute", ["ce-id", "ce-partitionkey"])
@pytest.mark.parametrize("value", ["evt%00", "x" * 1_025, "%C3%A4" * 513])
def test_a_message_whose_names_no_inbox_can_hold_is_no_event(attribute: str, value: str) -> None:
    """It could be neither applied nor noted as having failed, and would come again for ever."""
    message = received(sample())
    message.headers = {**(message.headers or {}), attribute: value}
    with pytest.raises(EventMalformed, match="1024 bytes"):
        read_delivery(message, Place(attempt=1, sequence=1, consumer_sequence=1, pending=0))


@pytest.mark.parametrize("missing", ["ce-id", "ce-type", "ce-time", "ce-partitionkey"])
def test_a_message_without_an_attribute_is_no_event(missing: str) -> None:
    """It belongs to the dead letters."""
    message = received(sample())
    message.headers = {name: value for name, value in (message.headers or {}).items() if name != missing}
    with pytest.raises(EventMalformed):
        read_delivery(message, Place(attempt=1, sequence=1, consumer_sequence=1, pending=0))


def test_a_replayed_message_keeps_the_event_and_sheds_what_others_added() -> None:
    """The server's headers, those of the dead letter and of an earlier replay."""
    headers = {"ce-id": "evt_1", "ce-partitionkey": "Käse", "Nats-Msg-Id": "x", "dlq-reason": "y", "replay-of": "3"}
    message = repeated(subject="s", headers=headers, data=b"d", run="r", extra={"replay-of": "4"})
    assert (message.id, message.key, message.subject, message.data) == ("evt_1+r", "Käse", "s", b"d")
    assert message.headers.decode() == "ce-id: evt_1\r\nce-partitionkey: K%C3%A4se\r\nreplay-of: 4\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.CASHBACK.ledger.2.17.23.1700000000000000000.5",
        "$JS.ACK.hub.ACCHASH.CASHBACK.ledger.2.17.23.1700000000000000000.5.random",
        "$JS.ACK.hub.ACCHASH.CASHBACK.ledger.2.17.23.1700000000000000000.5",
    ],
)
def test_the_place_of_a_delivery_is_read_from_both_forms_of_its_reply_subject(reply: str) -> None:
    """The longer one names domain and account first (NATS ADR-15)."""
    assert read_place(reply) == Place(
        attempt=2, sequence=17, consumer_sequence=23, pending=5, stored_at_ns=1_700_000_000_000_000_000
    )


def test_times_are_written_in_utc() -> None:
    """Whatever zone they came in."""
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T12:00:00.123456Z"
