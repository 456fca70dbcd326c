"""Purchases line by line over REST: recorded while they come, counted at the end, each once (I7)."""

from collections.abc import AsyncIterator, Sequence

import httpx
import msgspec
import pytest

from cashback.purchases.http import stream
from cashback.purchases.service import bulk
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/purchases/stream"


async def streamed(
    caller: Caller, lines: Sequence[object], *, key: str, kind: str = "application/x-ndjson"
) -> httpx.Response:
    """Return the answer to lines, each a document or bytes as they are."""
    body = b"\n".join(line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines)
    return await caller.post(PATH, body, key=key, headers={"Content-Type": kind})


def counts(response: httpx.Response) -> tuple[int, int, int]:
    """Return how many were recorded, replayed and refused."""
    assert response.status_code == 201, response.text
    answer = response.json()
    return answer["recorded"], answer["replayed"], answer["refused"]


@pytest.mark.invariant("I7")
async def test_each_line_is_recorded_once_and_harms_no_other(rest: Rest, operator: Caller) -> None:
    """What is refused is told with its line and the place in it; the same lines again are replays (I7)."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    lines = [
        a_purchase(user, merchant, reference="A-1"),
        b'{"amount_minor":1e999, oops',
        b"",
        a_purchase("usr_1", merchant),
        {**a_purchase(user, merchant), "amount_minor": 1},
        a_purchase(user, merchant, reference="A-1"),
        a_purchase(user),
        a_purchase(user, merchant, occurred_at="9999-12-31T23:59:59-05:00"),
        a_purchase(user, merchant, reference="A-2"),
        b"\r",
    ]
    key = new_key()
    first = await streamed(operator, lines, key=key)
    assert counts(first) == (2, 0, 6)
    told = [(one["line"], one["problem"]["code"], one["problem"].get("pointer")) for one in first.json()["problems"]]
    assert told == [
        (2, "json_malformed", None),
        (4, "user_unknown", "/user_id"),
        (5, "request_invalid", "/amount_minor"),
        (6, "purchase_exists", "/reference"),
        (7, "field_invalid", "/merchant_id"),
        (8, "request_invalid", "/occurred_at"),
    ]
    before = await rest.stored()
    again = await streamed(operator, lines, key=key)
    assert (counts(again), again.headers["idempotency-replayed"]) == ((0, 2, 6), "true")
    moved = await streamed(operator, lines[-2:], key=key)
    assert [one["problem"]["code"] for one in moved.json()["problems"]] == ["idempotency_key_reused"]
    alone = await operator.post("/v1/purchases", lines[0], key=key)
    assert_problem(alone, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert await rest.stored() == before


async def test_a_stream_is_for_its_callers_own_merchant(rest: Rest) -> None:
    """Which need not be named; a line that names another one is refused."""
    user, shop, other = await rest.world.user(), await rest.world.merchant(), await rest.world.merchant()
    merchant = await rest.merchant(shop)
    answer = await streamed(merchant, [a_purchase(user), a_purchase(user, other)], key=new_key())
    assert counts(answer) == (1, 0, 1)
    assert [one["problem"]["code"] for one in answer.json()["problems"]] == ["not_yours"]


@pytest.mark.invariant("I7")
async def test_a_stream_that_is_too_long_is_cut_off_and_may_be_sent_on(
    rest: Rest, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413 once the bound is passed: whole batches before it are recorded, and replayed by the next (I7)."""
    bounds = msgspec.structs.replace(stream.BOUNDS, lines_max=12, batch_max=5)
    monkeypatch.setattr(stream, "BOUNDS", bounds)
    user, merchant = await rest.world.user(), await rest.world.merchant()
    lines = [a_purchase(user, merchant, reference=f"A-{number}") for number in range(13)]
    key = new_key()
    first = await streamed(operator, lines, key=key)
    assert_problem(first, 413, "body_too_large")
    longer = await streamed(operator, lines[:12], key=key)
    assert counts(longer) == (2, 10, 0)
    assert "idempotency-replayed" not in {**first.headers, **longer.headers}


async def test_only_lines_are_a_stream(rest: Rest, operator: Caller) -> None:
    """415 for whatever else, and nothing is stored; no line at all is a stream of none."""
    before = await rest.stored()
    for kind in ("application/json", "application/x-ndjson; charset=latin1"):
        refused = await streamed(operator, [b"{}"], key="k", kind=kind)
        assert_problem(refused, 415, "media_type_unsupported")
    assert await rest.stored() == before
    assert counts(await streamed(operator, [], key=new_key())) == (0, 0, 0)


async def test_the_first_thousand_problems_are_told_and_all_are_counted(operator: Caller) -> None:
    """A file of another kind is answered with no more than that."""
    answer = await streamed(operator, [b"x"] * 2_500, key=new_key())
    assert counts(answer) == (0, 0, 2_500)
    assert [one["line"] for one in answer.json()["problems"]] == list(range(1, 1_001))


async def test_a_stream_records_nothing_more_once_its_key_is_revoked(
    rest: Rest, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409, and what came before is recorded: a stream that goes on for minutes outlives no key."""
    monkeypatch.setattr(stream, "BOUNDS", msgspec.structs.replace(stream.BOUNDS, batch_max=1))
    user, merchant = await rest.world.user(), await rest.world.merchant()
    caller = await rest.merchant(merchant)

    async def lines() -> AsyncIterator[bytes]:
        """Send a line, have the key revoked, and send another one."""
        yield msgspec.json.encode(a_purchase(user)) + b"\n"
        assert (await operator.post(f"/v1/api-keys/{caller.key_id}/revoke", {})).status_code == 201
        yield msgspec.json.encode(a_purchase(user)) + b"\n"

    headers = {"Idempotency-Key": new_key(), "Content-Type": "application/x-ndjson"}
    assert_problem(await caller.ask("POST", PATH, content=lines(), headers=headers), 409, "api_key_ended")
    query = "select count(*) from purchases.purchases where merchant_id = %s"
    assert await rest.world.one(query, merchant.id) == 1


async def test_few_streams_are_under_way_at_a_time(operator: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 for one more, which may come again."""
    monkeypatch.setattr(bulk, "SEATS_MAX", 0)
    assert_problem(await streamed(operator, [b"x"], key=new_key()), 503, "overloaded")
