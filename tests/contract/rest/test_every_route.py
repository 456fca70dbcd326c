"""What no database can hold, at every place of every route: drawn from the OpenAPI document, so that none is forgotten.

Whatever stands there is the caller's to mend: a problem of the 400s, at its place, and nothing of it is stored.
"""

from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from cashback.kernel.http import cursor_of
from cashback.kernel.ids import new_id
from tests.contract.rest.belongings import KINDS
from tests.contract.rest.document import assert_problem, places
from tests.contract.rest.drawn import INSTANT, Drawn, Leaf, changed, operations
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import buy, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUL: Final = "a\0b"
NO_IDS: Final = ("a%00b", "%00", "%FF" * 500, "%ED%A0%80", "no%20id", "usr_1", "x" * 5_000, "%E2%80%A8", "'%22--")
OUT_OF_RANGE: Final = (
    "9999-12-31T23:59:59-05:00",
    "9999-12-31T23:59:59Z",
    "9999-01-01T00:00:00.000001Z",
    "0001-01-01T00:00:00+14:00",
    "1899-12-31T23:59:59Z",
)
NO_PLACES: Final = (
    "a\0b",
    "0001-01-01T00:00:00+14:00 1",
    "9999-12-31T23:59:59-05:00 cb_1",
    "9" * 40,
    "²",
    "-1",
    "",
    " ",
)
SERVER_BROKE: Final = 500


async def ask(caller: Caller, drawn: Drawn, url: str, body: Any = None) -> httpx.Response:  # noqa: ANN401  # any JSON
    """Return the answer to an operation, under a key of its own."""
    headers = {**drawn.headers, **({"Idempotency-Key": new_key()} if drawn.method == "POST" else {})}
    content = {} if body is None else {"json": body}
    return await caller.ask(drawn.method, url, headers=headers, **content)


@pytest.fixture(scope="module")
def drawn(rest: Rest, known: dict[str, str]) -> list[Drawn]:
    """Give every operation of the API as it stands, what ends something last."""
    found = operations(rest.app.openapi_schema.to_schema(), known)
    found.sort(key=lambda one: one.template.endswith(("/close", "/end")))
    assert {"POST /v1/purchases", "GET /v1/trial-balance"} <= {one.name for one in found}
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def known(rest: Rest, operator: Caller) -> dict[str, str]:
    """Give ids of something, by the names that paths have for them."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    programme = (await operator.get("/v1/programmes/current")).json()["id"]
    campaigns = (await operator.get(f"/v1/programmes/{programme}/campaigns")).json()["items"]
    ids = {"programme_id": programme, "campaign_id": campaigns[0]["id"]}
    [purchase] = await rest.world.record(buy(user, merchant))
    return ids | {"user_id": user.id, "merchant_id": merchant.id, "purchase_id": purchase.id}


def texts(drawn: list[Drawn]) -> list[tuple[Drawn, Any, Leaf]]:
    """Return every place of every body that takes a text."""
    return [
        (one, body, leaf)
        for one in drawn
        for body, leaves in zip(one.bodies, one.leaves, strict=True)
        for leaf in leaves
    ]


async def test_every_sound_request_is_understood(operator: Caller, drawn: list[Drawn]) -> None:
    """The others of this file differ from these in one place each, so that it is that place which is refused."""
    for one in drawn:
        for body in one.bodies or (None,):
            response = await ask(operator, one, one.url(), body)
            assert response.status_code < SERVER_BROKE, (one.name, response.text)
            assert response.json().get("code") != "request_invalid", (one.name, response.text)


async def test_what_is_no_id_is_under_no_path(rest: Rest, operator: Caller, drawn: list[Drawn]) -> None:
    """404 in the words of what is not there, at every id of every path, which is named."""
    asked = [(one, name) for one in drawn for name, schema in one.path.items() if schema["type"] == "string"]
    assert len({one.template for one, _ in asked}) == sum("_id}" in template for template in rest.document.paths)
    before = await rest.stored()
    for one, name in asked:
        others = {other: new_id(KINDS[other]) for other in one.path if other in KINDS}
        for text in NO_IDS:
            body = one.bodies[0] if one.bodies else None
            response = await ask(operator, one, one.url(path={**others, name: text}), body)
            assert response.status_code == 404, (one.name, text, response.text)
            assert response.json()["code"].endswith("_unknown"), (one.name, text, response.text)
            assert response.json()["parameter"] == name, (one.name, text, response.text)
    assert await rest.stored() == before


async def test_a_text_that_no_database_holds_is_refused_wherever_it_stands(
    rest: Rest, operator: Caller, drawn: list[Drawn], known: dict[str, str]
) -> None:
    """422 with the pointer to it, in every text of every body."""
    asked = texts(drawn)
    assert {"/lines/0/sku", "/source", "/reason"} <= {leaf.pointer for _, _, leaf in asked}
    before = await rest.stored()
    for one, body, leaf in asked:
        response = await ask(operator, one, one.url(path=known), changed(body, leaf.place, NUL))
        assert response.status_code == 422, (one.name, leaf, response.text)
        assert_problem(response, 422, "request_invalid", pointer=leaf.pointer)
    assert await rest.stored() == before


async def test_nor_is_it_a_name_or_a_value_within_a_ruleset(operator: Caller, drawn: list[Drawn]) -> None:
    """A ruleset is as free as its schema; names are texts as well."""
    asked = [one for one in drawn if "document" in (one.bodies or ({},))[0]]
    assert len(asked) == 2
    for one in asked:
        for document, pointer in (
            ({"a\0b": 1}, "/document/a\0b"),
            ({"rules": [{"id": "a\0b"}]}, "/document/rules/0/id"),
            ({"rules": [], "x": {"y": ["a\0b"]}}, "/document/x/y/0"),
        ):
            response = await ask(operator, one, one.url(), {**one.bodies[0], "document": document})
            assert_problem(response, 422, "request_invalid", pointer=pointer)


async def test_an_instant_out_of_range_is_refused_wherever_it_stands(
    rest: Rest, operator: Caller, drawn: list[Drawn], known: dict[str, str]
) -> None:
    """422 with the pointer to it: it would be stored and never be read again, or be no time at all in UTC."""
    asked = [(one, body, leaf) for one, body, leaf in texts(drawn) if leaf.is_instant]
    assert {"/starts_at", "/ends_at", "/as_of", "/since", "/until"} <= {leaf.pointer for _, _, leaf in asked}
    before = await rest.stored()
    for one, body, leaf in asked:
        for instant in OUT_OF_RANGE:
            response = await ask(operator, one, one.url(path=known), changed(body, leaf.place, instant))
            assert response.status_code == 422, (one.name, leaf, instant, response.text)
            assert_problem(response, 422, "request_invalid", pointer=leaf.pointer)
        for instant in ("2026-03-01T12:00:00", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "infinity", "now"):
            response = await ask(operator, one, one.url(path=known), changed(body, leaf.place, instant))
            assert 400 <= response.status_code < SERVER_BROKE, (one.name, leaf, instant, response.text)
    assert await rest.stored() == before


async def test_nobody_stops_a_programme_by_a_campaign_for_ever(
    operator: Caller, drawn: list[Drawn], known: dict[str, str]
) -> None:
    """The end of the year 9999 is said by clocks west of Greenwich as well; a purchase after it earns."""
    [campaign] = [one.bodies[0] for one in drawn if one.name == "POST /v1/campaigns"]
    ever = {**campaign, "starts_at": None, "ends_at": "9999-12-31T23:59:59-05:00"}
    assert_problem(await operator.post("/v1/campaigns", ever), 422, "request_invalid", pointer="/ends_at")
    bought = {"user_id": known["user_id"], "merchant_id": known["merchant_id"], "amount_minor": "1999"}
    bought |= {"currency": "USD", "occurred_at": INSTANT}
    response = await operator.post("/v1/purchases", bought)
    assert (response.status_code, response.json()["cashback"]["reason"]) == (201, "granted")


async def test_a_parameter_that_cannot_be_asked_for_is_named(
    operator: Caller, drawn: list[Drawn], known: dict[str, str]
) -> None:
    """422 with its name: texts that no database holds in every parameter, numbers and other times as instants."""
    asked = [(one, name, schema) for one in drawn for name, schema in one.query.items()]
    instants = [(one, name) for one, name, schema in asked if "date-time" in str(schema)]
    periods = {f"{name}_{end}" for name in ("occurred", "received", "created", "applied") for end in ("from", "to")}
    others = {"from", "to", "at", "known_at", "effective_at", "since", "until"}
    assert others | periods == {name for _, name in instants}
    for one, name, _ in asked:
        for text in (NUL, "\x01", "\u2028"):
            response = await ask(operator, one, one.url(query={name: text}))
            assert_problem(response, 422, "request_invalid", parameter=name)
        for text in ("²", "x" * 5_000, "\U0010ffff", "-1", "9" * 40, ""):
            response = await ask(operator, one, one.url(path=known, query={name: text}))
            assert response.status_code < SERVER_BROKE, (one.name, name, text[:20], response.text)
            is_of_path = response.json().get("parameter") in {None, *one.path}
            assert is_of_path or name in places(response), (one.name, name, text[:20], response.text)
    for one, name in instants:
        for instant in (*OUT_OF_RANGE, "1e30", "253402300799", "0.5", "1"):
            response = await ask(operator, one, one.url(query={name: instant}))
            assert response.status_code == 422, (one.name, name, instant, response.text)
            assert response.json()["parameter"] == name, (one.name, response.text)
        naive = await ask(operator, one, one.url(path=known, query={name: "2026-03-01T12:00:00"}))
        assert (naive.status_code, naive.json()["parameter"]) == (422, name), (one.name, naive.text)


async def test_a_list_is_not_continued_at_a_place_that_no_page_of_ours_names(
    operator: Caller, drawn: list[Drawn], known: dict[str, str]
) -> None:
    """A cursor is a text of ours with a text inside, which a stranger may have put there."""
    lists = [one for one in drawn if "cursor" in one.query]
    assert len(lists) > 20
    for one in lists:
        for place in NO_PLACES:
            response = await ask(operator, one, one.url(path=known, query={"cursor": cursor_of(place)}))
            assert response.status_code < SERVER_BROKE, (one.name, place, response.text)
        refused = await ask(operator, one, one.url(path=known, query={"cursor": cursor_of(NUL)}))
        assert_problem(refused, 422, "cursor_invalid", parameter="cursor")


async def test_any_other_text_is_at_most_refused(operator: Caller, drawn: list[Drawn], known: dict[str, str]) -> None:
    """What is no id, unprintable or without end is the caller's to mend, and never breaks anything.

    The last of all, since what is well-formed ends and closes things.
    """
    for one, body, leaf in texts(drawn):
        for text in ("no id", "\x01\x7f", "\u2028\u202e", "\ufffe\U0010ffff", "x" * 5_000, "", "²", "cmp_1", "%00"):
            response = await ask(operator, one, one.url(path=known), changed(body, leaf.place, text))
            assert response.status_code < SERVER_BROKE, (one.name, leaf, text[:20], response.text)
