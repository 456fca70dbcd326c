"""The access log: a line for every answer, with ids and figures, and nothing that a caller wrote."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.clock import SystemClock
from cashback.kernel.http import AccessLog
from cashback.kernel.ids import new_id
from tests.contract.rest.served import serving
from tests.contract.rest.world import UNGUARDED, Caller, Rest, a_purchase
from tests.integration.ledger.world import Dsns, World, new_key

MARKER = "Marker-of-a-person"


class Listened:
    """An API and the lines of its access log."""

    def __init__(self, rest: Rest, lines: list[str]) -> None:
        """Listen to `rest`, whose lines come into `lines`."""
        self.rest = rest
        self.lines = lines

    def last(self) -> dict[str, Any]:
        """Return the last line."""
        line: dict[str, Any] = json.loads(self.lines[-1])
        return line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listened(rest: Rest, world: World) -> Listened:
    """Give the API with an access log."""
    lines: list[str] = []
    access = AccessLog(lines.append, process="api", clock=SystemClock())
    guards = msgspec.structs.replace(UNGUARDED, access=access)
    return Listened(Rest(world, rest.adapter, guards=guards), lines)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(listened: Listened) -> Caller:
    """Give an operator."""
    return await listened.rest.operator()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_line_tells_who_asked_for_which_route_and_what_came_of_it(listened: Listened, caller: Caller) -> None:
    """By ids; with the trace that the answer named, how long it took and how much went to and fro."""
    user = await listened.rest.world.user()
    response = await caller.get(f"/v1/users/{user.id}")
    line = listened.last()
    assert line.pop("timestamp").endswith("Z")
    assert 0 < line.pop("ms") < 10_000
    assert line == {
        "event": "request.answered",
        "level": "info",
        "process": "api",
        "trace_id": response.headers["traceparent"].split("-")[1],
        "method": "GET",
        "route": "/v1/users/{user_id}",
        "status": 200,
        "bytes_out": len(response.content),
        "path": {"user_id": user.id},
        "key_id": caller.key_id,
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_a_line_of_a_merchant_names_it_and_one_of_a_problem_its_code(listened: Listened) -> None:
    """So both can be counted without any other source."""
    merchant = await listened.rest.world.merchant()
    shop = await listened.rest.merchant(merchant)
    response = await shop.post("/v1/purchases", a_purchase(new_id("usr"), amount_minor="0"))
    line = listened.last()
    assert (line["status"], line["code"]) == (response.status_code, response.json()["code"])
    assert (line["key_id"], line["merchant_id"]) == (shop.key_id, merchant.id)
    assert (line["bytes_in"], line["bytes_out"]) == (len(response.request.content), len(response.content))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_line_is_written_for_who_is_not_let_in_and_for_head(listened: Listened, caller: Caller) -> None:
    """Without a key nobody is named; HEAD has the route of GET, and no bytes."""
    await listened.rest.nobody.get("/v1/programmes/current")
    line = listened.last()
    assert (line["status"], line["code"], line["route"]) == (401, "api_key_invalid", "")
    assert "key_id" not in line
    await caller.http.request("HEAD", "/v1/programmes/current")
    line = listened.last()
    assert (line["method"], line["route"], line["bytes_out"]) == ("HEAD", "/v1/programmes/current", 0)
    assert line["key_id"] == caller.key_id


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_that_a_caller_wrote_is_in_a_line(listened: Listened, caller: Caller) -> None:
    """Not a reference, reason, query, header, unknown path, nor what stands where an id belongs."""
    before = len(listened.lines)
    world, headers = listened.rest.world, {"User-Agent": MARKER, "Referer": MARKER, "X-Forwarded-For": MARKER}
    user, merchant = await world.user(), await world.merchant()
    await caller.post("/v1/users", {"reference": MARKER}, key=MARKER, headers=headers)
    await caller.post("/v1/users", {"wallet": MARKER}, headers=headers)
    await caller.post("/v1/purchases", a_purchase(user, merchant, reference=MARKER), headers=headers)
    await caller.post(f"/v1/users/{user.id}/block", {"person": MARKER, "reason": MARKER}, headers=headers)
    await caller.http.request("DELETE", f"/v1/{MARKER}?q={MARKER}", headers=headers)
    for path in (f"/v1/users/{MARKER}", f"/v1/users/{user.id}?{MARKER}={MARKER}", f"/{MARKER}"):
        await caller.http.get(path, headers=headers)
    await listened.rest.caller(MARKER).get("/v1/programmes/current", headers=headers)
    assert len(listened.lines) - before == 9
    for line in listened.lines[before:]:
        assert MARKER not in line
        assert caller.secret not in line


def test_a_process_writes_it_to_standard_error_unless_told_otherwise(dsns: Dsns, tmp_path_factory: Any) -> None:  # noqa: ANN401  # pytest's own
    """One whole line of JSON for each; with CASHBACK_ACCESS_LOG=false, or at the level of warnings, none."""
    for settings, lines in (({}, 1), ({"CASHBACK_ACCESS_LOG": "false"}, 0), ({"CASHBACK_LOG_LEVEL": "warning"}, 0)):
        with serving(dsns, tmp_path_factory.mktemp("api"), **settings) as served:
            key = f"Idempotency-Key: {new_key()}"
            asyncio.run(served.say(served.head("Content-Length: 2", key, method="POST", path="/v1/users"), b"{}"))
            served.process.stop()
            told = [json.loads(line) for line in served.log.read_text().splitlines()]
        found = [line for line in told if line["event"] == "request.answered" and line["method"] == "POST"]
        assert [(line["status"], line["route"]) for line in found] == [(201, "/v1/users")] * lines
