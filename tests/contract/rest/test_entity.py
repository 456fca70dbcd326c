"""Edits over REST: who has seen a thing as it is edits it, who comes second is told, and reads again."""

import asyncio
from typing import Final

import pytest
import pytest_asyncio

from tests.contract.rest.document import assert_problem
from tests.contract.rest.edits import EDITS, OTHER_TAG, OUTDATED, edit, tag_at, things_of
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key, wallet_number

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY: Final[dict[str, object]] = {"person": "alice", "reason": "of a test"}
IF_TOLD: Final[list[tuple[str, str, dict[str, object]]]] = [
    ("users", "tier", {"tier": "gold"}),
    ("users", "wallet", {"wallet": wallet_number(901)}),
    ("users", "block", WHY),
    ("users", "unblock", WHY),
    ("merchants", "facts", {"mcc": "5411"}),
    ("merchants", "deactivate", WHY),
    ("merchants", "activate", WHY),
    ("webhooks", "disable", {}),
    ("webhooks", "enable", {}),
    ("ruleset-drafts", "discard", {"reason": "of a test"}),
]
"""What looks at `If-Match` where it is told: of what, what, and how."""

_SHOWN: Final = '"3f0c2a9d51b7e846"'
"""A tag, as it is told of to people."""


@pytest_asyncio.fixture(loop_scope="module")
async def things(rest: Rest, operator: Caller) -> dict[str, str]:
    """Give new ones, so that tests know nothing of each other."""
    return await things_of(rest, operator)


@pytest.mark.parametrize("kind", EDITS)
async def test_of_two_who_edit_the_same_the_second_reads_and_repeats(
    operator: Caller, things: dict[str, str], kind: str
) -> None:
    """At the same time: one 201, one 412, and nothing of either is lost; under the same key in the end."""
    path, bodies, keys = things[kind], EDITS[kind], (new_key(), new_key())
    seen = await tag_at(operator, path)
    answers = await asyncio.gather(
        *[edit(operator, path, body, seen, key=key) for body, key in zip(bodies, keys, strict=True)]
    )
    assert sorted(answer.status_code for answer in answers) == [201, 412]
    [late] = [place for place, answer in enumerate(answers) if answer.status_code == 412]
    assert_problem(answers[late], 412, OUTDATED[kind], parameter="If-Match")
    first = answers[1 - late].json()
    assert first.items() >= bodies[1 - late].items()
    shown = await operator.get(path)
    assert shown.json() == first
    again = await edit(operator, path, bodies[late], shown.headers["etag"], key=keys[late])
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert again.json().items() >= bodies[late].items()
    assert (await operator.get(path)).json() == again.json()


@pytest.mark.invariant("I7")
@pytest.mark.parametrize("kind", EDITS)
async def test_a_repeat_is_answered_before_anybody_looks_at_what_it_has_seen(
    operator: Caller, things: dict[str, str], kind: str
) -> None:
    """It has outdated what it had seen itself, and somebody else has since: its answer is what it was (I7)."""
    path, (one, other), key = things[kind], EDITS[kind], new_key()
    seen = await tag_at(operator, path)
    first = await edit(operator, path, one, seen, key=key)
    assert first.status_code == 201, first.text
    after = await edit(operator, path, other, await tag_at(operator, path))
    for tag in (seen, OTHER_TAG, await tag_at(operator, path)):
        again = await edit(operator, path, one, tag, key=key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    assert (await operator.get(path)).json() == after.json()
    reused = await edit(operator, path, other, await tag_at(operator, path), key=key)
    assert_problem(reused, 422, "idempotency_key_reused", parameter="Idempotency-Key")


@pytest.mark.parametrize("kind", EDITS)
async def test_an_edit_names_the_one_tag_that_was_looked_at(
    rest: Rest, operator: Caller, things: dict[str, str], kind: str
) -> None:
    """Without one 428; with anything that is none, or with two, 422; each with its place, and nothing is stored."""
    path, body = things[kind], EDITS[kind][0]
    tag, before = await tag_at(operator, path), await rest.stored()
    wrong = ("*", f"W/{tag}", tag.strip('"'), f"{tag}, {tag}", '""', '"1"', tag[:-2] + '"', "")
    key = new_key()
    without = await operator.post(path, body, key=key)
    assert_problem(without, 428, "precondition_required", parameter="If-Match")
    assert "send the `ETag`" in without.json()["detail"]
    refused = [await edit(operator, path, body, one) for one in wrong]
    twice = [("Idempotency-Key", new_key()), ("If-Match", tag), ("If-Match", OTHER_TAG)]
    refused.append(await operator.ask("POST", path, json=body, headers=twice))
    for response in refused:
        assert_problem(response, 422, "request_invalid", parameter="If-Match")
        assert "regex" not in response.json()["detail"]
    told = (
        f"If-Match must be the one `ETag` of what is edited, as reading it told: in quotation marks, such as {_SHOWN}"
    )
    assert {response.json()["detail"] for response in refused[:-1]} == {told}
    assert_problem(await edit(operator, path, body, OTHER_TAG), 412, OUTDATED[kind], parameter="If-Match")
    assert await rest.stored() == before
    assert await tag_at(operator, path) == tag
    assert (await edit(operator, path, body, tag, key=key)).status_code == 201


@pytest.mark.parametrize("path", ["users", "merchants", "webhooks", "ruleset-drafts", "ruleset-drafts/publish"])
async def test_of_two_headers_that_are_missing_it_is_the_key_that_is_told(
    rest: Rest, operator: Caller, things: dict[str, str], path: str
) -> None:
    """In every process: the framework takes headers from a set, and names whichever it comes upon."""
    kind, _, action = path.partition("/")
    to = things[kind] + (action and f"/{action}")
    before = await rest.stored()
    body = EDITS[kind][0] if kind in EDITS else ({} if action else {"document": {}})
    for headers in ([], [("Idempotency-Key", new_key())]):
        refused = await operator.ask("POST", to, json=body, headers=headers)
        if headers:
            assert_problem(refused, 428, "precondition_required", parameter="If-Match")
        else:
            assert_problem(refused, 422, "idempotency_key_missing", parameter="Idempotency-Key")
    assert await rest.stored() == before


@pytest.mark.parametrize("kind", ["users", "merchants", "webhooks", "programmes", "campaigns", "ruleset-drafts"])
async def test_who_has_it_already_is_told_that_it_is_still_that(
    operator: Caller, things: dict[str, str], kind: str
) -> None:
    """304 without a body, by GET and by HEAD; whoever has something else is told the whole."""
    path = things[kind]
    shown = await operator.get(path)
    tag = shown.headers["etag"]
    for held in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            same = await operator.ask(method, path, headers={"If-None-Match": held})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), held
            assert "content-type" not in same.headers
            assert same.headers["cache-control"] == "no-store"
    for held in (OTHER_TAG, "nonsense", ""):
        whole = await operator.get(path, headers={"If-None-Match": held})
        assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, shown.content, tag)


@pytest.mark.parametrize("kind,verb,body", IF_TOLD)
async def test_what_was_set_before_looks_at_what_was_seen_if_anybody_says_so(
    rest: Rest, operator: Caller, things: dict[str, str], kind: str, verb: str, body: dict[str, object]
) -> None:
    """What was seen is no more: 412, and nothing is stored; as it is, or where nobody says: it is done."""
    path, key = things[kind], new_key()
    outdated = OTHER_TAG if kind != "ruleset-drafts" else '"7"'
    before, tag = await rest.stored(), await tag_at(operator, path)
    refused = await edit(operator, f"{path}/{verb}", body, outdated, key=key)
    assert_problem(refused, 412, OUTDATED[kind], parameter="If-Match")
    assert (await rest.stored(), await tag_at(operator, path)) == (before, tag)
    wrong = await edit(operator, f"{path}/{verb}", body, "*")
    assert_problem(wrong, 422, "request_invalid", parameter="If-Match")
    assert wrong.json()["detail"].startswith("If-Match must be the one `ETag` of what is edited")
    done = await edit(operator, f"{path}/{verb}", body, tag, key=key)
    assert done.status_code == 201, done.text
    again = await edit(operator, f"{path}/{verb}", body, outdated, key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (done.content, "true")
    if verb != "discard":
        assert (await operator.post(f"{path}/{verb}", body)).status_code == 201


async def test_what_is_earned_outdates_nobody(rest: Rest, operator: Caller, things: dict[str, str]) -> None:
    """A purchase moves a campaign's budget and no user or merchant."""
    ids = [things[kind].rsplit("/", 1)[1] for kind in ("users", "merchants")]
    before = {kind: await tag_at(operator, path) for kind, path in things.items()}
    bought = await operator.post("/v1/purchases", a_purchase(ids[0], merchant_id=ids[1]))
    assert bought.json()["cashback"]["reason"] == "granted", bought.text
    after = {kind: await tag_at(operator, path) for kind, path in things.items()}
    assert {kind for kind in before if before[kind] != after[kind]} == {"campaigns", "programmes"}


@pytest.mark.parametrize(
    "kind,body,pointer",
    [
        ("merchants", {"name": ""}, "/name"),
        ("merchants", {"name": "x" * 201}, "/name"),
        ("merchants", {"name": None}, "/name"),
        ("merchants", {}, "/name"),
        ("merchants", {"name": "Shop", "mcc": "5411"}, "/mcc"),
        ("users", {}, "/reference"),
        ("users", {"reference": ""}, "/reference"),
        ("users", {"reference": "a", "tier": "gold"}, "/tier"),
    ],
)
async def test_what_cannot_be_a_name_is_refused_with_its_place(
    operator: Caller, things: dict[str, str], kind: str, body: dict[str, object], pointer: str
) -> None:
    """And the thing is as it was."""
    path = things[kind]
    seen = await tag_at(operator, path)
    assert_problem(await edit(operator, path, body, seen), 422, "request_invalid", pointer=pointer)
    unprintable = {next(iter(EDITS[kind][0])): "a\u2028b"}
    told = await edit(operator, path, unprintable, seen)
    assert_problem(told, 422, "field_invalid", pointer=f"/{next(iter(unprintable))}")
    assert await tag_at(operator, path) == seen


async def test_a_reference_is_taken_away_and_found_by(operator: Caller, things: dict[str, str]) -> None:
    """By its new name alone; null is none."""
    path, reference = things["users"], f"of a test {new_key()}"
    named = (await edit(operator, path, {"reference": reference}, await tag_at(operator, path))).json()
    listed = (await operator.get("/v1/users", params={"reference": reference})).json()["items"]
    assert [one["id"] for one in listed] == [named["id"]]
    none = await edit(operator, path, {"reference": None}, await tag_at(operator, path))
    assert none.json()["reference"] is None
    assert (await operator.get("/v1/users", params={"reference": reference})).json()["items"] == []


async def test_when_a_reference_was_set_is_noted_as_its_command_has_it(
    rest: Rest, operator: Caller, things: dict[str, str]
) -> None:
    """By that instant the answers are found that told of it; a repeat and what was refused note nothing."""
    path, key = things["users"], new_key()
    seen = await tag_at(operator, path)
    for _ in range(2):
        assert (await edit(operator, path, {"reference": "alice"}, seen, key=key)).status_code == 201
    assert (await edit(operator, path, {"reference": "bob"}, seen)).status_code == 412
    noted = "select at from purchases.reference_changes where user_id = %s"
    done = "select created_at from purchases.idempotency_keys where key = %s and what = 'change_user'"
    times = await rest.world.rows(noted, path.rsplit("/", 1)[1])
    assert (len(times), times) == (1, await rest.world.rows(done, key))


async def test_an_instant_of_elsewhere_is_told_as_it_is_told_again(operator: Caller, things: dict[str, str]) -> None:
    """In UTC, in the answer to whoever set it as well."""
    path = things["users"]
    told = await operator.post(f"{path}/tier", {"tier": "gold", "since": "2026-01-01T02:00:00+02:00"})
    assert told.json()["tier_since"] == "2026-01-01T00:00:00Z"
    assert (await operator.get(path)).json() == told.json()
