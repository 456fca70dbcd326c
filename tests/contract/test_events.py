"""The asynchronous contracts, held to their bytes: what was published once is read for ever."""

from datetime import UTC, datetime

import msgspec
import pytest

from cashback.events import Body, decode, to_event
from cashback.events.catalogue import EventUnreadable
from cashback.events.ledger import CashbackApproved, CashbackExpired, CashbackVoided, TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.events.purchases import PurchaseCreated, PurchaseRefunded

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
HASH = "0x" + "ab" * 32

GOLDEN: dict[str, tuple[Body, bytes]] = {
    "purchase.created": (
        PurchaseCreated(
            purchase_id="pur_1",
            merchant_id="mer_1",
            user_id="usr_1",
            amount_minor="1999",
            currency="USD",
            occurred_at=AT,
            cashback_id="cb_1",
        ),
        (
            b'{"purchase_id":"pur_1","merchant_id":"mer_1","user_id":"usr_1","amount_minor":"1999","currency":"USD",'
            b'"occurred_at":"2026-11-22T10:30:00Z","cashback_id":"cb_1"}'
        ),
    ),
    "purchase.refunded": (
        PurchaseRefunded(
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
        ),
        (
            b'{"refund_id":"rfd_1","purchase_id":"pur_1","merchant_id":"mer_1","user_id":"usr_1","kind":"refund",'
            b'"amount_minor":"999","currency":"USD","cashback_id":"cb_1","net_minor":"14",'
            b'"cashback_currency":"USD","debt_units":"0"}'
        ),
    ),
    "cashback.approved": (
        CashbackApproved(
            cashback_id="cb_1",
            purchase_id="pur_1",
            user_id="usr_1",
            amount_minor="99",
            currency="USD",
            token_units="990000",
        ),
        (
            b'{"cashback_id":"cb_1","purchase_id":"pur_1","user_id":"usr_1","amount_minor":"99","currency":"USD",'
            b'"token_units":"990000"}'
        ),
    ),
    "cashback.voided": (
        CashbackVoided(
            cashback_id="cb_1",
            purchase_id="pur_1",
            user_id="usr_1",
            amount_minor="99",
            currency="USD",
            reason="review_rejected",
        ),
        (
            b'{"cashback_id":"cb_1","purchase_id":"pur_1","user_id":"usr_1","amount_minor":"99","currency":"USD",'
            b'"reason":"review_rejected"}'
        ),
    ),
    "cashback.expired": (
        CashbackExpired(cashback_id="cb_1", purchase_id=None, user_id="usr_1", amount_minor="99", currency="USD"),
        b'{"cashback_id":"cb_1","purchase_id":null,"user_id":"usr_1","amount_minor":"99","currency":"USD"}',
    ),
    "token.mint.requested": (
        TokenMintRequested(
            mint_number="7",
            cashback_id="cb_1",
            recipient="0x43d5C44F61a388318681dCA16cCC48AA0e3d12C7",
            token_units="990000",
        ),
        (
            b'{"mint_number":"7","cashback_id":"cb_1","recipient":"0x43d5C44F61a388318681dCA16cCC48AA0e3d12C7",'
            b'"token_units":"990000"}'
        ),
    ),
    "token.minted": (
        TokenMinted(
            mint_number="7",
            cashback_id="cb_1",
            token_units="990000",
            transaction_hash=HASH,
            block_number="42",
            block_hash=HASH,
        ),
        b'{"mint_number":"7","cashback_id":"cb_1","token_units":"990000","transaction_hash":"%b","block_number":"42",'
        b'"block_hash":"%b"}' % (HASH.encode(), HASH.encode()),
    ),
    "token.mint.failed": (
        TokenMintFailed(mint_number="7", cashback_id="cb_1", reason="invalid_recipient", will_retry=False),
        b'{"mint_number":"7","cashback_id":"cb_1","reason":"invalid_recipient","will_retry":false}',
    ),
    "token.mint.reverted": (
        TokenMintReverted(
            mint_number="7", cashback_id="cb_1", transaction_hash=HASH, block_number="42", block_hash=HASH, reversals=1
        ),
        b'{"mint_number":"7","cashback_id":"cb_1","transaction_hash":"%b","block_number":"42","block_hash":"%b",'
        b'"reversals":1}' % (HASH.encode(), HASH.encode()),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_event_has_the_bytes_it_always_had(name: str) -> None:
    """Version 1 of each type is written as it was, byte for byte, under its type and source."""
    body, golden = GOLDEN[name]
    event = to_event(body, key="k", time=AT, traceparent=None)
    assert event.data == golden
    assert event.type == name


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_version_one_are_still_read(name: str) -> None:
    """What lies in a stream, an outbox or a dead letter can be applied by this release."""
    body, golden = GOLDEN[name]
    assert decode(golden, type(body)) == body


def test_a_field_that_a_newer_release_added_is_skipped() -> None:
    """A consumer that is one release behind keeps working."""
    body, golden = GOLDEN["token.mint.failed"]
    assert decode(golden[:-1] + b',"added_later":1}', type(body)) == body


def test_an_outcome_after_a_reversal_says_how_many_there_were() -> None:
    """The count was added later: without a reversal the bytes are those of before it."""
    body, golden = GOLDEN["token.minted"]
    again = msgspec.structs.replace(body, reversals=2)
    assert to_event(again, key="k", time=AT, traceparent=None).data == golden[:-1] + b',"reversals":2}'
    assert decode(golden[:-1] + b',"reversals":2}', TokenMinted) == again


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"mint_number":"-7"}', b'{"mint_number":7}', b"\xff"])
def test_what_does_not_match_its_contract_is_refused_with_a_code(data: bytes) -> None:
    """It goes to the dead letters, named for what it is."""
    with pytest.raises(EventUnreadable) as caught:
        decode(data, TokenMintRequested)
    assert caught.value.code == "event_unreadable"


def test_every_event_gets_an_id_of_its_own() -> None:
    """The same payload published again is another event: that is how a lost request is issued anew."""
    body, _ = GOLDEN["token.mint.requested"]
    first, second = (to_event(body, key="k", time=AT, traceparent=None) for _ in range(2))
    assert first.id != second.id
    assert first.data == second.data
