"""Which commands are sound, and which are the same."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.money import INT63_MAX
from cashback.purchases.model import OPERATOR, Line, NewMerchant, NewPurchase, NewUser, NewWallet
from cashback.purchases.rules import (
    fingerprint,
    problem_of_key,
    problem_of_merchant,
    problem_of_purchase,
    problem_of_user,
    problem_of_wallet,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
PURCHASE = NewPurchase(
    owner=OPERATOR,
    key="k-1",
    merchant_id=new_id("mer"),
    user_id=new_id("usr"),
    amount_minor=1_999,
    currency="USD",
    occurred_at=datetime(1997, 1, 12, tzinfo=UTC),
    reference="A-17",
)


LINE = Line(amount_minor=PURCHASE.amount_minor, sku="tea", category="food")


def purchase(**changes: object) -> NewPurchase:
    """Return a sound purchase, save for `changes`."""
    return msgspec.structs.replace(PURCHASE, **changes)


def test_a_sound_purchase_has_no_problem() -> None:
    """Purchases of 1997 are as welcome as those of tomorrow morning, of nothing as of all, by a merchant as by us."""
    assert problem_of_purchase(purchase(amount_minor=0), now=NOW) is None
    assert problem_of_purchase(purchase(amount_minor=INT63_MAX), now=NOW) is None
    assert problem_of_purchase(purchase(), now=NOW) is None
    assert problem_of_purchase(purchase(occurred_at=NOW + timedelta(hours=23), reference=None), now=NOW) is None
    assert problem_of_purchase(purchase(owner=PURCHASE.merchant_id), now=NOW) is None
    assert problem_of_purchase(purchase(lines=(LINE, Line(amount_minor=0))), now=NOW) is None


@pytest.mark.parametrize(
    "changes,code,pointer",
    [
        pytest.param({"owner": new_id("mer")}, "not_yours", "/merchant_id", id="another-merchant"),
        pytest.param({"merchant_id": "shop"}, "merchant_unknown", "/merchant_id", id="no-merchant-id"),
        pytest.param({"user_id": new_id("usr") + "\x00"}, "user_unknown", "/user_id", id="no-user-id"),
        pytest.param({"amount_minor": -5}, "field_invalid", "/amount_minor", id="negative"),
        pytest.param({"amount_minor": INT63_MAX + 1}, "field_invalid", "/amount_minor", id="beyond-63-bits"),
        pytest.param({"occurred_at": NOW.replace(tzinfo=None)}, "field_invalid", "/occurred_at", id="naive"),
        pytest.param({"occurred_at": NOW + timedelta(days=2)}, "field_invalid", "/occurred_at", id="future"),
        pytest.param(
            {"occurred_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
            "field_invalid",
            "/occurred_at",
            id="before-the-first-instant",
        ),
        pytest.param({"lines": ()}, "field_invalid", "/lines", id="no-line"),
        pytest.param({"lines": (LINE,) * 101}, "field_invalid", "/lines", id="too-many-lines"),
        pytest.param({"lines": (LINE, LINE)}, "field_invalid", "/lines", id="lines-above-the-amount"),
        pytest.param(
            {"lines": (Line(amount_minor=1999, sku="a\tb"),)}, "field_invalid", "/lines/0/sku", id="tab-in-sku"
        ),
        pytest.param(
            {"lines": (Line(amount_minor=1999, category=""),)},
            "field_invalid",
            "/lines/0/category",
            id="empty-category",
        ),
        pytest.param({"reference": ""}, "field_invalid", "/reference", id="empty-reference"),
        pytest.param({"reference": "x" * 201}, "field_invalid", "/reference", id="long-reference"),
        pytest.param({"reference": "a\x00"}, "field_invalid", "/reference", id="nul"),
        pytest.param({"reference": "\ud800"}, "field_invalid", "/reference", id="lone-surrogate"),
    ],
)
def test_an_unsound_purchase_is_refused_with_its_place(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each rule has a stable code and names the field."""
    problem = problem_of_purchase(purchase(**changes), now=NOW)
    assert problem is not None
    assert (problem.code, problem.fields["pointer"]) == (code, pointer)


@pytest.mark.parametrize("key", ["", "x" * 256, "naïve", "tab\t"])
def test_an_idempotency_key_is_short_and_printable(key: str) -> None:
    """What cannot stand in a header or in the table is no key."""
    problem = problem_of_key(purchase(key=key))
    assert problem is not None
    assert problem.code == "idempotency_key_invalid"
    assert problem_of_key(purchase(key="x" * 255)) is None


def test_people_are_checked_as_purchases_are() -> None:
    """A wallet without its checksum, an empty name, an id of another kind."""
    user = NewUser(owner=OPERATOR, key="k", reference="c-1", wallet=WALLET)
    assert problem_of_user(user) is None
    assert problem_of_user(NewUser(owner=OPERATOR, key="k")) is None
    refused = [
        problem_of_user(msgspec.structs.replace(user, wallet=WALLET.lower())),
        problem_of_wallet(NewWallet(owner=OPERATOR, key="k", user_id=PURCHASE.user_id, wallet="0x" + 40 * "0")),
        problem_of_wallet(NewWallet(owner=OPERATOR, key="k", user_id=PURCHASE.merchant_id, wallet=WALLET)),
        problem_of_merchant(NewMerchant(owner=OPERATOR, key="k", name="")),
    ]
    assert [problem and problem.code for problem in refused] == [
        "wallet_invalid",
        "wallet_invalid",
        "user_unknown",
        "field_invalid",
    ]


def test_two_commands_are_the_same_when_they_ask_for_the_same_thing() -> None:
    """Owner, key, arrival and trace are around the request, not in it."""
    again = purchase(owner="mer_x", key="other", traceparent="00-1-2-01", received_at=NOW)
    assert fingerprint(again) == fingerprint(PURCHASE)
    assert fingerprint(purchase(amount_minor=2_000)) != fingerprint(PURCHASE)
    assert fingerprint(purchase(reference=None)) != fingerprint(PURCHASE)


def test_commands_of_two_kinds_are_never_the_same() -> None:
    """A key used for a user cannot be used for a merchant whose fields look alike."""
    assert fingerprint(NewUser(owner=OPERATOR, key="k")) != fingerprint(NewMerchant(owner=OPERATOR, key="k", name=""))
