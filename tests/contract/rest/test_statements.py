"""Statements and balances of the past over REST."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from cashback.purchases.model import User
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, buy

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERIOD = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00+00:00"}


async def earner(world: World) -> User:
    """Return a user with two purchases, of which tokens are on their way."""
    user, merchant = await world.user(), await world.merchant()
    bought = await world.record(buy(user, merchant, occurred_at=START - timedelta(hours=1)), buy(user, merchant))
    await world.request(*(each.cashback.id for each in bought))
    return user


async def test_a_statement_in_pages(world: World, operator: Caller) -> None:
    """Opening and closing balances with each page, and every line once."""
    user = await earner(world)
    lines: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    page: dict[str, Any] = {}
    for _ in range(3):
        page = (await operator.get(f"/v1/users/{user.id}/statement", params={**PERIOD, "limit": "2", **cursor})).json()
        lines += page["money_lines"] + page["token_lines"]
        assert page["tokens"] == [{"currency": "CBK", "exponent": 6, "opening": "0", "closing": "3000000"}]
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert (page["from"], page["to"]) == (PERIOD["from"], "2026-03-02T00:00:00Z")
    assert len({line["position"] for line in lines}) == len(lines) == 6
    assert {line["text"] for line in lines} == {
        "Cashback earned",
        "Turned into tokens",
        "Tokens on their way to the wallet",
    }


async def test_a_statement_as_csv(world: World, operator: Caller) -> None:
    """The whole period in one stream."""
    user = await earner(world)
    response = await operator.get(f"/v1/users/{user.id}/statement", params={**PERIOD, "format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8", response.text
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [row["row"] for row in rows] == ["opening"] * 2 + ["line"] * 6 + ["closing"] * 2


async def test_the_instants_of_a_statement_are_written_alike_in_json_and_csv(world: World, operator: Caller) -> None:
    """Character for character, whatever offset the period was asked for with: whoever joins the two has one key."""
    user, path = await earner(world), "/v1/users/{}/statement"
    period = {"from": "2026-03-01T05:30:00+05:30", "to": PERIOD["to"]}
    told = (await operator.get(path.format(user.id), params={**period, "limit": "100"})).json()
    text = (await operator.get(path.format(user.id), params={**period, "format": "csv"})).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    lines = {line["position"]: line for line in told["money_lines"] + told["token_lines"]}
    ends = {"opening": told["from"], "closing": told["to"]}
    assert len(rows) == len(lines) + 4
    for row in rows:
        line = lines[row["position"]] if row["row"] == "line" else {"at": ends[row["row"]], "effective_at": None}
        assert (row["at"], row["effective_at"]) == (line["at"], line["effective_at"] or "")
        assert row["at"].endswith("Z")


async def test_balances_of_the_past(world: World, operator: Caller) -> None:
    """By one of the two times: the first purchase was made before it was recorded."""
    user, path = await earner(world), "/v1/users/{}/balance-at"
    between = (START - timedelta(minutes=30)).isoformat()
    known = (await operator.get(path.format(user.id), params={"known_at": between})).json()
    effective = (await operator.get(path.format(user.id), params={"effective_at": between})).json()
    assert (known["is_before_first"], known["money"][0]["total"]) == (True, "0")
    assert (effective["is_before_first"], effective["money"][0]["total"]) == (False, "150")


@pytest.mark.parametrize(
    "path,query,code",
    [
        ("statement", {"from": PERIOD["to"], "to": PERIOD["from"]}, "period_invalid"),
        ("statement", {**PERIOD, "cursor": "bm8"}, "cursor_invalid"),
        ("statement", {**PERIOD, "format": "pdf"}, "request_invalid"),
        ("statement", {**PERIOD, "from": "2026-03-01T00:00:00"}, "period_invalid"),
        ("balance-at", {"effective_at": "2026-03-01T00:00:00"}, "period_invalid"),
        ("statement", {**PERIOD, "from": "yesterday"}, "request_invalid"),
        ("statement", {"from": PERIOD["from"]}, "request_invalid"),
        ("balance-at", {}, "period_invalid"),
        ("balance-at", {"known_at": PERIOD["to"], "effective_at": PERIOD["to"]}, "period_invalid"),
    ],
)
async def test_what_is_no_period_is_refused(
    world: World, operator: Caller, path: str, query: dict[str, str], code: str
) -> None:
    """With the parameter that has to change."""
    user = await world.user()
    response = await operator.get(f"/v1/users/{user.id}/{path}", params=query)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["parameter"]


async def test_statements_are_the_operators(world: World, rest: Rest, operator: Caller) -> None:
    """A merchant sees none, and nobody's is unknown."""
    user = await world.user()
    merchant = await rest.merchant(await world.merchant())
    for path, query in (("statement", PERIOD), ("balance-at", {"known_at": PERIOD["to"]})):
        assert (await merchant.get(f"/v1/users/{user.id}/{path}", params=query)).status_code == 403
        unknown = await operator.get("/v1/users/usr_01k9z3v6q8e2r9xw5t4c7m1n0p/" + path, params=query)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "user_unknown")


async def test_the_trial_balance_is_the_operators(world: World, rest: Rest, operator: Caller) -> None:
    """As it stands, or of the past; an instant is said with its offset."""
    await earner(world)
    told = (await operator.get("/v1/trial-balance")).json()
    assert (told["is_balanced"], [each["currency"] for each in told["currencies"]]) == (True, ["CBK", "USD"])
    past = (await operator.get("/v1/trial-balance", params={"at": "2026-02-01T00:00:00Z"})).json()
    assert (past["is_balanced"], past["currencies"]) == (True, [])
    naive = await operator.get("/v1/trial-balance", params={"at": "2026-02-01T00:00:00"})
    assert (naive.status_code, naive.json()["parameter"]) == (422, "at")
    merchant = await rest.merchant(await world.merchant())
    assert (await merchant.get("/v1/trial-balance")).status_code == 403
