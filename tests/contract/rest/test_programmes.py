"""Programmes over REST: side by side, one for each currency, each with its conditions, until it is ended."""

from typing import Any

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIMPLE = {"currency": "USD", "rate_bps": 150, "budget_minor": "1000000"}
WHOLE = {
    "currency": "EUR",
    "token_rate_numerator": 11,
    "token_rate_denominator": 10,
    "time_zone": "Europe/Berlin",
    "hold_days": 14,
    "refund_policy": "write_off",
    "expire_after_days": 365,
    "write_off_after_days": 730,
    "accepts": ["SEK", "CHF"],
    "review_above_minor": "5000",
    "second_above_minor": "20000",
}


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_in_force(rest: Rest, world: World) -> None:
    """Have every currency free."""
    del rest
    await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")


async def started(operator: Caller, **terms: object) -> dict[str, Any]:
    """Return the answer to a new programme."""
    response = await operator.post("/v1/programmes", {"name": f"programme {new_key()}", **terms})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_a_programme_tells_all_its_terms_and_starts_empty_without_a_rate(operator: Caller) -> None:
    """No campaign, no ruleset, no budget; what it accepts is in order."""
    told = await started(operator, **WHOLE)
    assert {name: told[name] for name in WHOLE} == {**WHOLE, "accepts": ["CHF", "SEK"]}
    assert (told["rate_bps"], told["ruleset_id"], told["budget_minor"]) == (None, None, "0")
    assert (await operator.get(f"/v1/programmes/{told['id']}")).json() == told
    assert (await operator.get("/v1/programmes/current", params={"currency": "SEK"})).json() == told
    nothing = await operator.get("/v1/programmes/current", params={"currency": "USD"})
    assert_problem(nothing, 404, "programme_unknown", parameter="currency")


async def test_each_currency_is_decided_by_its_own_programme(operator: Caller, world: World) -> None:
    """Two in force, one batch of purchases; a third currency is taken by none."""
    dollars = await started(operator, **SIMPLE)
    euros = await started(operator, **SIMPLE | {"currency": "EUR", "rate_bps": 500})
    user, shop = await world.user(), await world.merchant()
    answers = [
        (await operator.post("/v1/purchases", a_purchase(user, shop, currency=code))).json()["cashback"]
        for code in ("USD", "EUR", "GBP")
    ]
    assert [(one["amount_minor"], one["reason"]) for one in answers] == [
        ("29", "granted"),
        ("99", "granted"),
        ("0", "no_programme"),
    ]
    left = [(await operator.get(f"/v1/programmes/{one['id']}")).json()["budget_left_minor"] for one in (dollars, euros)]
    assert left == ["999971", "999901"]
    await world.assert_books_prove()


async def test_a_currency_is_taken_by_one_programme_at_a_time(operator: Caller) -> None:
    """Its own or one that it accepts; once that programme has ended, by another."""
    told = await started(operator, **WHOLE)
    for terms in (SIMPLE | {"currency": "CHF"}, SIMPLE | {"accepts": ["EUR"]}):
        assert_problem(await operator.post("/v1/programmes", {"name": new_key(), **terms}), 409, "programme_exists")
    path = f"/v1/programmes/{told['id']}/end"
    ended = await operator.post(path, {"reason": "it was tried"})
    assert (ended.status_code, ended.json()["ended_at"]) == (201, "2026-03-01T12:00:00Z")
    await started(operator, **SIMPLE | {"currency": "CHF", "accepts": ["EUR"]})
    assert_problem(await operator.post(path, {"reason": "again"}), 409, "programme_ended", parameter="programme_id")


@pytest.mark.invariant("I7")
async def test_ending_is_repeated_safely_and_what_was_granted_stays(operator: Caller, world: World) -> None:
    """The same answer under the same key; a purchase after the end earns nothing."""
    told = await started(operator, **SIMPLE)
    user, shop = await world.user(), await world.merchant()
    before = (await operator.post("/v1/purchases", a_purchase(user, shop))).json()["cashback"]
    key = new_key()
    first, second = [
        await operator.post(f"/v1/programmes/{told['id']}/end", {"reason": "over"}, key=key) for _ in range(2)
    ]
    assert (first.content, second.headers["idempotency-replayed"]) == (second.content, "true")
    after = (await operator.post("/v1/purchases", a_purchase(user, shop))).json()["cashback"]
    assert (before["reason"], after["reason"]) == ("granted", "no_programme")


async def test_a_programme_started_with_two_amounts_asks_one_person_above_the_first_and_two_above_the_second(
    operator: Caller, world: World
) -> None:
    """What is not above the first is approved at once; each grant is 1.5 % of its purchase."""
    await started(operator, **SIMPLE, review_above_minor="15", second_above_minor="30")
    user, shop = await world.user(), await world.merchant()
    states, needed = [], []
    for amount in ("1000", "2000", "2100"):
        body = a_purchase(user, shop) | {"amount_minor": amount}
        cashback = (await operator.post("/v1/purchases", body)).json()["cashback"]
        states.append((cashback["amount_minor"], cashback["state"]))
        if cashback["state"] == "review":
            said = {"verdict": "approve", "person": "alice", "reason": "seen the invoice"}
            needed.append((await operator.post(f"/v1/cashback/{cashback['id']}/review", said)).json())
    assert states == [("15", "approved"), ("30", "review"), ("31", "review")]
    assert [(one["approvals_needed"], one["is_decided"]) for one in needed] == [(1, True), (2, False)]


@pytest.mark.parametrize(
    "changes,code,pointer",
    [
        ({"currency": "HRK"}, "currency_withdrawn", "/currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone_unknown", "/time_zone"),
        ({"token_rate_numerator": 10**7, "budget_minor": "1"}, "token_rate_absurd", "/token_rate/numerator"),
        ({"rate_bps": None}, "programme_invalid", "/budget_minor"),
        ({"accepts": ["EUR", "LTL"]}, "currency_withdrawn", "/accepts/1"),
        ({"hold_days": 366}, "request_invalid", "/hold_days"),
        ({"refund_policy": "seize"}, "request_invalid", "/refund_policy"),
        ({"review_above_minor": "-1"}, "request_invalid", "/review_above_minor"),
        ({"review_above_minor": str(2**63)}, "programme_invalid", "/review_above_minor"),
        ({"review_above_minor": "200", "second_above_minor": "199"}, "programme_invalid", "/second_above_minor"),
    ],
)
async def test_terms_that_cannot_be_are_refused_with_their_place(
    rest: Rest, operator: Caller, changes: dict[str, object], code: str, pointer: str
) -> None:
    """And nothing is stored, not even the key."""
    before = await rest.stored()
    refused = await operator.post("/v1/programmes", {"name": new_key(), **SIMPLE, **changes})
    assert_problem(refused, 422, code, pointer=pointer)
    assert await rest.stored() == before


async def test_programmes_are_listed_page_by_page(operator: Caller) -> None:
    """The oldest first, those that have ended included."""
    made = [(await started(operator, **SIMPLE | {"currency": code}))["id"] for code in ("USD", "EUR", "JPY")]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await operator.get("/v1/programmes", params={"limit": 2, **cursor})).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [one for one in found if one in made] == made
    assert len(found) == len(set(found)) > 3
    nothing = await operator.get(f"/v1/programmes/{new_id('prg')}")
    assert_problem(nothing, 404, "programme_unknown", parameter="programme_id")
    assert_problem(
        await operator.post(f"/v1/programmes/{new_id('prg')}/end", {"reason": "x"}),
        404,
        "programme_unknown",
        parameter="programme_id",
    )
