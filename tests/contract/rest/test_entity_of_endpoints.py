"""Endpoints as they are edited over REST: to where a new one might be, by whose they are, and whatever has failed."""

from typing import Any

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.edits import ENDPOINTS, OTHER_TAG, edit, tag_at, things_of
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def things(rest: Rest, operator: Caller) -> dict[str, str]:
    """Give new ones, so that tests know nothing of each other."""
    return await things_of(rest, operator)


async def test_an_endpoint_that_fails_is_another_answer_and_the_same_edition(
    rest: Rest, operator: Caller, things: dict[str, str]
) -> None:
    """Just then its address is to be mended; at another one it has not failed. That it was disabled is news to all."""
    path = things["webhooks"]
    id_, seen = path.rsplit("/", 1)[1], await tag_at(operator, path)
    await rest.world.rows("update webhooks.endpoints set failing_since = now() where id = %s returning 1", id_)
    failing = await operator.get(path, headers={"If-None-Match": seen})
    assert (failing.status_code, failing.json()["failing_since"] is None) == (200, False)
    types = await edit(operator, path, {"types": ["purchase.refunded"]}, seen)
    assert (types.status_code, types.json()["failing_since"]) == (201, failing.json()["failing_since"])
    moved = await edit(operator, path, {"url": "https://shop.example/v2"}, await tag_at(operator, path))
    assert (moved.status_code, moved.json()["failing_since"]) == (201, None)
    assert (await operator.get(path)).json() == moved.json()
    seen = await tag_at(operator, path)
    gone = "update webhooks.endpoints set state = 'disabled', disabled_reason = 'gone' where id = %s returning 1"
    await rest.world.rows(gone, id_)
    late = await edit(operator, path, {"url": "https://shop.example/v3"}, seen)
    assert_problem(late, 412, "endpoint_outdated", parameter="If-Match")
    lines = "select what, detail, done_by from webhooks.endpoint_journal where endpoint_id = %s and what = 'changed'"
    by = operator.key_id
    assert await rest.world.rows(lines, id_) == [("changed", "types", by), ("changed", "url", by)]


async def test_an_edit_that_changes_nothing_leaves_no_line(
    rest: Rest, operator: Caller, things: dict[str, str]
) -> None:
    """It is answered as any."""
    path = things["webhooks"]
    told = (await operator.get(path)).json()
    same: list[dict[str, Any]] = [{}, {"url": told["url"], "types": told["types"]}]
    for body in same:
        done = await edit(operator, path, body, await tag_at(operator, path))
        assert (done.status_code, done.json()) == (201, told)
    lines = "select what from webhooks.endpoint_journal where endpoint_id = %s"
    assert await rest.world.rows(lines, told["id"]) == [("created",)]


async def test_a_changed_url_is_judged_as_a_new_one(rest: Rest, operator: Caller, things: dict[str, str]) -> None:
    """API7:2023: nothing near to us, whatever was there before; nor types that there are not."""
    path = things["webhooks"]
    seen, before = await tag_at(operator, path), await rest.stored()
    for url in (
        "http://shop.example/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.0.0.1/",
        "https://shop.example@10.0.0.1/",
        "ftp://shop.example/",
        "https://",
    ):
        refused = await edit(operator, path, {"url": url}, seen)
        assert_problem(refused, 422, "url_forbidden", pointer="/url")
    for types, pointer in ((["token.lost"], "/types/0"), (["token.minted", "token.minted"], "/types")):
        refused = await edit(operator, path, {"types": types}, seen)
        assert_problem(refused, 422, "event_types_invalid", pointer=pointer)
    assert_problem(await edit(operator, path, {"types": []}, seen), 422, "request_invalid", pointer="/types")
    both = await edit(operator, path, {"url": "https://10.0.0.1/", "types": ["token.lost"]}, seen)
    assert [one["pointer"] for one in both.json()["errors"]] == ["/url", "/types/0"]
    assert (await rest.stored(), await tag_at(operator, path)) == (before, seen)


async def test_a_merchant_edits_its_own_endpoints_and_nothing_else(rest: Rest, operator: Caller) -> None:
    """Another's are not there, in the words of what never was; its own name is the operator's to change."""
    shop, rival = await rest.world.merchant(), await rest.merchant(await rest.world.merchant())
    keeper = await rest.merchant(shop)
    made = await keeper.post(ENDPOINTS, {"url": "https://shop.example/", "types": ["token.minted"]})
    path = f"{ENDPOINTS}/{made.json()['id']}"
    seen, change = await tag_at(keeper, path), {"url": "https://shop.example/v2"}
    for hidden in (path, f"{ENDPOINTS}/{new_id('whe')}"):
        assert_problem(await edit(rival, hidden, change, seen), 404, "endpoint_unknown", parameter="endpoint_id")
    assert (await edit(keeper, path, change, seen)).json()["url"] == change["url"]
    itself = f"/v1/merchants/{shop.id}"
    for caller, asked, code in (
        (keeper, itself, "operator_only"),
        (keeper, f"/v1/users/{new_id('usr')}", "operator_only"),
        (operator, f"/v1/merchants/{new_id('mer')}", "merchant_unknown"),
        (operator, f"/v1/users/{new_id('usr')}", "user_unknown"),
    ):
        body = {"name": "x"} if "merchants" in asked else {"reference": "x"}
        refused = await edit(caller, asked, body, OTHER_TAG)
        place = None if code == "operator_only" else asked.split("/")[2][:-1] + "_id"
        assert_problem(refused, 403 if place is None else 404, code, parameter=place)
