"""Messages to sign in with: the standard's own examples, what the grammar has, and what it has not."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import defunct_hash_message, encode_defunct

from cashback.kernel.instants import as_told
from cashback.kernel.siwe import CHARS_MAX, SignInMessage, digest, instant_of, parse, write

TAIL: Final = """ wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
"""Of ERC-4361, "Examples": the three differ in their first words alone."""

MESSAGE: Final = SignInMessage(
    domain="example.com",
    address="0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    statement="I accept the ExampleOrg Terms of Service: https://example.com/tos",
    uri="https://example.com/login",
    chain_id=1,
    nonce="32891756",
    issued_at="2021-09-30T16:25:24Z",
    resources=(
        "ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/",
        "https://example.com/my-web2-claim.json",
    ),
)
BARE: Final = msgspec.structs.replace(MESSAGE, statement=None, resources=None)
TEXT: Final = write(MESSAGE)


@pytest.mark.parametrize(
    "origin, changes",
    [
        ("example.com", {}),
        ("example.com:3388", {"domain": "example.com:3388"}),
        ("https://example.com", {"scheme": "https"}),
    ],
)
def test_the_standards_examples_are_read_and_written(origin: str, changes: dict[str, str]) -> None:
    """An implicit scheme, a port, and a scheme that is told."""
    message = msgspec.structs.replace(MESSAGE, **changes)
    assert parse(origin + TAIL) == message
    assert write(message) == origin + TAIL


def test_what_is_optional_is_left_out_and_what_is_empty_is_not() -> None:
    """Two blank lines stand in place of a statement; an empty one makes three of them."""
    assert "C756Cc2\n\n\nURI: " in write(BARE)
    for message in (
        BARE,
        msgspec.structs.replace(BARE, statement=""),
        msgspec.structs.replace(BARE, request_id=""),
        msgspec.structs.replace(BARE, resources=()),
    ):
        assert parse(write(message)) == message
    assert write(msgspec.structs.replace(BARE, resources=())).endswith("\nResources:")


def test_every_field_stands_at_its_place() -> None:
    """In the order of the grammar, and in no other."""
    message = msgspec.structs.replace(
        BARE, expiration_time="2021-09-30T16:35:24Z", not_before="2021-09-30T16:25:00Z", request_id="usr_1"
    )
    lines = write(message).split("\n")
    assert lines[-4:] == [
        "Issued At: 2021-09-30T16:25:24Z",
        "Expiration Time: 2021-09-30T16:35:24Z",
        "Not Before: 2021-09-30T16:25:00Z",
        "Request ID: usr_1",
    ]
    assert parse("\n".join(lines)) == message
    with pytest.raises(ValueError, match="no message"):
        parse("\n".join([*lines[:-3], lines[-2], lines[-3], lines[-1]]))


@pytest.mark.parametrize(
    "field, values",
    {
        "scheme": ("", "1s", "ht tps", "http:"),
        "domain": ("", "a.com/", "a b", "exa\nmple.com", "user@", "[::1", "[1::2::3]", "[::1%25lo]", "a@b@c", "é.com"),
        "address": ("", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756CC2"),
        "statement": ("two\nlines", "per%cent", 'quo"te', "é", "\ttab", "less<"),
        "uri": ("", "example.com", "//example.com", "https://a b.com", "https://[::g]/", "a:b#c#d", "a:%zz", "a:\n"),
        "chain_id": (0, -1, 2**63),
        "nonce": ("", "1234567", "12345678-", "1234 5678", "12345678\n"),
        "issued_at": (
            "",
            "2021-09-30",
            "2021-09-30 16:25:24Z",
            "2021-09-30T16:25:24",
            "2021-02-30T16:25:24Z",
            "2021-09-30T24:00:00Z",
            "2021-09-30T16:25:60Z",
            "2021-09-30T16:25:24.Z",
            "2021-09-30T16:25:24+24:00",
            "0000-09-30T16:25:24Z",
            "1899-09-30T16:25:24Z",
            "\u0662021-09-30T16:25:24Z",
        ),
        "expiration_time": ("", "tomorrow"),
        "not_before": ("", "now"),
        "request_id": ("a b", "a/b", "%f", "a\nb"),
        "resources": (("",), ("https://example.com", "no uri")),
    }.items(),
)
def test_what_the_grammar_has_not_is_neither_written_nor_read(field: str, values: tuple[object, ...]) -> None:
    """The words name the field, which is where a caller can look; the text is quoted nowhere."""
    for value in values:
        with pytest.raises(ValueError, match=f"no message to sign in with: {field}$"):
            write(msgspec.structs.replace(MESSAGE, **{field: value}))


@pytest.mark.parametrize(
    "old, new",
    [
        ("example.com wants", "example.com  wants"),
        ("example.com wants", " wants"),
        ("example.com wants", "1s://example.com wants"),
        ("wants you", "Wants you"),
        ("account:\n", "account:\r\n"),
        ("756Cc2\n\nI", "756Cc2\nI"),
        ("tos\n\nURI", "tos\nURI"),
        ("756Cc2", "756cc2"),
        ("URI: ", "uri: "),
        ("URI: ", "URI:"),
        ("Version: 1", "Version: 2"),
        ("Version: 1", "Version: 1.0"),
        ("Chain ID: 1", "Chain ID: 01"),
        ("Chain ID: 1", "Chain ID: -1"),
        ("Chain ID: 1", "Chain ID: 0x1"),
        ("Chain ID: 1", "Chain ID: 9223372036854775808"),
        ("Chain ID: 1", "Chain ID: \u0661"),
        ("Nonce: 32891756", "Nonce: 3289175"),
        ("Resources:", "Resources: "),
        ("- ipfs", "-ipfs"),
        ("claim.json", "claim.json\n"),
        ("example.com wants", "\nexample.com wants"),
    ],
)
def test_a_text_that_is_nearly_a_message_is_none(old: str, new: str) -> None:
    """Case, spaces, blank lines and numbers are as the grammar has them, to the character."""
    assert old in TEXT
    with pytest.raises(ValueError, match="no message") as refusal:
        parse(TEXT.replace(old, new, 1))
    assert "example" not in str(refusal.value)


def test_a_message_is_bounded() -> None:
    """Somebody else's text is read, and a person is to read it."""
    longest = "a" * (CHARS_MAX - len(TEXT) + len(str(MESSAGE.statement)))
    message = msgspec.structs.replace(MESSAGE, statement=longest)
    assert parse(write(message)) == message
    longer = msgspec.structs.replace(MESSAGE, statement=longest + "a")
    with pytest.raises(ValueError, match="4096"):
        write(longer)
    with pytest.raises(ValueError, match="4096"):
        parse(write(message).replace("aaa", "aaaa", 1))


@pytest.mark.parametrize(
    "uri",
    [
        "https://user:secret@example.com:8443/a//b;c=1?q=/?#frag/?",
        "https://[2001:db8::1]:80/",
        "http://[::ffff:192.0.2.1]",
        "http://[v1.fe80::a+en1]/",
        "urn:example:animal:ferret:nose",
        "mailto:John.Doe@example.com",
        "file:///etc/hosts",
        "a:",
        "a:/",
        "a:/b//c",
        "data:,%41%e2%82%ac",
    ],
)
def test_uris_of_every_kind_are_uris(uri: str) -> None:
    """As RFC 3986 has them, with or without an authority."""
    message = msgspec.structs.replace(MESSAGE, uri=uri, resources=(uri, uri))
    assert parse(write(message)) == message


def test_a_text_is_hashed_as_every_wallet_does_it() -> None:
    """ERC-191: the prefix counts bytes, not characters; compared with the library that everybody uses."""
    for text in (TEXT, "", "Hello World", "é" * 60, "x" * 100):
        assert digest(text) == bytes(defunct_hash_message(text=text))
    made = Account.sign_message(encode_defunct(text=TEXT), b"\x11" * 32)
    assert digest(TEXT) == bytes(made.message_hash)


def test_a_message_holds_between_its_instants() -> None:
    """From the first on, and up to and without the last; an offset changes nothing of an instant."""
    begins, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    last = "2026-01-01T02:10:00.0+02:00"
    message = msgspec.structs.replace(MESSAGE, not_before=as_told(begins), expiration_time=last)
    tick = timedelta(microseconds=1)
    held = [message.is_current(instant) for instant in (begins - tick, begins, ends - tick, ends)]
    assert held == [False, True, True, False]
    assert MESSAGE.is_current(begins)


@pytest.mark.parametrize(
    "text", ["2021-09-30t16:25:24z", "2021-09-30T16:25:24.123456789Z", "2021-09-30T18:25:24+02:00"]
)
def test_instants_are_kept_as_they_are_written(text: str) -> None:
    """What was signed is written again, whatever others wrote; the same instant is read from it."""
    message = msgspec.structs.replace(MESSAGE, issued_at=text)
    assert parse(write(message)).issued_at == text
    assert instant_of(text).replace(microsecond=0) == datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC)
