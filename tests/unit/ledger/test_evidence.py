"""The bytes that stand for a transfer and for a seal."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import msgspec
import pytest

from cashback.ledger.model import Line, Side
from cashback.ledger.rules.evidence import GENESIS, content_of, leaves_of, seal_bytes, seal_hash, sealed

AT = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
LINE = Line(
    position=7,
    xact=700,
    debit=Side(account=1, owner="prg_a", kind="budget", balance_after=999_850),
    credit=Side(account=2, owner="usr_b", kind="approved", balance_after=150),
    currency="USD",
    amount=150,
    cause="accrual",
    cashback_id="cb_c",
    at=AT,
    effective_at=AT - timedelta(days=1),
    decision=sha256(b"why").digest(),
)
GOLDEN = (
    b'{"amount":"150","at":"2026-03-01T12:00:00.000001Z","cashback_id":"cb_c","cause":"accrual",'
    b'"credit":{"account":"2","balance_after":"150","kind":"approved","owner":"usr_b"},"currency":"USD",'
    b'"debit":{"account":"1","balance_after":"999850","kind":"budget","owner":"prg_a"},'
    b'"decision_sha256":"2be23c585f15e5fd3279d0663036dd9f6e634f4225ef326fc83fb874dbb81a0f",'
    b'"effective_at":"2026-02-28T12:00:00.000001Z","format":"1","position":"7"}'
)


def test_the_bytes_of_a_transfer_are_canonical() -> None:
    """Keys in order, no blanks, numbers as strings, times in UTC to the microsecond: RFC 8785."""
    assert content_of(LINE) == GOLDEN


def test_the_bytes_do_not_depend_on_the_zone_a_time_was_read_in() -> None:
    """The database answers in the zone of its session."""
    elsewhere = msgspec.structs.replace(LINE, at=AT.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert content_of(elsewhere) == content_of(LINE)


@pytest.mark.parametrize("name", [field for field in LINE.__struct_fields__ if field != "xact"])
def test_every_field_of_a_transfer_is_in_its_bytes(name: str) -> None:
    """Save the transaction's id, which orders the chain and says nothing of money."""
    others = {
        "position": 8,
        "debit": msgspec.structs.replace(LINE.debit, balance_after=0),
        "credit": msgspec.structs.replace(LINE.credit, account=3),
        "currency": "EUR",
        "amount": 151,
        "cause": "revert",
        "cashback_id": None,
        "at": AT + timedelta(microseconds=1),
        "effective_at": None,
        "decision": None,
    }
    assert content_of(msgspec.structs.replace(LINE, **{name: others[name]})) != content_of(LINE)


def test_each_leaf_is_chained_to_the_one_before() -> None:
    """h(i) = SHA-256(h(i-1) || SHA-256(bytes)), from 32 zero bytes on."""
    first, second = leaves_of([LINE, msgspec.structs.replace(LINE, position=8)], after=0, head=GENESIS)
    assert (first.number, second.number) == (1, 2)
    assert first.hash == sha256(bytes(32) + sha256(first.content).digest()).digest()
    assert second.hash == sha256(first.hash + sha256(second.content).digest()).digest()


def test_each_seal_is_chained_to_the_one_before() -> None:
    """Its bytes hold the hash of the seal before, and its hash is that of its bytes."""
    first, second = leaves_of([LINE, msgspec.structs.replace(LINE, position=8)], after=0, head=GENESIS)
    one = sealed([first], after=None, at=AT)
    two = sealed([second], after=one, at=AT)
    assert (one.previous, two.previous) == (GENESIS, seal_hash(one))
    assert seal_hash(two) == sha256(seal_bytes(two)).digest()
    assert (two.number, two.first_leaf, two.last_leaf, two.head) == (2, 2, 2, second.hash)
