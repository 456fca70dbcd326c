"""Sending calls: both clients send the same, hear the same, and try again as often."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import httpx
import pytest

from cashback.client import Answer, ApiProblem, AsyncClient, Call, Client, NoAnswer, Patience, Unchanged, Unsendable
from cashback.client.api import structs, users

USER: Final = {
    "id": "usr_1",
    "reference": "alice",
    "wallet": None,
    "is_blocked": False,
    "created_at": "2026-11-28T00:00:00Z",
}
CALL: Final = users.create_user(structs.UserBody(reference="alice"), idempotency_key="key-1")
Sender: TypeAlias = Callable[..., Awaitable[Answer[Any]]]
"""Sends a call to what answers these, one after the other, and the last one for ever."""


class Server:
    """Something that is asked, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        """Answer with these in turn, the last one for ever."""
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(request)
        told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(told, Exception):
            raise told
        return httpx.Response(told.status_code, headers=told.headers, content=told.content)


async def in_a_loop(server: Server, call: Call[Any] = CALL, **options: Any) -> Answer[Any]:  # noqa: ANN401  # the client's own
    """Send a call in an event loop."""
    async with AsyncClient("http://api", "key", transport=httpx.MockTransport(server), **options) as client:
        return await client.answer(call)


async def in_a_thread(server: Server, call: Call[Any] = CALL, **options: Any) -> Answer[Any]:  # noqa: ANN401  # as above
    """Send a call without one."""
    with Client("http://api", "key", transport=httpx.MockTransport(server), **options) as client:
        return client.answer(call)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    """Return a refusal."""
    told = {"type": f"/docs/problems/{code}", "title": code, "status": status, "code": code, "detail": "so it is"}
    return httpx.Response(status, headers=headers, json={**told, "trace_id": "0" * 32, "purchase_id": "pur_1"})


def good(**headers: str) -> httpx.Response:
    """Return a user that was created."""
    return httpx.Response(201, headers=headers, json=USER)


@pytest.fixture(params=[in_a_loop, in_a_thread])
def send(request: pytest.FixtureRequest) -> Sender:
    """Give either way to send."""
    way: Sender = request.param
    return way


async def test_a_call_is_sent_as_it_is_and_its_answer_is_a_struct(send: Sender) -> None:
    """Key, headers, body as JSON; what the headers say of the answer is told beside it."""
    server = Server(good(**{"Idempotency-Replayed": "true", "ETag": '"5f0c"'}))
    answer = await send(server)
    assert (answer.told.reference, answer.is_replay, answer.is_rebuilt, answer.entity_tag) == (
        "alice",
        True,
        False,
        '"5f0c"',
    )
    [asked] = server.asked
    assert (asked.method, str(asked.url), asked.content) == ("POST", "http://api/v1/users", b'{"reference":"alice"}')
    assert asked.headers["authorization"] == "Bearer key"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["idempotency-key"] == "key-1"


@pytest.mark.parametrize(
    "status, code", [(409, "idempotency_key_busy"), (429, "rate_limited"), (503, "database_unavailable")]
)
async def test_what_passes_is_sent_again_under_the_same_key(send: Sender, status: int, code: str) -> None:
    """The very same request, so that it is done once however often it came."""
    server = Server(*[problem(status, code, **{"Retry-After": "0"})] * 2, good())
    assert (await send(server)).told.id == "usr_1"
    assert len(server.asked) == 3
    assert len({(one.content, one.headers["idempotency-key"]) for one in server.asked}) == 1


async def test_the_last_refusal_is_told_when_patience_ends(send: Sender) -> None:
    """After as many tries as were granted."""
    server = Server(problem(503, "overloaded", **{"Retry-After": "0"}))
    with pytest.raises(ApiProblem) as refused:
        await send(server, patience=Patience(tries_max=3))
    assert (refused.value.code, refused.value.status, len(server.asked)) == ("overloaded", 503, 3)


async def test_who_would_have_us_wait_too_long_is_not_asked_again(send: Sender) -> None:
    """And nothing is waited for."""
    server = Server(problem(429, "rate_limited", **{"Retry-After": "3600"}))
    with pytest.raises(ApiProblem, match="rate_limited"):
        await send(server)
    assert len(server.asked) == 1


async def test_what_stays_is_asked_once(send: Sender) -> None:
    """A conflict with what is stored is told with the members of its code."""
    server = Server(problem(409, "purchase_exists"))
    with pytest.raises(ApiProblem) as refused:
        await send(server)
    assert (refused.value.members["purchase_id"], len(server.asked)) == ("pur_1", 1)


async def test_what_is_as_it_was_seen_is_not_told_again(send: Sender) -> None:
    """Neither an answer nor a refusal: who named its tag has it already."""
    call = Call(method="GET", path="/v1/users/usr_1", answer=structs.User, headers=(("If-None-Match", '"5f0c"'),))
    server = Server(httpx.Response(304, headers={"ETag": '"5f0c"'}))
    with pytest.raises(Unchanged):
        await send(server, call)
    assert [one.headers["if-none-match"] for one in server.asked] == ['"5f0c"']


@pytest.mark.parametrize(
    "own, said",
    [
        ({}, "x: so it is"),
        ({"parameter": "limit"}, "x: so it is (limit)"),
        ({"pointer": "/a", "errors": [{"code": "x", "detail": "so it is", "pointer": "/a"}]}, "x: so it is (/a)"),
        (
            {"errors": [{"code": "x", "detail": f"no {n}", "pointer": f"/{n}"} for n in range(7)]},
            "x: no 0 (/0); no 1 (/1); no 2 (/2); no 3 (/3); no 4 (/4); and 2 more",
        ),
    ],
)
async def test_a_refusal_says_what_is_wrong_and_where(send: Sender, own: dict[str, object], said: str) -> None:
    """Each mistake with its place, as many as can be read at a glance; the others are counted."""
    with pytest.raises(ApiProblem) as refused:
        await send(Server(httpx.Response(422, json={**problem(422, "x").json(), **own})))
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(201, json={"id": "usr_1"}),
        httpx.Response(201, content=b"<html>"),
        httpx.Response(502, content=b"bad gateway"),
        httpx.Response(302, headers={"Location": "http://elsewhere"}),
    ],
)
async def test_who_does_not_speak_as_the_api_does_has_not_answered(send: Sender, answer: httpx.Response) -> None:
    """Another document, none, a proxy's words, somebody who sends us elsewhere with our key."""
    with pytest.raises(NoAnswer, match=f"POST /v1/users was not answered in JSON: {answer.status_code}"):
        await send(Server(answer))


async def test_who_is_not_there_is_asked_again_by_whoever_wants_that(send: Sender) -> None:
    """Sending it again is safe, but a person wants to know at once."""
    server = Server(httpx.ConnectError("refused"), good())
    with pytest.raises(NoAnswer) as missed:
        await send(server)
    assert (type(missed.value.__cause__), len(server.asked)) == (httpx.ConnectError, 1)


@pytest.mark.parametrize("key", ["ü", "kéy"])
async def test_what_http_cannot_carry_is_not_sent(send: Sender, key: str) -> None:
    """Nothing was asked of anybody."""
    server = Server(good())
    with pytest.raises(Unsendable, match="cannot be sent"):
        await send(server, users.create_user(structs.UserBody(), idempotency_key=key))
    assert server.asked == []


def test_a_key_that_http_cannot_carry_makes_no_client() -> None:
    """It is told before anything is asked."""
    for client in (Client, AsyncClient):
        with pytest.raises(Unsendable, match="ASCII"):
            client("http://api", "schlüssel")


async def test_a_word_that_is_new_is_a_word(send: Sender) -> None:
    """A release of the API that knows more does not break a client of before."""
    call = Call(method="GET", path="/v1", answer=structs.State)
    told = (await send(Server(httpx.Response(200, json="frozen")), call)).told
    assert isinstance(told, structs.State)
    assert (str(told), told == structs.State.MINTED, structs.State("minted") is structs.State.MINTED) == (
        "frozen",
        False,
        True,
    )
