"""The asynchronous contracts, held to their bytes: what was published once is read for ever."""

from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from cashback.events import KINDS, Body, EventUnreadable, decode, to_event
from cashback.events.catalogue import version_of, versions_of
from cashback.events.ledger import CashbackApproved, CashbackExpired, CashbackVoided, TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.events.purchases import PurchaseCreated, PurchaseRefunded
from tests.contract.golden_bytes import all_golden, golden

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
HASH = "0x" + "ab" * 32

CREATED: Final = PurchaseCreated(
    purchase_id="pur_1",
    merchant_id="mer_1",
    user_id="usr_1",
    amount_minor="1999",
    currency="USD",
    occurred_at=AT,
    cashback_id="cb_1",
)
REFUNDED: Final = PurchaseRefunded(
    refund_id="rfd_1",
    purchase_id="pur_1",
    merchant_id="mer_1",
    user_id="usr_1",
    kind="refund",
    amount_minor="999",
    currency="USD",
    cashback_id="cb_1",
    net_minor="14",
    cashback_currency="USD",
    debt_units="0",
)
BODIES: Final[tuple[Body, ...]] = (
    CREATED,
    REFUNDED,
    CashbackApproved(
        cashback_id="cb_1",
        purchase_id="pur_1",
        user_id="usr_1",
        amount_minor="99",
        currency="USD",
        token_units="990000",
    ),
    CashbackVoided(
        cashback_id="cb_1",
        purchase_id="pur_1",
        user_id="usr_1",
        amount_minor="99",
        currency="USD",
        reason="review_rejected",
    ),
    CashbackExpired(cashback_id="cb_1", purchase_id=None, user_id="usr_1", amount_minor="99", currency="USD"),
    TokenMintRequested(
        mint_number="7",
        cashback_id="cb_1",
        recipient="0x43d5C44F61a388318681dCA16cCC48AA0e3d12C7",
        token_units="990000",
    ),
    TokenMinted(
        mint_number="7",
        cashback_id="cb_1",
        token_units="990000",
        transaction_hash=HASH,
        block_number="42",
        block_hash=HASH,
    ),
    TokenMintFailed(mint_number="7", cashback_id="cb_1", reason="invalid_recipient", will_retry=False),
    TokenMintReverted(
        mint_number="7", cashback_id="cb_1", transaction_hash=HASH, block_number="42", block_hash=HASH, reversals=1
    ),
)
"""What each type's golden bytes of its newest version say, in the order of the catalogue."""

KIND: Final = {kind.TYPE: kind for kind in KINDS}


def newest(body: Body) -> bytes:
    """Return the golden bytes of the newest version of a body's type."""
    return golden(body.TYPE, version_of(type(body)))


def test_there_are_bytes_of_every_version_of_every_type_and_of_no_other() -> None:
    """A new version comes with its bytes, and those of the old ones stay."""
    known = [(kind.TYPE, version_of(form)) for kind in KINDS for form in versions_of(kind)]
    assert all_golden() == sorted(known)
    assert tuple(type(body) for body in BODIES) == KINDS


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.TYPE)
def test_an_event_has_the_bytes_it_always_had(body: Body) -> None:
    """Each type is written as it was, byte for byte, under its type, its version and its aggregate."""
    event = to_event(body, time=AT, traceparent=None)
    assert event.data == newest(body)
    assert (event.type, event.version) == (body.TYPE, version_of(type(body)))
    assert event.key == ("pur_1" if body.TYPE.startswith("purchase.") else "cb_1")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.TYPE)
def test_the_bytes_of_the_newest_version_say_what_its_struct_says(body: Body) -> None:
    """Read back, they are the same."""
    assert decode(newest(body), type(body), version=version_of(type(body))) == body


@pytest.mark.parametrize("type_, version", all_golden())
def test_the_bytes_of_every_version_are_still_read(type_: str, version: int) -> None:
    """What lies in a stream, an outbox or a dead letter can be applied by this release, as the newest struct."""
    assert type(decode(golden(type_, version), KIND[type_], version=version)) is KIND[type_]


def test_a_field_that_a_newer_release_added_is_skipped() -> None:
    """A consumer that is one release behind keeps working."""
    data = golden("token.mint.failed", 1)
    assert decode(data[:-1] + b',"added_later":1}', TokenMintFailed, version=1) in BODIES


def test_an_outcome_after_a_reversal_says_how_many_there_were() -> None:
    """The count was added later: without a reversal the bytes are those of before it."""
    data = golden("token.minted", 1)
    again = msgspec.structs.replace(decode(data, TokenMinted, version=1), reversals=2)
    assert to_event(again, time=AT, traceparent=None).data == data[:-1] + b',"reversals":2}'
    assert decode(data[:-1] + b',"reversals":2}', TokenMinted, version=1) == again


def test_what_a_merchant_calls_its_purchase_and_its_refund_stands_behind_all_else() -> None:
    """Names were added later: without one the bytes are those of before, which are read as those without."""
    named = msgspec.structs.replace(CREATED, reference="order-1042")
    data = golden("purchase.created", 1)[:-1] + b',"reference":"order-1042"}'
    assert to_event(named, time=AT, traceparent=None).data == data
    assert decode(data, PurchaseCreated, version=1) == named
    returned = msgspec.structs.replace(REFUNDED, reference="return-7", purchase_reference="order-1042")
    data = golden("purchase.refunded", 1)[:-1] + b',"reference":"return-7","purchase_reference":"order-1042"}'
    assert to_event(returned, time=AT, traceparent=None).data == data
    assert decode(data, PurchaseRefunded, version=1) == returned


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"mint_number":"-7"}', b'{"mint_number":7}', b"\xff"])
def test_what_does_not_match_its_contract_is_refused_with_a_code(data: bytes) -> None:
    """It goes to the dead letters, named for what it is."""
    with pytest.raises(EventUnreadable) as caught:
        decode(data, TokenMintRequested, version=1)
    assert caught.value.code == "event_unreadable"


def test_every_event_gets_an_id_of_its_own() -> None:
    """The same payload published again is another event: that is how a lost request is issued anew."""
    first, second = (to_event(BODIES[0], time=AT, traceparent=None) for _ in range(2))
    assert first.id != second.id
    assert first.data == second.data
