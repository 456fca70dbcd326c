"""A large body is read step by step: others have their turn between two steps, and no step is long."""

import asyncio
import gc
from collections.abc import Iterator
from time import process_time
from types import SimpleNamespace
from typing import Any, Final

import pytest

from cashback.kernel.errors import CashbackError
from cashback.kernel.http import turns
from cashback.kernel.http.body import LARGE_BODIES, LARGE_BYTES, BodyInvalid, JsonMemberRepeated, JsonRequest, _decoded
from cashback.kernel.http.broken_bodies import JsonMalformed
from cashback.kernel.http.repeated import is_each_named_once
from cashback.kernel.http.turns import LargeBodies, Steps, in_turns
from cashback.kernel.seats import Overloaded
from tests.unit.kernel.test_http_faults import Order

STEP_MAX: Final = 1.5
"""How many times as long as a look at a sound body of 4 MiB a step may take."""

LINES: Final = ", ".join(['{"count": 1, "tags": {"a": 1, "b": 2}}'] * 105_000)
SOUND: Final = f'{{"lines": [{LINES}]}}'
PART: Final = b'{"id": "x", "amount": "5", "lines": [%s]},' % b",".join([b'{"count": 1}'] * 100)
MANY_NAMES: Final = b", ".join(b'"%d": 0' % number for number in range(140_000))


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """Have nothing collected meanwhile: how long that takes is for what other tests have left."""
    gc.disable()
    yield
    gc.enable()


def longest_step(bomb: bytes) -> float:
    """Return how long the longest step took with a body that is refused, in seconds of the processor's."""
    steps, longest_s = _decoded(bomb, Order, "the body"), 0.0
    while True:
        begun_s = process_time()
        try:
            next(steps)
        except (BodyInvalid, JsonMalformed, JsonMemberRepeated):
            return max(longest_s, process_time() - begun_s)
        longest_s = max(longest_s, process_time() - begun_s)


def look_s() -> float:
    """Return how long it takes to look at a sound body of 4 MiB."""
    begun_s = process_time()
    assert is_each_named_once(SOUND)
    return process_time() - begun_s


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b'{"lines": ' + b"[" * 2**22, id="brackets"),
        pytest.param(b'{"amount": 5, "anything": {"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}", id="well-formed"),
        pytest.param(b'{"amount": 5, "x": "' + b'\\"' * 2**21, id="text-without-end"),
        pytest.param(b'{"amount": 5, "x": [' + b'"]",' * 2**19 + b"0" + b"[" * 30_000, id="brackets-in-texts"),
        pytest.param(b'{"parts": [' * 5_000 + b"7" + b"]}" * 5_000, id="of-our-own-form"),
        pytest.param(b'{"lines": [{"count": 1, "tags": {%s, "139999": 0}}]}' % MANY_NAMES, id="last-name-twice"),
        pytest.param(b'{"parts": [' * 15 + b'{"lines": [' + b"{}," * 4_000 + b"{}]}" + b"]}" * 15, id="wide-and-deep"),
        pytest.param(
            b'{"lines": [%s{"count": 0}]}' % (b'{"count": 1, "tags": {"a": 1}},' * 50_000), id="wrong-at-last"
        ),
        pytest.param(b'{"parts": [%s{}]}' % (PART * 1_000), id="wrong-at-last-and-no-longer-than-may-be"),
        pytest.param(b'{"id": 1, "lines": [%s""]}' % (b'"",' * 1_300_000), id="texts"),
        pytest.param(b'{"id": 1, "tags": {%s, "7": 0}}' % MANY_NAMES, id="names-of-nobody-knows-whom"),
    ],
)
@pytest.mark.usefixtures("_uncollected")
def test_no_body_is_read_for_long(bomb: bytes) -> None:
    """However it nests, or pretends to: no step takes much longer than a look at a sound body, the best of three each.

    What is square, or goes through all of it again and again at one go, takes longer, whoever else is at work.
    """
    assert min(longest_step(bomb) for _ in range(3)) < STEP_MAX * min(look_s() for _ in range(3))


def counting(told: list[str], name: str, steps: int) -> Steps[str]:
    """Tell of each step, and come to the name."""
    for _ in range(steps):
        told.append(name)
        yield
    return name


async def test_others_have_their_turn_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as these took long enough: here each does."""
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    told: list[str] = []
    others = asyncio.create_task(in_turns(counting(told, "other", 3)))
    assert await in_turns(counting(told, "mine", 3)) == "mine"
    assert await others == "other"
    assert told == ["mine", "other"] * 3


async def test_one_large_body_is_worked_on_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of many would have a step a round; what fails, or goes away, lets the next one begin."""
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    bodies, told = LargeBodies(), list[str]()

    def failing() -> Steps[str]:
        """Fail at the second step."""
        yield
        raise Overloaded("of a test")

    works = [counting(told, "one", 3), failing(), counting(told, "other", 3)]
    one, failed, other = await asyncio.gather(*map(bodies.work, works), return_exceptions=True)
    assert (one, type(failed), other) == ("one", Overloaded, "other")
    assert told == ["one"] * 3 + ["other"] * 3


async def test_only_large_bodies_take_a_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few that a party has: one too many is told so before it is decoded, a small one never."""
    monkeypatch.setattr(turns, "SEATS_OF_ONE", 1)
    bodies = LargeBodies()

    async def told(body: bytes, party: str) -> Any:  # noqa: ANN401  # any JSON
        """Return a body as a request has it, or why not."""
        request = SimpleNamespace(
            route_handler=SimpleNamespace(parsed_data_field=None),
            scope={LARGE_BODIES: bodies, "user": SimpleNamespace(party=party)},
            body=given(body),
        )
        try:
            return await JsonRequest.json(request)  # type: ignore[arg-type]  # what it needs of one
        except CashbackError as error:
            return error.code

    large = b"[" + b" " * LARGE_BYTES + b"]"
    with bodies.seat("key_0"):
        assert await told(large, "key_0") == "overloaded"
        assert await told(b"[]", "key_0") == await told(large, "key_1") == []
    assert await told(large, "key_0") == []


def given(body: bytes) -> Any:  # noqa: ANN401  # a coroutine function
    """Return what gives a request's body."""

    async def give() -> bytes:
        """Give it."""
        return body

    return give
