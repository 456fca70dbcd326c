"""How many requests are under way at a time, and how long each may take."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.http import Admission, held_by, left_behind, may_take
from cashback.kernel.http.admission import RequestTimeout


class Door:
    """An application that answers once it is let go on, behind an admission."""

    def __init__(self, **bounds: Any) -> None:  # noqa: ANN401  # as `Admission` takes them
        """Bound it by `bounds`."""
        self.go_on = asyncio.Event()
        self.longer_s: float | None = None
        self.admission: Any = Admission(self._answer, **bounds)

    async def ask(self, path: str = "/v1/x", method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """Return status, headers and body of an answer."""
        sent: list[Any] = []

        async def send(message: Any) -> None:  # noqa: ANN401  # ASGI's own dict
            sent.append(message)

        await self.admission({"type": "http", "method": method, "path": path, "headers": []}, None, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Answer 204 when it is time."""
        del receive
        if self.longer_s is not None:
            may_take(SimpleNamespace(scope=scope), self.longer_s)
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def under_way(door: Door, count: int) -> list[asyncio.Task[tuple[int, dict[bytes, bytes], bytes]]]:
    """Return so many requests that have come in."""
    tasks = [asyncio.create_task(door.ask()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def active() -> float | None:
    """Return how many requests the gauge says are under way."""
    return REGISTRY.get_sample_value("cashback_http_requests_active")


async def test_what_is_too_much_is_told_so_at_once_and_has_its_turn_later() -> None:
    """503 with `Retry-After`, as a problem; as soon as one is done the next is let in."""
    door = Door(requests_max=2)
    first, second = await under_way(door, 2)
    assert active() == 2
    status, headers, body = await door.ask()
    assert (status, headers[b"retry-after"], msgspec.json.decode(body)["code"]) == (503, b"1", "overloaded")
    assert (await door.ask(method="HEAD"))[2] == b""
    first.cancel()
    await asyncio.wait({first})
    [third] = await under_way(door, 1)
    door.go_on.set()
    assert [(await one)[0] for one in (second, third)] == [204, 204]
    assert active() == 0


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_asked_beside_all_that(path: str) -> None:
    """Or whoever balances the load would take a busy process for a dead one."""
    door = Door(requests_max=1)
    [one] = await under_way(door, 1)
    [health] = [asyncio.create_task(door.ask(path))]
    await asyncio.sleep(0)
    assert active() == 1
    door.go_on.set()
    assert [(await each)[0] for each in (one, health)] == [204, 204]


async def test_a_request_that_takes_too_long_is_given_up() -> None:
    """It fails as what may work later, and its place is free."""
    door = Door(requests_max=1, within_s=0.05)
    with pytest.raises(RequestTimeout):
        await door.ask()
    assert active() == 0


async def test_a_request_that_is_known_to_be_long_may_take_longer() -> None:
    """Counted from when that was said."""
    door = Door(within_s=0.05)
    door.longer_s = 60.0
    [one] = await under_way(door, 1)
    assert (await asyncio.wait({one}, timeout=0.2))[0] == set()
    door.go_on.set()
    assert (await one)[0] == 204


async def test_what_a_request_holds_it_holds_until_it_has_ended_however_it_ends() -> None:
    """Answered, given up or cut off; whoever holds two things leaves both."""
    held: list[str] = []
    go_on = asyncio.Event()

    @contextmanager
    def seat(name: str) -> Iterator[None]:
        """Hold something."""
        held.append(name)
        try:
            yield
        finally:
            held.remove(name)

    async def holding(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Hold two things while it takes its time, by copies of the scope, as those who ask by HEAD do."""
        del receive, send
        for name in "ab":
            held_by(SimpleNamespace(scope={**scope}), seat(name))
        await go_on.wait()

    admission: Any = Admission(holding, within_s=0.05)
    with pytest.raises(RequestTimeout):
        await admission({"type": "http", "path": "/v1/x"}, None, None)
    assert held == []
    cut_off = asyncio.create_task(admission({"type": "http", "path": "/v1/x"}, None, None))
    await asyncio.sleep(0)
    assert held == ["a", "b"]
    cut_off.cancel()
    await asyncio.wait({cut_off})
    go_on.set()
    await admission({"type": "http", "path": "/v1/x"}, None, None)
    assert held == []


async def test_what_is_held_is_left_before_the_last_part_of_an_answer_is_sent() -> None:
    """Its reader may ask for the next one at once, before this request has ended here."""
    held: list[str] = []
    seen: list[tuple[str, bool]] = []

    @contextmanager
    def seat() -> Iterator[None]:
        """Hold something."""
        held.append("a")
        yield
        held.clear()

    async def parts() -> AsyncIterator[str]:
        """Yield two parts."""
        for part in "xy":
            yield part

    async def answering(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Send an answer, and look who still holds something behind it."""
        del receive, send
        stack = held_by(SimpleNamespace(scope=scope), seat())
        seen.extend([(part, bool(held)) async for part in left_behind(stack, parts())])
        seen.append(("", bool(held)))

    admission: Any = Admission(answering)
    await admission({"type": "http", "path": "/v1/x"}, None, None)
    assert seen == [("x", True), ("y", True), ("", False)]


async def test_what_fails_for_want_of_time_of_its_own_is_not_taken_for_that() -> None:
    """A defect of ours stays one."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Fail as something inside might."""
        raise TimeoutError("planted")

    admission: Any = Admission(broken)
    with pytest.raises(TimeoutError, match="planted"):
        await admission({"type": "http", "method": "GET", "path": "/v1/x", "headers": []}, None, None)
    assert active() == 0
