"""No operation shows or gives one shop what another has: drawn from the OpenAPI document, so that none is forgotten.

What a new operation may have to be told stands in tests/contract/rest/belongings.py.
"""

from typing import Any, Final

import pytest

from cashback.kernel.principal import Principal
from cashback.processes.api import scopes
from tests.contract.rest.belongings import (
    KINDS,
    MERCHANTS,
    SHARED,
    Asked,
    Belongings,
    assert_hidden,
    everything_of,
    unsourced,
)
from tests.contract.rest.done import ENDING
from tests.contract.rest.drawn import by_operation
from tests.contract.rest.world import Rest
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

Shops = tuple[Belongings, Belongings]

LISTS_MIN: Final = 11
"""So many lists of a shop go on behind their first item, so that each could be continued by somebody else."""

ABOUT_NO_ID: Final = frozenset({"showWebhookSecret"})
"""Answers without an id of what they are about."""


def told(rest: Rest) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = rest.app.openapi_schema.to_schema()
    return document


def assert_sources(document: dict[str, Any], shop: Belongings) -> None:
    """Assert that of everything that an operation names there is something."""
    for operation, one in by_operation(document, shop.has).items():
        for name in unsourced(one, shop.has):
            raise AssertionError(
                f"{operation} ({one.name}) names a {name}, and nobody says of which kind that is or what a shop has of"
                " it: add it to KINDS in tests/contract/rest/belongings.py, and to SHARED if it is the operator's, or"
                " else to what `opened` makes for each shop"
            )


async def assert_operators(rest: Rest, shop: Belongings, *, merchants: frozenset[str] = MERCHANTS) -> None:
    """Assert that all but what merchants may ask for is refused to them, and leaves nothing behind."""
    before = await rest.stored()
    for asked in everything_of(told(rest), shop.has):
        if asked.operation not in merchants:
            answer = await asked.by(shop.keeper)
            assert (answer.status_code, answer.json().get("code")) == (403, "operator_only"), (
                f"{asked.operation} answers a merchant {answer.status_code} {answer.text[:200]}: take it out of"
                " MERCHANTS in processes/api/scopes.py, or, if merchants are to ask for it, add it to MERCHANTS in"
                " tests/contract/rest/belongings.py"
            )
    assert await rest.stored() == before


def of_merchants(rest: Rest, shop: Belongings, *, method: str) -> list[Asked]:
    """Return what a shop may ask for of its own by one method, what ends something last."""
    found = [one for one in everything_of(told(rest), shop.has) if one.operation in MERCHANTS and one.method == method]
    return sorted(found, key=lambda one: one.url.endswith(ENDING))


async def test_of_everything_that_an_operation_names_a_shop_has_something(rest: Rest, shops: Shops) -> None:
    """Else it would not be asked for; and what merchants may ask for is still there."""
    assert_sources(told(rest), shops[0])
    assert set(by_operation(told(rest), {})) >= MERCHANTS == scopes.MERCHANTS
    assert set(KINDS) >= SHARED


async def test_what_is_not_a_merchants_is_the_operators_alone(rest: Rest, shops: Shops) -> None:
    """403 whatever a shop names, be it there, and be it its own."""
    await assert_operators(rest, shops[0])


async def test_who_may_not_ask_at_all_is_told_that_before_what_else_is_wrong(rest: Rest, shops: Shops) -> None:
    """No header that it needs, a parameter that no route knows, a body that is none (RFC 9110, section 13.2.1)."""
    keeper, has = shops[0].keeper, shops[0].has
    before = await rest.stored()
    for operation, one in by_operation(told(rest), has).items():
        if operation not in MERCHANTS:
            for answer in (
                await keeper.ask(one.method, one.url(path=has)),
                await keeper.ask(one.method, one.url(path=has, query={"no_such": "1"})),
                await keeper.ask(one.method, one.url(path=has), content=b"{", headers={"Content-Type": "text/html"}),
            ):
                assert (answer.status_code, answer.json().get("code")) == (403, "operator_only"), (
                    operation,
                    answer.text,
                )
    assert await rest.stored() == before


async def test_what_a_shop_has_is_to_another_what_there_is_not(rest: Rest, shops: Shops) -> None:
    """By every path, filter and body, alone and together: the very words of nothing, and the shop's things stay."""
    owner, rival = shops
    before = [await one.by(owner.keeper) for one in of_merchants(rest, owner, method="GET")]
    for answer, one in zip(before, of_merchants(rest, owner, method="GET"), strict=True):
        assert answer.status_code == 200, (one.operation, answer.text)
        is_about_it = any(text in answer.text for text in owner.texts) or one.operation in ABOUT_NO_ID
        assert is_about_it, f"{one.operation} tells a shop nothing of its own: have `opened` in belongings.py make some"
    await assert_hidden(rest, rival.keeper, owner, MERCHANTS)
    after = [await one.by(owner.keeper) for one in of_merchants(rest, owner, method="GET")]
    assert [one.text for one in after] == [one.text for one in before]


async def test_no_list_goes_on_for_another_with_what_a_shop_has(rest: Rest, shops: Shops) -> None:
    """A page's cursor names a place in the list of whoever asks, and nothing of the list that it came from."""
    owner, rival = shops
    lists = [one for name, one in by_operation(told(rest), {}).items() if name in MERCHANTS and "cursor" in one.query]
    continued = 0
    for one in lists:
        first = await owner.keeper.get(one.url(path=owner.has, query={"limit": "1"}))
        if (cursor := first.json()["next_cursor"]) is None:
            continue
        continued += 1
        answer = await rival.keeper.get(one.url(path=rival.has, query={"cursor": cursor}))
        assert answer.status_code in {200, 422}, (one.name, answer.text)
        assert [text for text in owner.texts if text in answer.text] == [], one.name
    assert continued >= LISTS_MIN


async def test_the_same_is_done_for_whose_it_is_and_no_key_of_theirs_opens_it(rest: Rest, shops: Shops) -> None:
    """So that it was refused for who asked; and under the idempotency keys of what was done nobody else is answered."""
    owner, rival = shops
    done = []
    for one in of_merchants(rest, owner, method="POST"):
        key = new_key()
        answer = await one.by(owner.keeper, key=key)
        assert answer.status_code == 201, (
            f"{one.operation} refuses what a shop asks of its own, {answer.text}: add to BODIES in"
            " tests/contract/rest/belongings.py what it sends"
        )
        done.append((one, key))
    for one, key in done:
        answer = await one.by(rival.keeper, key=key)
        assert "idempotency-replayed" not in answer.headers, one.operation
        assert [text for text in owner.texts if text in answer.text and text not in one.said] == [], one.operation


async def test_what_is_forgotten_is_asked_for_by_name(rest: Rest, shops: Shops) -> None:
    """An id of a new kind, and an operation that merchants may ask for without anybody having said so."""
    named = {"name": "order_id", "in": "path", "required": True, "schema": {"type": "string"}}
    planted = {"/v1/orders/{order_id}": {"get": {"operationId": "showOrder", "parameters": [named]}}}
    with pytest.raises(AssertionError, match=r"showOrder .* names a order_id.*add it to KINDS in tests/contract/rest"):
        assert_sources({**told(rest), "paths": planted}, shops[0])
    with pytest.raises(AssertionError, match=r"listRefunds answers a merchant 200 .* add it to MERCHANTS"):
        await assert_operators(rest, shops[0], merchants=MERCHANTS - {"listRefunds"})


async def test_a_route_that_asks_nobody_whose_it_is_is_seen(
    rest: Rest, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: everybody may see every merchant's."""
    monkeypatch.setattr(Principal, "may_see", lambda _, __: True)
    with pytest.raises(AssertionError, match="showMerchant tells of another shop"):
        await assert_hidden(rest, shops[1].keeper, shops[0], {"showMerchant"})
