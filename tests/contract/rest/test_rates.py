"""Exchange rates over REST: exact, with source and time, and never absurd by accident."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = {"base": "EUR", "quote": "USD", "numerator": 108, "denominator": 100, "source": "ECB"}


async def put(operator: Caller, **changes: object) -> httpx.Response:
    """Return the response to a rate."""
    return await operator.post("/v1/exchange-rates", {**RATE, **changes})


async def in_force(operator: Caller, base: str, quote: str, hours: int) -> Any:  # noqa: ANN401  # a number or nothing
    """Return the numerator of the rate in force so many hours after the start, None where there is none."""
    at = (START + timedelta(hours=hours)).isoformat()
    response = await operator.get("/v1/exchange-rates/current", params={"base": base, "quote": quote, "at": at})
    return response.json()["numerator"] if response.status_code == 200 else None


async def test_the_rate_in_force_is_the_latest_that_is_not_later(operator: Caller, world: World) -> None:
    """Before the first there is none; one that is put later for an earlier instant takes its place in time."""
    made = await put(operator)
    assert (made.status_code, made.json()["as_of"]) == (201, "2026-03-01T12:00:00Z")
    world.clock.advance(timedelta(hours=9))
    for hours, numerator in ((8, 112), (4, 110)):
        told = await put(operator, numerator=numerator, as_of=(START + timedelta(hours=hours)).isoformat())
        assert told.status_code == 201
    found = [await in_force(operator, "EUR", "USD", hours) for hours in (-1, 0, 3, 4, 7, 8, 99)]
    assert found == [None, 108, 108, 110, 110, 112, 112]
    assert await in_force(operator, "USD", "EUR", 9) is None
    page = (await operator.get("/v1/exchange-rates", params={"base": "EUR", "limit": 2})).json()
    assert [item["numerator"] for item in page["items"]] == [110, 112]
    following = {"base": "EUR", "limit": 2, "cursor": page["next_cursor"]}
    last = (await operator.get("/v1/exchange-rates", params=following)).json()
    assert ([item["numerator"] for item in last["items"]], last["next_cursor"]) == ([108], None)


@pytest.mark.invariant("I7")
async def test_the_same_rate_again_changes_nothing(operator: Caller, world: World) -> None:
    """Under its key or another one; a different one of the same instant is refused."""
    terms = {"base": "GBP", "as_of": START.isoformat()}
    key = new_key()
    body = {**RATE, **terms}
    answers = [await operator.post("/v1/exchange-rates", body, key=one) for one in (key, key, new_key())]
    assert answers[0].content == answers[1].content
    assert answers[2].json() == answers[0].json()
    assert_problem(await put(operator, **terms, numerator=109), 409, "rate_exists", pointer="/as_of")
    assert await world.one("select count(*) from ledger.exchange_rates where base = 'GBP'") == 1


async def test_a_rate_far_from_the_last_one_is_confirmed_or_refused(operator: Caller, world: World) -> None:
    """By more than a factor of two either way; exactly two passes."""
    assert (await put(operator, base="CHF", numerator=100)).status_code == 201
    world.clock.advance(timedelta(hours=1))
    for numerator in (201, 49):
        refused = await put(operator, base="CHF", numerator=numerator)
        assert_problem(refused, 422, "rate_absurd", pointer="/numerator")
        assert refused.json()["last"] == "100/100"
    assert (await put(operator, base="CHF", numerator=200)).status_code == 201
    world.clock.advance(timedelta(hours=1))
    assert (await put(operator, base="CHF", numerator=1, is_confirmed=True)).status_code == 201


async def test_a_rate_put_before_others_is_compared_with_the_one_after_it(operator: Caller, world: World) -> None:
    """As the first of all, and between two that are far apart: each neighbour is asked."""
    assert (await put(operator, base="SEK", numerator=100)).status_code == 201
    before = (world.clock.now() - timedelta(hours=1)).isoformat()
    for numerator in (201, 49):
        refused = await put(operator, base="SEK", numerator=numerator, as_of=before)
        assert_problem(refused, 422, "rate_absurd", pointer="/numerator")
        assert (refused.json()["next"], "last" in refused.json()) == ("100/100", False)
    assert (await put(operator, base="SEK", numerator=50, as_of=before)).status_code == 201
    between = (world.clock.now() - timedelta(minutes=30)).isoformat()
    for numerator, beside in ((101, "last"), (49, "next")):
        refused = await put(operator, base="SEK", numerator=numerator, as_of=between)
        assert_problem(refused, 422, "rate_absurd", pointer="/numerator")
        assert beside in refused.json()
    confirmed = await put(operator, base="SEK", numerator=49, as_of=between, is_confirmed=True)
    assert confirmed.status_code == 201


@pytest.mark.parametrize(
    "changes,code,pointer",
    [
        ({"numerator": 0}, "request_invalid", "/numerator"),
        ({"denominator": 0}, "request_invalid", "/denominator"),
        ({"denominator": 10**12 + 1}, "request_invalid", "/denominator"),
        ({"quote": "EUR"}, "rate_invalid", "/quote"),
        ({"quote": "HRK"}, "currency_withdrawn", "/quote"),
        ({"base": "QQQ"}, "currency_unknown", "/base"),
        ({"as_of": "2099-01-01T00:00:00Z"}, "rate_invalid", "/as_of"),
        ({"as_of": "2026-01-01T00:00:00"}, "rate_invalid", "/as_of"),
        ({"source": "a\tb"}, "rate_invalid", "/source"),
    ],
)
async def test_a_rate_that_cannot_be_is_refused_with_its_place(
    operator: Caller, world: World, changes: dict[str, object], code: str, pointer: str
) -> None:
    """And is not stored."""
    before = await world.one("select count(*) from ledger.exchange_rates")
    assert_problem(await put(operator, **changes), 422, code, pointer=pointer)
    assert await world.one("select count(*) from ledger.exchange_rates") == before


async def test_a_pair_without_a_rate_and_a_merchant_are_turned_away(rest: Rest, world: World, operator: Caller) -> None:
    """404 with a code, and 403."""
    params = {"base": "JPY", "quote": "KRW", "at": START.isoformat()}
    assert_problem(await operator.get("/v1/exchange-rates/current", params=params), 404, "rate_unknown")
    keeper = await rest.merchant(await world.merchant())
    assert_problem(await keeper.post("/v1/exchange-rates", RATE), 403, "operator_only")
