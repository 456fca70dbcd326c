"""Any message to sign in with: written and read it is the same, and no character of it may be another."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.addresses import address_text
from cashback.kernel.instants import EARLIEST, LATEST, as_told
from cashback.kernel.siwe import SignInMessage, digest, instant_of, parse, write

CHARACTERS = st.sampled_from("ab7 %:/?#[]@-._~!$&'()*+,;=\"<>\\^`{|}é\n\r\t\0٣Z")
HOSTS = st.from_regex(r"[a-z0-9\-.~!$&'()*+,;=]{1,20}|(%[0-9A-Fa-f]{2}){1,3}|\[(::1|2001:db8::7)\]", fullmatch=True)
DOMAINS = st.builds(
    "{}{}{}".format, st.sampled_from(["", "me@", "me:too@"]), HOSTS, st.sampled_from(["", ":", ":443", ":3388"])
)
URIS = st.builds(
    "{}:{}{}{}".format,
    st.from_regex(r"[A-Za-z][A-Za-z0-9+\-.]{0,6}", fullmatch=True),
    DOMAINS.map(lambda domain: f"//{domain}") | st.just("//") | st.just(""),
    st.from_regex(r"(/([a-z:@!~]|%[0-9A-Fa-f]{2}){1,8}){0,3}", fullmatch=True),
    st.from_regex(r"(\?[a-z/?=&]{0,8})?(#[a-z/?]{0,8})?", fullmatch=True),
)
INSTANTS = st.datetimes(
    EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC), allow_imaginary=False
)
TIMES = INSTANTS.map(as_told)
MESSAGES = st.builds(
    SignInMessage,
    scheme=st.none() | st.from_regex(r"[A-Za-z][A-Za-z0-9+\-.]{0,6}", fullmatch=True),
    domain=DOMAINS,
    address=st.binary(min_size=20, max_size=20).map(address_text),
    statement=st.none() | st.from_regex(r"[A-Za-z0-9 \-._~:/?#\[\]@!$&'()*+,;=]{0,60}", fullmatch=True),
    uri=URIS,
    chain_id=st.integers(1, 2**63 - 1),
    nonce=st.from_regex(r"[A-Za-z0-9]{8,20}", fullmatch=True),
    issued_at=TIMES,
    expiration_time=st.none() | TIMES,
    not_before=st.none() | TIMES,
    request_id=st.none() | st.from_regex(r"([a-z0-9_:@!~]|%[0-9A-F]{2}){0,20}", fullmatch=True),
    resources=st.none() | st.lists(URIS, max_size=3).map(tuple),
)


@given(MESSAGES)
def test_a_message_that_is_written_is_read_as_the_same(message: SignInMessage) -> None:
    """Field by field, what is missing and what is empty included."""
    assert parse(write(message)) == message


@given(MESSAGES, st.data())
def test_a_changed_character_is_another_message_or_none_and_another_digest(
    message: SignInMessage, data: st.DataObject
) -> None:
    """Left out, put in or exchanged: nobody who signed the one text has signed the other, and no field hides it."""
    text = write(message)
    place = data.draw(st.integers(0, len(text) - 1))
    put_in = data.draw(CHARACTERS | st.sampled_from(text) | st.just(""))
    changed = text[:place] + put_in + text[place + data.draw(st.integers(0, 1)) :]
    if changed == text:
        return
    assert digest(changed) != digest(text)
    try:
        found = parse(changed)
    except ValueError:
        return
    assert found != message
    assert write(found) == changed


@given(
    st.text(CHARACTERS, max_size=60),
    st.sampled_from(["domain", "statement", "uri", "nonce", "request_id", "scheme", "issued_at", "not_before"]),
)
def test_no_field_makes_another_message_than_it_says(value: str, field: str) -> None:
    """Whatever stands in a field, it is refused or comes back in that field: no line of its own, no other field."""
    fields = {
        "domain": "example.com",
        "address": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        "uri": "https://example.com",
        "nonce": "32891756",
        "issued_at": "2021-09-30T16:25:24Z",
    }
    message = SignInMessage(chain_id=1, **{**fields, field: value})  # type: ignore[arg-type]  # all of them are texts
    try:
        text = write(message)
    except ValueError:
        return
    assert parse(text) == message


@given(st.text(max_size=200))
def test_text_of_any_kind_is_no_message(text: str) -> None:
    """Reading what somebody sent ends in a message or a `ValueError`, and in nothing else."""
    with pytest.raises(ValueError, match="no message"):
        parse(text)


@given(INSTANTS)
def test_an_instant_that_is_written_is_read_as_the_same(instant: datetime) -> None:
    """To the microsecond."""
    assert instant_of(as_told(instant)) == instant
