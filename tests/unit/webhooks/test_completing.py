"""What an event's data is told with: the ids that it does not say itself, behind its own bytes."""

import json

import msgspec
import pytest

from cashback.webhooks.model import Belonging
from cashback.webhooks.rules.completing import Said, completed

BOUGHT = Belonging(purchase_id="pur_1", user_id="usr_1", merchant_id="mer_1")
GIVEN = Belonging(purchase_id=None, user_id="usr_1", merchant_id=None)


def told(data: bytes, belonging: Belonging | None) -> bytes:
    """Return the data of an event of a cashback as it is told."""
    return completed(data, msgspec.json.decode(data, type=Said), belonging)


def test_what_the_data_does_not_say_stands_behind_its_own_bytes() -> None:
    """They stay as they are, blanks and all, and the whole is JSON."""
    data = b'{ "mint_number":"7",\n"cashback_id":"cb_1"}'
    assert told(data, BOUGHT) == data[:-1] + b',"purchase_id":"pur_1","user_id":"usr_1","merchant_id":"mer_1"}'
    assert json.loads(told(b'{"cashback_id":"cb_1" }\n', BOUGHT))["user_id"] == "usr_1"


def test_what_was_given_by_hand_is_told_as_of_no_purchase() -> None:
    """By null, as events have it that say so themselves."""
    assert json.loads(told(b'{"cashback_id":"cb_1"}', GIVEN)) == {
        "cashback_id": "cb_1",
        "purchase_id": None,
        "user_id": "usr_1",
        "merchant_id": None,
    }


@pytest.mark.parametrize("said", [None, "pur_9"])
def test_nothing_is_said_twice(said: str | None) -> None:
    """What the data says stays, were it null."""
    data = msgspec.json.encode({"cashback_id": "cb_1", "purchase_id": said, "user_id": "usr_9"})
    assert told(data, BOUGHT) == data[:-1] + b',"merchant_id":"mer_1"}'


def test_data_that_says_all_or_is_of_nothing_known_stays_as_it_is() -> None:
    """To the byte."""
    whole = b'{"cashback_id":"cb_1","purchase_id":"pur_9","user_id":"usr_9","merchant_id":"mer_9"}'
    assert told(whole, BOUGHT) == whole
    assert told(b'{"cashback_id":"cb_1"}', None) == b'{"cashback_id":"cb_1"}'
    assert told(b"{}", None) == b"{}"


@pytest.mark.parametrize(
    "data, is_asked",
    [
        (b'{"cashback_id":"cb_1"}', True),
        (b'{"cashback_id":"cb_1","purchase_id":null,"user_id":"usr_1"}', True),
        (b'{"cashback_id":"cb_1","purchase_id":null,"user_id":"usr_1","merchant_id":"mer_1"}', False),
        (b'{"user_id":"usr_1"}', False),
    ],
)
def test_only_of_whom_something_is_left_unsaid_is_asked(data: bytes, is_asked: bool) -> None:  # a case
    """And there must be a cashback to ask for."""
    assert (msgspec.json.decode(data, type=Said).wanted == "cb_1") is is_asked
