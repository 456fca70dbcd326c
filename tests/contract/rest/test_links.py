"""What a command's answer leads to: by its `Location`, and by the links that the document has for it."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.contract.rest.chained import ENDED, FILLED, worked
from tests.contract.rest.done import Done, everything_done
from tests.contract.rest.golden import document
from tests.contract.rest.world import Caller, Rest

NAME: Final = re.compile(r"\{(\w+)\}")
BODY: Final = "$response.body#"
LINKS_MIN: Final = 40


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Give the document."""
    return document()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(rest: Rest, operator: Caller) -> dict[str, Done]:
    """Give every command that was done, by its operation's name."""
    return {one.operation: one for one in await everything_done(rest, operator)}


def operations(told: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return path, method and operation by the operation's name."""
    return {
        one["operationId"]: (path, method, one) for path, item in told["paths"].items() for method, one in item.items()
    }


def links(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each link with the operations that it leads from and to."""
    for name, (_, _, operation) in operations(told).items():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                yield name, link["operationId"], link


def makers(told: dict[str, Any]) -> set[str]:
    """Return the operations that tell where what they made is."""
    return {
        name
        for name, (_, _, operation) in operations(told).items()
        if "Location" in operation["responses"].get("201", {}).get("headers", {})
    }


def at(pointer: str, body: Any) -> Any:  # noqa: ANN401  # any JSON
    """Return what is at a place of an answer."""
    for step in pointer.split("/")[1:]:
        body = body[step]
    return body


def test_every_link_leads_to_an_operation_that_it_names_whole(told: dict[str, Any]) -> None:
    """All parts of the path are known by then, and nothing is told that the operation does not ask for."""
    known = operations(told)
    assert len(list(links(told))) >= LINKS_MIN
    for source, target, link in links(told):
        path, _, operation = known[target]
        asked = {one["name"] for one in operation.get("parameters", [])}
        assert set(NAME.findall(path)) <= set(link["parameters"]) <= asked, (source, target)


def test_whatever_makes_something_that_is_shown_leads_there(told: dict[str, Any]) -> None:
    """A new command `create...` is no exception, unless what it makes has no page of its own."""
    for source in makers(told):
        [shown] = [
            target for name, target, _ in links(told) if name == source and re.match("show(One)?[A-Z][a-z]+", target)
        ][:1]
        assert operations(told)[shown][1] == "get"
    creating = {name for name in operations(told) if name.startswith("create")}
    assert creating - makers(told) == {"createPurchases", "createWalletChallenge", "createWalletProof"}


def test_what_chains_say_beside_the_document_is_of_its_operations(told: dict[str, Any]) -> None:
    """A member that is called otherwise since would be refused from then on, and nothing would follow."""
    known = operations(told)
    for source, targets in FILLED.items():
        assert "201" in known[source][2]["responses"], source
        for target, body in targets.items():
            schema = known[target][2]["requestBody"]["content"]["application/json"]["schema"]
            names = [one["$ref"].rsplit("/")[-1] for one in schema.get("oneOf", [schema])]
            forms = [told["components"]["schemas"][name] for name in names]
            assert any(body.keys() <= form["properties"].keys() for form in forms), (source, target)
    nothing = dict.fromkeys(("user_id", "merchant_id", "programme_id", "campaign_id"), "")
    commands = {f"{method.upper()} {path}" for path, method, _ in known.values()}
    assert worked(**nothing, purchase_ids=[], shops=[]).keys() | ENDED.keys() <= commands
    anyhow = {NAME.sub("{id}", command) for command in commands}
    assert {f"POST {end['path']}" for end in ENDED.values()} <= anyhow


@pytest.mark.asyncio(loop_scope="module")
async def test_a_location_shows_what_was_made(told: dict[str, Any], done: dict[str, Done], operator: Caller) -> None:
    """By the very id; and a repeat of the command leads there as well."""
    made = makers(told) & done.keys()
    assert makers(told) - made == {"createCampaign", "publishDraft", "replayWebhookDelivery"}
    for name in made:
        answer = done[name].answer
        shown = await operator.get(answer.headers["location"])
        assert (shown.status_code, shown.json()["id"]) == (200, answer.json()["id"]), name
        again = await done[name].again(operator)
        assert (again.headers["idempotency-replayed"], again.headers["location"]) == (
            "true",
            answer.headers["location"],
        )
    assert [name for name, one in done.items() if name not in made and "location" in one.answer.headers] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_refused_leads_nowhere(operator: Caller) -> None:
    """Nothing was made."""
    refused = await operator.post("/v1/merchants", {"name": ""})
    assert (refused.status_code, "location" in refused.headers) == (422, False)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_link_is_a_question_that_has_an_answer(
    told: dict[str, Any], done: dict[str, Done], operator: Caller
) -> None:
    """At every place that a link leads to there is something to tell, if only that nothing is there yet."""
    asked = 0
    for source, target, link in links(told):
        path, method, operation = operations(told)[target]
        needs_more = any(one["in"] == "query" and one["required"] for one in operation.get("parameters", []))
        if source not in done or method != "get" or needs_more:
            continue
        for name, expression in link["parameters"].items():
            found = at(expression.removeprefix(BODY), done[source].answer.json())
            path = path.replace(f"{{{name}}}", str(found))
        answer = await operator.get(path)
        assert answer.status_code != 404, (source, target, answer.text)
        asked += 1
    assert asked >= LINKS_MIN / 2
