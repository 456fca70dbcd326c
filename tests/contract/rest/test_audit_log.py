"""Who did what, over REST: every command that was done, by the key that it came with, and nothing that was refused."""

import re
from datetime import timedelta
from typing import Any, Final

import psycopg
import pytest

from cashback.kernel.http import Terms, cursor_of
from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.done import everything_done
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import START, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG: Final = "/v1/audit-log"
CALLED: Final = {
    "createDraft": "draft_ruleset",
    "topUpCampaign": "change_budget",
    "withdrawFromCampaign": "change_budget",
}
"""Commands that are not called as their operations are."""

WITHOUT: Final = {"createPurchases"}
"""Commands that are about nothing which has an id: what they recorded stands there by itself."""


def called(operation: str) -> str:
    """Return what the log calls a command of an operation."""
    return CALLED.get(operation) or re.sub("([A-Z])", r"_\1", operation).lower()


async def told(caller: Caller, **query: object) -> list[dict[str, Any]]:
    """Return all of the log that is asked for, page by page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, object] = {}
    while True:
        response = await caller.get(LOG, params={"to": (START + timedelta(days=1)).isoformat(), **query, **cursor})
        assert response.status_code == 200, response.text
        items += response.json()["items"]
        if response.json()["next_cursor"] is None:
            return items
        cursor = {"cursor": response.json()["next_cursor"]}


async def test_every_command_is_told_with_its_key_and_what_it_was_about(rest: Rest) -> None:
    """Drawn from the document, so that no route is forgotten; what it was about is in its address or its answer."""
    operator = await rest.operator()
    done = await everything_done(rest, operator)
    items = await told(operator, key_id=operator.key_id)
    assert {(item["key_id"], item["merchant_id"], item["at"]) for item in items} == {
        (operator.key_id, None, "2026-03-01T12:00:00Z")
    }
    for one in done:
        about = [item["resource"] for item in items if item["what"] == called(one.operation)]
        if one.operation in WITHOUT:
            assert about == [None], one.name
        elif one.operation == "putRate":
            assert about == ["EUR/USD 2026-02-28T00:00:00Z"]
        else:
            assert any(id_ and (id_ in one.url or id_ in one.answer.text) for id_ in about), (one.name, about)


async def test_a_rate_is_told_by_its_instant_as_all_else_tells_it(rest: Rest) -> None:
    """In UTC with `Z`, whichever clock it was put by or written down by; it is found by any."""
    operator, instants = await rest.operator(), ("2026-02-28T02:00:00.5+02:00", "2026-02-28T00:00:00.500000Z")
    put = {"base": "NOK", "quote": "USD", "numerator": 1, "denominator": 10, "source": "NB", "as_of": instants[0]}
    assert (await operator.post("/v1/exchange-rates", put)).json()["as_of"] == instants[1]
    [item] = await told(operator, key_id=operator.key_id)
    assert item["resource"] == f"NOK/USD {instants[1]}"
    for written in (instants[1], "2026-02-28T00:00:00.500000+00:00", "2026-02-28T02:00:00.500000+02:00"):
        async with await psycopg.AsyncConnection.connect(rest.world.dsns.superuser) as connection:
            # What stands there stays as it is: only so does it come to be as an older release wrote it.
            await connection.execute("set session_replication_role = replica")
            await connection.execute(
                "update purchases.idempotency_keys set resource = %s where by_key = %s",
                (f"NOK/USD {written}", operator.key_id),
            )
        for asked in (*instants, "2026-02-28T00:00:00.5+00:00"):
            assert await told(operator, key_id=operator.key_id, resource=f"NOK/USD {asked}") == [item], (written, asked)
        for other in ("SEK/USD 2026-02-28T00:00:00.5Z", "NOK/USD 2026-02-28T00:00:00Z", "NOK/USD", "x/y 2026-02-30Z"):
            assert await told(operator, key_id=operator.key_id, resource=other) == []


async def test_a_merchant_sees_what_was_done_in_its_name(rest: Rest, operator: Caller) -> None:
    """By any of its keys, and by nobody else's; the operator sees all of it."""
    user, merchant, other = await rest.world.user(), await rest.world.merchant(), await rest.world.merchant()
    shop, again, rival = await rest.merchant(merchant), await rest.merchant(merchant), await rest.merchant(other)
    first = (await shop.post("/v1/purchases", a_purchase(user))).json()["id"]
    second = (await again.post("/v1/purchases", a_purchase(user))).json()["id"]
    await operator.post("/v1/purchases", a_purchase(user, merchant))
    seen = await told(shop)
    assert {(item["key_id"], item["what"], item["resource"]) for item in seen} == {
        (shop.key_id, "create_purchase", first),
        (again.key_id, "create_purchase", second),
    }
    assert {item["merchant_id"] for item in seen} == {merchant.id}
    assert await told(rival) == []
    assert [item["key_id"] for item in await told(operator, resource=second)] == [again.key_id]
    assert await told(rival, resource=second) == []


async def test_only_a_key_that_its_asker_may_know_of_has_a_log(rest: Rest, operator: Caller) -> None:
    """Another merchant's is none, in the very words of what never was; one that has done nothing has an empty one."""
    shop, rival = [await rest.merchant(await rest.world.merchant()) for _ in range(2)]
    for caller, key_id in (
        (operator, new_id("key")),
        (operator, "key_1"),
        (shop, rival.key_id),
        (shop, operator.key_id),
    ):
        refused = await caller.get(f"{LOG}?key_id={key_id}")
        assert_problem(refused, 404, "api_key_unknown", parameter="key_id")
    assert await told(shop, key_id=shop.key_id) == await told(operator, key_id=rival.key_id) == []


async def test_what_was_refused_or_repeated_is_not_told_of(rest: Rest) -> None:
    """Nothing was done by it: neither by a command that was refused, nor by a question, nor by the second time."""
    operator, user, merchant = await rest.operator(), await rest.world.user(), await rest.world.merchant()
    key = new_key()
    refused = await operator.post("/v1/purchases", a_purchase(user, merchant, currency="XXX"))
    assert refused.status_code == 422
    await operator.get(f"/v1/users/{user.id}")
    for _ in range(2):
        await operator.post("/v1/users", {"reference": "once"}, key=key)
    assert [item["what"] for item in await told(operator, key_id=operator.key_id)] == ["create_user"]


async def test_pages_follow_each_other_without_gap_or_repeat(rest: Rest) -> None:
    """What was done at one instant has an order too."""
    operator = await rest.operator()
    made = {(await operator.post("/v1/users", {})).json()["id"] for _ in range(7)}
    pages = [item["resource"] for item in await told(operator, key_id=operator.key_id, limit=2)]
    assert (len(pages), set(pages)) == (7, made)


async def test_the_log_is_read_over_a_window(rest: Rest) -> None:
    """The last 31 days unless told otherwise; its beginning belongs to it, its end does not."""
    operator = await rest.operator()
    await operator.post("/v1/users", {})
    later = (START + timedelta(microseconds=1)).isoformat()
    for query, count in (
        ({"from": START.isoformat(), "to": later}, 1),
        ({"to": START.isoformat()}, 0),
        ({"from": later, "to": (START + timedelta(days=31)).isoformat()}, 0),
        ({"from": (START - timedelta(days=30)).isoformat(), "to": later}, 1),
    ):
        assert len(await told(operator, key_id=operator.key_id, **query)) == count, query
    assert (await operator.get(LOG)).status_code == 200


@pytest.mark.parametrize(
    "query, parameter",
    [
        ({"from": "2026-02-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "to"),
        ({"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "to"),
        ({"from": "2027-02-02T00:00:00Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00.000001Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z"}, "from"),
        ({"to": "2026-02-01T00:00:00"}, "to"),
    ],
)
async def test_no_page_looks_back_over_more_than_31_days(
    operator: Caller, query: dict[str, str], parameter: str
) -> None:
    """Whoever wants more asks month by month; a window ends after it begins, and its ends name their offset."""
    assert_problem(await operator.get(LOG, params=query), 422, "window_invalid", parameter=parameter)


@pytest.mark.parametrize(
    "place",
    ["", "x", f"{START.isoformat()} ", f"{START.isoformat()} x", "x " + "0" * 64, "2026-03-01T12:00:00 " + "0" * 64],
)
async def test_a_forged_cursor_is_refused(operator: Caller, place: str) -> None:
    """Only what a page handed out continues one, and what a cursor goes with is no secret."""
    for forged in (place, Terms.of("deeds").bound(place) or ""):
        response = await operator.get(LOG, params={"cursor": cursor_of(forged)})
        assert_problem(response, 422, "cursor_invalid", parameter="cursor")


async def test_the_log_has_a_scope_of_its_own(rest: Rest) -> None:
    """A key that may do everything else is not told who did it."""
    response = await (await rest.operator(scopes=("users:read", "keys:read"))).get(LOG)
    assert_problem(response, 403, "scope_missing")
    assert (await (await rest.operator(scopes=("audit:read",))).get(LOG)).status_code == 200
