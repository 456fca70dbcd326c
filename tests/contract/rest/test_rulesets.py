"""Rulesets over REST, from the first draft to the version in force, and all that is refused on the way."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.ledger.model.drafts import DRAFTS_MAX
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, buy, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def programme(rest: Rest, world: World) -> str:
    """Give a programme with a campaign and, since its start, version 1."""
    world.clock.advance(START - world.clock.now())
    await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")
    return (await world.programme()).id


async def document(world: World, programme: str, *, rate: int = 200, **changes: object) -> dict[str, Any]:
    """Return a ruleset of one percentage, paid by the programme's campaign."""
    campaign = await world.one("select id from ledger.campaigns where programme_id = %s", programme)
    rule = {"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": rate}}
    return {"rules": [{**rule, **changes}]}


async def drafted(operator: Caller, programme: str, rules: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a new draft."""
    body = {"programme_id": programme, "name": "Summer", "document": rules}
    response = await operator.post("/v1/ruleset-drafts", body)
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def published(operator: Caller, draft: dict[str, Any], **window: object) -> Any:  # noqa: ANN401  # an answer
    """Return the response to publishing a draft as it was last seen."""
    headers = {"If-Match": f'"{draft["revision"]}"'}
    return await operator.post(f"/v1/ruleset-drafts/{draft['id']}/publish", window, headers=headers)


def later(days: int) -> str:
    """Return an instant so many days after the start of the test's time."""
    return (START + timedelta(days=days)).isoformat()


async def in_force(operator: Caller, programme: str, days: int) -> int:
    """Return the number of the version that is in force after so many days, 0 for none."""
    response = await operator.get(f"/v1/programmes/{programme}/ruleset", params={"at": later(days)})
    return 0 if response.status_code == 404 else int(response.json()["version"])


async def test_a_draft_is_changed_linted_compared_published_and_then_in_force(
    operator: Caller, world: World, programme: str
) -> None:
    """Each step as an operator takes it; the version before ends where the new one begins."""
    draft = await drafted(operator, programme, await document(world, programme, rate=1))
    path = f"/v1/ruleset-drafts/{draft['id']}"
    shown = await operator.get(path)
    assert shown.headers["etag"] == '"1"'
    better = await document(world, programme, rate=300)
    changed = await operator.post(path, {"document": better}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["revision"]) == (201, 2)
    assert (await operator.get(path)).json()["document"] == better
    linted = await operator.post(f"{path}/lint", {})
    assert linted.json()["is_publishable"] is True
    assert [one["code"] for one in linted.json()["findings"]] == ["grant_unbounded"]
    [first] = (await operator.get(f"/v1/programmes/{programme}/rulesets")).json()["items"]
    compared = await operator.get("/v1/ruleset-diff", params={"before": first["id"], "after": draft["id"]})
    assert compared.json()["changes"] == [
        {
            "kind": "changed",
            "pointer": "/rules/0/earns/rate_bps",
            "words": "rule base: earns: rate_bps was 150 and becomes 300",
            "before": 150,
            "after": 300,
        }
    ]
    made = await published(operator, changed.json(), starts_at=later(10))
    assert (made.status_code, made.json()["version"], made.json()["ends_at"]) == (201, 2, None)
    assert [await in_force(operator, programme, days) for days in (0, 9, 10, 1000)] == [1, 1, 2, 2]
    story = (await operator.get(f"/v1/rulesets/{made.json()['id']}")).json()
    assert (story["document"], story["digest"]) == (better, made.json()["digest"])
    listed = (await operator.get(f"/v1/programmes/{programme}/rulesets", params={"limit": 1})).json()
    assert [item["version"] for item in listed["items"]] == [2]
    following = {"limit": 1, "cursor": listed["next_cursor"]}
    again = (await operator.get(f"/v1/programmes/{programme}/rulesets", params=following)).json()
    assert ([item["version"] for item in again["items"]], again["next_cursor"]) == ([1], None)
    drafts = (await operator.get(f"/v1/programmes/{programme}/drafts")).json()["items"]
    assert [item["ruleset_id"] for item in drafts] == [made.json()["id"]]


@pytest.mark.invariant("I7")
async def test_each_step_repeated_under_its_key_happens_once(operator: Caller, world: World, programme: str) -> None:
    """The same bytes again, marked; a change is not lost to a second look at its revision."""
    body = {"programme_id": programme, "name": "Once", "document": await document(world, programme)}
    key = new_key()
    made, repeat = [await operator.post("/v1/ruleset-drafts", body, key=key) for _ in range(2)]
    assert (repeat.content, repeat.headers["idempotency-replayed"]) == (made.content, "true")
    path, seen = f"/v1/ruleset-drafts/{made.json()['id']}/publish", {"If-Match": '"1"'}
    key = new_key()
    first, second = [await operator.post(path, {"starts_at": later(5)}, key=key, headers=seen) for _ in range(2)]
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert await world.one("select count(*) from ledger.rulesets where programme_id = %s", programme) == 2


async def test_who_changes_what_another_has_changed_is_told(operator: Caller, world: World, programme: str) -> None:
    """412 by the revision; without one 428, which says what to send."""
    draft = await drafted(operator, programme, await document(world, programme))
    path, rules = f"/v1/ruleset-drafts/{draft['id']}", await document(world, programme, rate=5)
    assert (await operator.post(path, {"document": rules}, headers={"If-Match": '"1"'})).status_code == 201
    late = await operator.post(path, {"document": rules}, headers={"If-Match": '"1"'})
    assert_problem(late, 412, "draft_outdated", parameter="If-Match")
    assert_problem(await published(operator, draft), 412, "draft_outdated", parameter="If-Match")
    for blind in (path, f"{path}/publish"):
        body = {"document": rules} if blind == path else {}
        assert_problem(await operator.post(blind, body), 428, "precondition_required", parameter="If-Match")


async def test_a_draft_that_is_closed_changes_no_more(operator: Caller, world: World, programme: str) -> None:
    """Discarded or published, it can be read and nothing else."""
    rules = await document(world, programme)
    draft = await drafted(operator, programme, rules)
    path = f"/v1/ruleset-drafts/{draft['id']}"
    gone = await operator.post(f"{path}/discard", {"reason": "a typo"})
    assert (gone.status_code, gone.json()["discarded_at"]) == (201, "2026-03-01T12:00:00Z")
    for response in (
        await operator.post(path, {"document": rules}, headers={"If-Match": '"2"'}),
        await operator.post(f"{path}/discard", {"reason": "again"}),
        await published(operator, gone.json()),
    ):
        assert_problem(response, 409, "draft_closed", parameter="draft_id")
    assert (await operator.get(path)).status_code == 200


@pytest.mark.parametrize(
    "window,status,code,pointer",
    [
        pytest.param({"starts_at": later(-1)}, 422, "window_in_past", "/starts_at", id="past"),
        pytest.param({"ends_at": later(0)}, 422, "window_empty", "/ends_at", id="ends-at-its-start"),
        pytest.param({"starts_at": later(3), "ends_at": later(2)}, 422, "window_empty", "/ends_at", id="backwards"),
        pytest.param({"starts_at": "2026-04-01T00:00:00"}, 422, "window_empty", "/starts_at", id="no-offset"),
        pytest.param({"starts_at": later(11)}, 409, "window_overlaps", "/starts_at", id="inside-another"),
        pytest.param({"starts_at": later(25)}, 409, "window_overlaps", "/ends_at", id="runs-into-another"),
        pytest.param({"starts_at": later(10), "ends_at": later(12)}, 409, "window_overlaps", "/starts_at", id="same"),
    ],
)
async def test_a_window_that_cannot_be_is_refused_and_nothing_is_half_applied(  # a table's columns
    operator: Caller, world: World, programme: str, window: dict[str, str], status: int, code: str, pointer: str
) -> None:
    """Beside versions in [10, 20) and [30, 40): the draft stays open, and every window stays as it was."""
    rules = await document(world, programme)
    for start in (10, 30):
        staged = await drafted(operator, programme, rules)
        made = await published(operator, staged, starts_at=later(start), ends_at=later(start + 10))
        assert made.status_code == 201
    before = await world.rows("select id, starts_at, ends_at from ledger.rulesets order by id")
    draft = await drafted(operator, programme, rules)
    assert_problem(await published(operator, draft, **window), status, code, pointer=pointer)
    assert await world.rows("select id, starts_at, ends_at from ledger.rulesets order by id") == before
    assert (await published(operator, draft, starts_at=later(20), ends_at=later(30))).status_code == 201


async def test_a_ruleset_that_contradicts_itself_is_drafted_and_not_published(
    operator: Caller, world: World, programme: str
) -> None:
    """Lint tells all of it, publishing the first, at its place in the document."""
    draft = await drafted(operator, programme, await document(world, programme, at_most="0", campaign="cmp_1"))
    linted = (await operator.post(f"/v1/ruleset-drafts/{draft['id']}/lint", {})).json()
    assert not linted["is_publishable"]
    assert [one["pointer"] for one in linted["findings"]] == ["/rules/0/campaign", "/rules/0/at_most"]
    refused = await published(operator, draft)
    assert_problem(refused, 422, "ruleset_invalid", pointer="/rules/0/campaign")
    assert [one["code"] for one in refused.json()["problems"]] == ["campaign_unknown", "amount_zero"]
    assert await in_force(operator, programme, 1) == 1


async def test_what_is_no_ruleset_is_not_even_drafted(operator: Caller, world: World, programme: str) -> None:
    """With a pointer from the root of the body; so is a draft of a programme that there is not."""
    rules = await document(world, programme, earns={"kind": "percent", "rate_bps": 0})
    body = {"programme_id": programme, "name": "x", "document": rules}
    refused = await operator.post("/v1/ruleset-drafts", body)
    assert_problem(refused, 422, "request_invalid", pointer="/document/rules/0/earns/rate_bps")
    body |= {"programme_id": new_id("prg"), "document": await document(world, programme)}
    refused = await operator.post("/v1/ruleset-drafts", body)
    assert_problem(refused, 404, "programme_unknown", pointer="/programme_id")


async def test_a_staged_version_is_withdrawn_and_what_it_had_closed_goes_on(
    operator: Caller, world: World, programme: str
) -> None:
    """Append-only: the version stays and is marked, and the rules before it are published once more from its start."""
    draft = await drafted(operator, programme, await document(world, programme, rate=900))
    staged = (await published(operator, draft, starts_at=later(10))).json()
    path = f"/v1/rulesets/{staged['id']}/withdraw"
    told = await operator.post(path, {"reason": "called off"})
    assert told.status_code == 201
    assert told.json()["withdrawn"]["withdrawn_at"] == "2026-03-01T12:00:00Z"
    assert told.json()["continued_by"]["version"] == 3
    assert [await in_force(operator, programme, days) for days in (9, 10, 99)] == [1, 3, 3]
    first, third = [
        (await operator.get(f"/v1/programmes/{programme}/ruleset", params={"at": later(days)})).json()
        for days in (0, 10)
    ]
    assert (first["document"], first["digest"]) == (third["document"], third["digest"])
    assert_problem(await operator.post(path, {"reason": "again"}), 409, "ruleset_started", parameter="ruleset_id")


async def test_a_version_that_has_started_stays(operator: Caller, world: World, programme: str) -> None:
    """Decisions may rest on it."""
    draft = await drafted(operator, programme, await document(world, programme))
    world.clock.advance(timedelta(hours=1))
    made = (await published(operator, draft)).json()
    refused = await operator.post(f"/v1/rulesets/{made['id']}/withdraw", {"reason": "too late"})
    assert_problem(refused, 409, "ruleset_started", parameter="ruleset_id")
    assert [await in_force(operator, programme, days) for days in (0, 1)] == [1, 2]


async def test_two_operators_who_publish_at_the_same_time_get_windows_apart(
    operator: Caller, world: World, programme: str
) -> None:
    """One of them is refused with a code, and never by a broken constraint."""
    rules = await document(world, programme)
    drafts = [await drafted(operator, programme, rules) for _ in range(4)]
    responses = await asyncio.gather(
        *[published(operator, draft, starts_at=later(10), ends_at=later(20)) for draft in drafts]
    )
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]


async def test_open_drafts_are_bounded(operator: Caller, world: World, programme: str) -> None:
    """Nobody fills the database by accident; those that are closed do not count."""
    await world.rows(
        "insert into ledger.ruleset_drafts (id, programme_id, name, document, created_at, changed_at)"
        " select 'drf_' || place, %s, 'x', '{}', now(), now() from generate_series(1, %s) as place",
        programme,
        DRAFTS_MAX,
    )
    body = {"programme_id": programme, "name": "x", "document": await document(world, programme)}
    refused = await operator.post("/v1/ruleset-drafts", body)
    assert_problem(refused, 409, "drafts_too_many", pointer="/programme_id")
    await world.rows("update ledger.ruleset_drafts set discarded_at = now() where id = 'drf_1'")
    assert (await operator.post("/v1/ruleset-drafts", body)).status_code == 201


async def test_what_there_is_not_is_not_found(operator: Caller, programme: str) -> None:
    """Drafts, versions, and what is in force where nothing is: in a programme that has started without rules."""
    started = await operator.post("/v1/programmes", {"name": new_key(), "currency": "EUR"})
    assert (started.status_code, started.json()["id"] != programme) == (201, True), started.text
    diff = f"/v1/ruleset-diff?before={new_id('drf')}&after=x"
    for path, place in ((f"/v1/ruleset-drafts/{new_id('drf')}", "draft_id"), (diff, "before")):
        assert_problem(await operator.get(path), 404, "draft_unknown", parameter=place)
    in_force = f"/v1/programmes/{started.json()['id']}/ruleset"
    for path, place in ((f"/v1/rulesets/{new_id('rul')}", "ruleset_id"), (f"{in_force}?at=2026-04-01T00:00:00Z", "at")):
        assert_problem(await operator.get(path), 404, "ruleset_unknown", parameter=place)
    refused = await operator.get(in_force)
    assert_problem(refused, 422, "request_invalid", parameter="at")
    assert refused.json()["detail"] == "the parameter at is required"


async def test_a_merchant_has_no_part_in_rulesets(rest: Rest, world: World, programme: str) -> None:
    """403, whatever is asked."""
    keeper = await rest.merchant(await world.merchant())
    rules = await document(world, programme)
    body = {"programme_id": programme, "name": "x", "document": rules}
    assert_problem(await keeper.post("/v1/ruleset-drafts", body), 403, "operator_only")
    assert_problem(await keeper.get(f"/v1/programmes/{programme}/rulesets"), 403, "operator_only")


async def test_a_draft_is_tried_on_what_was_bought(operator: Caller, world: World, programme: str) -> None:
    """Twice the percentage costs the same again; what cannot be tried is refused with its place."""
    draft = await drafted(operator, programme, await document(world, programme, rate=300))
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(3)])
    path = f"/v1/rulesets/{draft['id']}/backtests"
    told = await operator.post(path, {"until": later(1)})
    assert told.status_code == 201, told.text
    story = told.json()
    assert (story["purchases"], story["recorded_minor"], story["draft_minor"]) == (3, "450", "900")
    assert story["by_user"] == {"gain": 1, "lose": 0, "stay": 0}
    assert [change["difference_minor"] for change in story["largest_rises"]] == ["150"] * 3
    reversed_window = await operator.post(path, {"since": later(1), "until": later(0)})
    assert_problem(reversed_window, 422, "backtest_invalid", pointer="/until")
    unknown = await operator.post(f"/v1/rulesets/{new_id('drf')}/backtests", {})
    assert_problem(unknown, 404, "draft_unknown", parameter="ruleset_id")
