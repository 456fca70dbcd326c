"""What is wrong with a request is told by a stable code and a place, and nothing of it is stored."""

import json
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.processes.api import BODY_BYTES_MAX
from cashback.purchases.model import Merchant, User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key, wallet_number

pytestmark = pytest.mark.asyncio(loop_scope="module")

PURCHASE = a_purchase("usr_" + 26 * "0", merchant_id="mer_" + 26 * "0")
PROGRAMME = {"name": "p", "currency": "USD", "rate_bps": 150, "budget_minor": "1000"}


class Shop(msgspec.Struct, frozen=True):
    """Whom a sound purchase names."""

    user: User
    merchant: Merchant


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world: World) -> Shop:
    """Give a user and a merchant."""
    return Shop(await world.user(), await world.merchant())


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_is_stored(rest: Rest, shop: Shop) -> AsyncIterator[None]:
    """Assert of each test that it left nothing behind, not even its idempotency keys."""
    before = await rest.stored()
    yield
    assert await rest.stored() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"{'user_id': 'x'}", id="single-quotes"),
        pytest.param(msgspec.json.encode(PURCHASE) + b"{}", id="two-documents"),
        pytest.param(b'{"user_id": NaN}', id="not-a-number"),
        pytest.param(b'{"user_id": "\xff"}', id="not-utf-8"),
        pytest.param(b'{"user_id": "a\x00"}', id="control-character"),
        pytest.param(b'{"user_id": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b'{"nobody_knows": "\xff"}', id="not-utf-8-in-an-unknown-field"),
        pytest.param(b"user_id=x&amount_minor=1", id="a-form"),
        pytest.param(b"\x81\xa1a\x01", id="msgpack"),
    ],
)
async def test_what_is_no_json_is_refused(operator: Caller, body: bytes) -> None:
    """400: nobody can say which field is wrong, for there is none."""
    response = await operator.post("/v1/purchases", body)
    assert_problem(response, 400, "json_malformed")


@pytest.mark.parametrize(
    "changes,pointer",
    [
        pytest.param({"amount_minor": 1999}, "/amount_minor", id="amount-as-a-number"),
        pytest.param({"amount_minor": 19.99}, "/amount_minor", id="amount-as-a-float"),
        pytest.param({"amount_minor": None}, "/amount_minor", id="amount-null"),
        pytest.param({"amount_minor": "19.99"}, "/amount_minor", id="fractional"),
        pytest.param({"amount_minor": "-1"}, "/amount_minor", id="negative"),
        pytest.param({"amount_minor": "+1"}, "/amount_minor", id="signed"),
        pytest.param({"amount_minor": "1e3"}, "/amount_minor", id="exponent"),
        pytest.param({"amount_minor": "007"}, "/amount_minor", id="leading-zeros"),
        pytest.param({"amount_minor": "1_000"}, "/amount_minor", id="underscore"),
        pytest.param({"amount_minor": "1999\n"}, "/amount_minor", id="line-feed"),
        pytest.param({"amount_minor": "١٩"}, "/amount_minor", id="other-digits"),
        pytest.param({"amount_minor": ""}, "/amount_minor", id="empty-amount"),
        pytest.param({"amount_minor": "9" * 20}, "/amount_minor", id="twenty-digits"),
        pytest.param({"occurred_at": "2026-03-01T12:00:00"}, "/occurred_at", id="naive-time"),
        pytest.param({"occurred_at": 1_772_366_400}, "/occurred_at", id="time-as-a-number"),
        pytest.param({"occurred_at": "yesterday"}, "/occurred_at", id="time-in-words"),
        pytest.param({"currency": "US"}, "/currency", id="short-currency"),
        pytest.param({"currency": 840}, "/currency", id="numeric-currency"),
        pytest.param({"user_id": ["usr_x"]}, "/user_id", id="list-for-a-string"),
        pytest.param({"reference": {"a": 1}}, "/reference", id="object-for-a-string"),
        pytest.param({"reference": ""}, "/reference", id="empty-reference"),
        pytest.param({"reference": "x" * 201}, "/reference", id="long-reference"),
        pytest.param({"amount": "1999"}, "/amount", id="unknown-field"),
        pytest.param({"a/b~c": 1}, "/a~1b~0c", id="unknown-field-escaped"),
    ],
)
async def test_a_field_of_the_wrong_form_is_named_by_a_json_pointer(
    operator: Caller, shop: Shop, changes: dict[str, object], pointer: str
) -> None:
    """422 with the place (RFC 6901): nothing is converted, rounded or ignored."""
    response = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, **changes))
    assert_problem(response, 422, "request_invalid", pointer=pointer)


async def test_a_member_that_is_named_twice_is_refused(operator: Caller, shop: Shop) -> None:
    """400: one of the two amounts is not what the shop meant, and nobody can say which."""
    body = msgspec.json.encode(a_purchase(shop.user, shop.merchant))
    twice = body.replace(b'"amount_minor":', b'"amount_minor":"5","amount_minor":')
    assert twice != body
    assert_problem(await operator.post("/v1/purchases", twice), 400, "json_member_repeated", pointer="/amount_minor")


async def test_every_pattern_is_told_in_words(operator: Caller, shop: Shop) -> None:
    """`detail` is for people."""
    for path, body in (
        ("/v1/purchases", a_purchase(shop.user, shop.merchant, amount_minor="-1")),
        ("/v1/programmes", {**PROGRAMME, "currency": "usd"}),
        ("/v1/programmes", {**PROGRAMME, "budget_minor": "1.5"}),
        (f"/v1/merchants/{shop.merchant.id}/facts", {"mcc": "food", "owners": []}),
        (f"/v1/users/{shop.user.id}/tier", {"tier": "Gold"}),
    ):
        refused = (await operator.post(path, body)).json()
        assert refused["detail"].startswith(f"{refused['pointer'][1:]} must be ")
        assert "regex" not in refused["detail"]
        assert "string" not in refused["detail"]  # who typed it as an option of a command has written no JSON
    asked = (await operator.get("/v1/purchases?currency=usd")).json()
    assert asked["detail"] == "currency must be a code of ISO 4217 in capital letters"


@pytest.mark.parametrize("field", sorted(a_purchase("usr_x")))
async def test_a_missing_field_is_named(operator: Caller, shop: Shop, field: str) -> None:
    """The pointer says where it should have been."""
    body = {name: value for name, value in a_purchase(shop.user, shop.merchant).items() if name != field}
    assert_problem(await operator.post("/v1/purchases", body), 422, "request_invalid", pointer=f"/{field}")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"[" * 60_000, b"7"])
async def test_a_body_that_is_no_object_is_refused_as_a_whole(operator: Caller, body: bytes) -> None:
    """The empty pointer is the whole document (RFC 6901, section 5)."""
    response = await operator.post("/v1/purchases", body)
    assert_problem(response, 422, "request_invalid", pointer="")


@pytest.mark.parametrize(
    "changes,status,code,pointer",
    [
        pytest.param({"amount_minor": str(2**63)}, 422, "field_invalid", "/amount_minor", id="beyond-63-bits"),
        pytest.param({"currency": "XXX"}, 422, "currency_unknown", "/currency", id="no-currency"),
        pytest.param({"currency": "DEM"}, 422, "currency_withdrawn", "/currency", id="withdrawn-currency"),
        pytest.param({"currency": "usd"}, 422, "currency_unknown", "/currency", id="lower-case-currency"),
        pytest.param({"occurred_at": "2026-03-03T12:00:00Z"}, 422, "field_invalid", "/occurred_at", id="in-two-days"),
        pytest.param({"occurred_at": "9998-12-31T23:59:59Z"}, 422, "field_invalid", "/occurred_at", id="last-year"),
        pytest.param({"occurred_at": "1969-12-31T23:59:59Z"}, 422, "field_invalid", "/occurred_at", id="before-1970"),
        pytest.param({"reference": "a\u2028b"}, 422, "field_invalid", "/reference", id="line-separator"),
        pytest.param({"user_id": "customer-1"}, 404, "user_unknown", "/user_id", id="no-user-id"),
        pytest.param({"user_id": new_id("usr")}, 404, "user_unknown", "/user_id", id="unknown-user"),
        pytest.param({"merchant_id": new_id("mer")}, 404, "merchant_unknown", "/merchant_id", id="unknown-merchant"),
        pytest.param({"merchant_id": None}, 422, "field_invalid", "/merchant_id", id="whose-purchase"),
    ],
)
async def test_a_purchase_against_the_rules_is_refused(
    operator: Caller, shop: Shop, changes: dict[str, object], status: int, code: str, pointer: str
) -> None:
    """Each rule has its code; a clock may run a day ahead of ours, and no further."""
    response = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, **changes))
    assert_problem(response, status, code, pointer=pointer)


@pytest.mark.parametrize(
    "path,body,code,pointer",
    [
        pytest.param("/v1/users", {"wallet": wallet_number(1).lower()}, "wallet_invalid", "/wallet", id="no-checksum"),
        pytest.param("/v1/users", {"wallet": "0x" + 40 * "0"}, "wallet_invalid", "/wallet", id="zero-address"),
        pytest.param("/v1/users", {"wallet": wallet_number(1)[:-1]}, "wallet_invalid", "/wallet", id="short-address"),
        pytest.param("/v1/users", {"wallet": "0x" + 400 * "0"}, "request_invalid", "/wallet", id="long-address"),
        pytest.param("/v1/users", {"wallet": 7}, "request_invalid", "/wallet", id="numeric-address"),
        pytest.param("/v1/users", {"name": "Ann"}, "request_invalid", "/name", id="unknown-field-of-a-user"),
        pytest.param("/v1/merchants", {"name": ""}, "request_invalid", "/name", id="nameless"),
        pytest.param("/v1/merchants", {"name": "a\tb"}, "field_invalid", "/name", id="unprintable-name"),
        pytest.param("/v1/merchants", {"name": "a", "mcc": "54x1"}, "field_invalid", "/mcc", id="lettered-category"),
        pytest.param("/v1/users", {"tier": "Gold"}, "field_invalid", "/tier", id="capital-tier"),
        pytest.param(
            "/v1/programmes", {**PROGRAMME, "rate_bps": "150"}, "request_invalid", "/rate_bps", id="text-rate"
        ),
        pytest.param("/v1/programmes", {**PROGRAMME, "rate_bps": 1.5}, "request_invalid", "/rate_bps", id="float-rate"),
        pytest.param(
            "/v1/programmes", {**PROGRAMME, "rate_bps": 10_001}, "request_invalid", "/rate_bps", id="over-all"
        ),
        pytest.param(
            "/v1/programmes", {**PROGRAMME, "budget_minor": 5}, "request_invalid", "/budget_minor", id="number"
        ),
        pytest.param(
            "/v1/programmes", {**PROGRAMME, "budget_minor": "0"}, "programme_invalid", "/budget_minor", id="no-budget"
        ),
        pytest.param(
            "/v1/programmes", {**PROGRAMME, "currency": "XXX"}, "currency_unknown", "/currency", id="no-money"
        ),
    ],
)
async def test_people_and_programmes_are_refused_alike(
    operator: Caller, path: str, body: object, code: str, pointer: str
) -> None:
    """Wallets need their EIP-55 checksum; terms have bounds."""
    assert_problem(await operator.post(path, body), 422, code, pointer=pointer)


async def test_the_wallet_of_a_user_is_checked_alike(operator: Caller, shop: Shop) -> None:
    """A bad address is the body's fault, an unknown user the path's."""
    bad = await operator.post(f"/v1/users/{shop.user.id}/wallet", {"wallet": wallet_number(1).lower()})
    assert_problem(bad, 422, "wallet_invalid", pointer="/wallet")
    for stranger in (new_id("usr"), "customer-1"):
        nobody = await operator.post(f"/v1/users/{stranger}/wallet", {"wallet": wallet_number(1)})
        assert_problem(nobody, 404, "user_unknown", parameter="user_id")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/vnd.api+json"},
        {"Content-Type": "application/json; charset=latin1"},
        {"Content-Type": "application/json; version=2"},
        {"Content-Encoding": "gzip"},
    ],
)
async def test_a_body_that_calls_itself_something_else_is_refused(operator: Caller, headers: dict[str, str]) -> None:
    """415, though it would have been readable: who says one thing and sends another may mean either."""
    assert_problem(await operator.post("/v1/purchases", PURCHASE, headers=headers), 415, "media_type_unsupported")


@pytest.mark.parametrize(
    "kind", ["APPLICATION/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8";']
)
async def test_a_body_may_say_that_it_is_json_in_any_way(operator: Caller, kind: str) -> None:
    """Which is in UTF-8 (RFC 8259, section 8.1), so it is read: that it is refused is for what it says."""
    response = await operator.post("/v1/users", {"wallet": "mine"}, headers={"Content-Type": kind})
    assert_problem(response, 422, "wallet_invalid", pointer="/wallet")


async def test_two_idempotency_keys_are_refused(operator: Caller) -> None:
    """One of them would silently win."""
    both = [("Idempotency-Key", new_key()) for _ in range(2)]
    response = await operator.ask("POST", "/v1/purchases", content=json.dumps(PURCHASE), headers=both)
    assert_problem(response, 422, "request_invalid", parameter="Idempotency-Key")


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_huge_body_is_refused_unread(operator: Caller, is_announced: bool) -> None:
    """413, whether its length is told or found out."""
    huge = json.dumps({**PURCHASE, "reference": "x" * BODY_BYTES_MAX}).encode()
    read = 0

    async def chunks() -> object:
        nonlocal read
        for start in range(0, 100 * len(huge), 8_192):
            read += 8_192
            yield huge[start % len(huge) : start % len(huge) + 8_192]

    content = huge if is_announced else chunks()
    response = await operator.ask("POST", "/v1/purchases", content=content, headers={"Idempotency-Key": new_key()})
    assert_problem(response, 413, "body_too_large")
    assert response.json()["detail"] == "the body is larger than 64 KiB"
    assert read <= 3 * BODY_BYTES_MAX
