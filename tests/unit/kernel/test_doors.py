"""Who calls, and how much of a process one caller may have: at the doors that stand around the routes."""

import asyncio
from typing import Any, Final

import pytest

from cashback.kernel.http import ApiKeyAuth, Guesses, Limits, RateLimit
from cashback.kernel.http.auth import STRANGERS_AT_ONCE
from cashback.kernel.http.limits import RateLimited
from cashback.kernel.principal import Principal, Rate, Scope

AT_ONCE: Final = 60


class Application:
    """What answers 204 once it is let go on."""

    def __init__(self) -> None:
        """Let nobody go on."""
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Answer."""
        del scope, receive
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def asked(door: Any, **scope: object) -> int:  # noqa: ANN401  # an ASGI application
    """Return the status that a door or what is behind it answers; 429 where it is told to wait."""
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401  # ASGI's own dict
        sent.append(message)

    try:
        await door({"type": "http", "method": "GET", "path": "/v1/x", "headers": [], **scope}, None, send)
    except RateLimited:
        return 429
    return int(sent[0]["status"])


async def test_one_key_leaves_places_to_the_others() -> None:
    """It has half of them, by requests that take long; as soon as one is answered there is room for its next."""
    application = Application()
    door = RateLimit(application, Limits(), requests_max=8)
    shop, rival = [Principal(f"key_{whose}", Scope.MERCHANT, f"mer_{whose}") for whose in "ab"]
    first = [asyncio.create_task(asked(door, user=shop)) for _ in range(4)]
    await asyncio.sleep(0)
    assert await asked(door, user=shop) == 503
    others = [asyncio.create_task(asked(door, user=rival)) for _ in range(4)]
    await asyncio.sleep(0)
    application.go_on.set()
    assert set(await asyncio.gather(*first, *others)) == {204}
    assert await asked(door, user=shop) == 204


async def test_all_keys_of_a_merchant_have_half_of_the_places_together() -> None:
    """However many it has made itself; each of the operator's has a share of its own, since others answer for it."""
    application = Application()
    door = RateLimit(application, Limits(), requests_max=8)
    shop = [Principal(f"key_{number}", Scope.MERCHANT, "mer_a") for number in range(5)]
    programs = [Principal(f"key_{name}", Scope.OPERATOR, None) for name in "xy"]
    first = [asyncio.create_task(asked(door, user=one)) for one in shop[:4]]
    await asyncio.sleep(0)
    assert await asked(door, user=shop[4]) == 503
    others = [asyncio.create_task(asked(door, user=one)) for one in programs for _ in range(4)]
    await asyncio.sleep(0)
    assert [await asked(door, user=one) for one in programs] == [503] * 2
    application.go_on.set()
    assert set(await asyncio.gather(*first, *others)) == {204}
    assert await asked(door, user=shop[4]) == 204


@pytest.mark.parametrize("known", [False, True], ids=["guessing", "new"])
async def test_few_of_whom_nobody_has_met_are_looked_up_at_a_time(known: bool) -> None:
    """Guessers that come all at once are looked up as often as they may guess, and who is somebody is let in."""
    looked_up, at_once, most = 0, 0, 0
    application = Application()
    application.go_on.set()

    async def authenticate(secret: str) -> Principal | None:
        """Take its time."""
        nonlocal looked_up, at_once, most
        looked_up, at_once = looked_up + 1, at_once + 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return Principal(secret, Scope.OPERATOR, None) if known else None

    guesses = Guesses(rate=Rate(per_s=1, burst=5), now_s=lambda: 1_000.0)
    door = ApiKeyAuth(application, authenticate, has_met=lambda _: False, guesses=guesses)
    headers = [[(b"authorization", f"Bearer key_{number}".encode())] for number in range(AT_ONCE)]
    statuses = await asyncio.gather(*(asked(door, headers=each, client=("192.0.2.1", 1)) for each in headers))
    assert most <= STRANGERS_AT_ONCE
    if known:
        assert statuses == [204] * AT_ONCE
    else:
        assert looked_up < 5 + STRANGERS_AT_ONCE
        assert sorted(statuses) == [401] * looked_up + [429] * (AT_ONCE - looked_up)
