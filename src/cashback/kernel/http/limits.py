"""How often callers may ask, by API key; and how often somebody may be wrong about theirs, by address.

A rate holds for one process: several together let in as many times of it. It needs no database, and none is asked for
whoever is refused.
"""

import asyncio
import ipaddress
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from litestar.types import ASGIApp, Receive, Send
from prometheus_client import Counter

from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import Limited
from cashback.kernel.http.admission import REQUESTS_MAX
from cashback.kernel.http.problems import problem, send_problem
from cashback.kernel.http.rate import Allowances, Standing, standing
from cashback.kernel.http.visit import visit_of
from cashback.kernel.principal import Principal, Rate, Scope

MERCHANTS: Final = Rate(per_s=200, burst=400)
OPERATORS: Final = Rate(per_s=2_000, burst=4_000)
GUESSES: Final = Rate(per_s=20, burst=40)
"""How often nobody may be recognised by what they present, from one address."""

PATIENCE_S: Final = 10.0
"""For how long what comes in parts is kept waiting for its allowance; the server waits 30 s for more of a body."""

_LIMITS: Final = "cashback.limits"
_NETWORK_BITS: Final = 64
"""Of an address of IPv6: whoever has one usually has all of these."""

LIMITED: Final = Counter(
    "cashback_http_rate_limited_total",
    "Requests that were told to wait: their key had asked too often, or their address had guessed too often.",
    ["reason"],
)


class RateLimited(Limited):
    """Whoever asks has asked too often; `retry_after_s` is when the same request will do."""

    code = "rate_limited"


class Limits:
    """The allowances of all keys, in one process."""

    def __init__(
        self, *, merchants: Rate = MERCHANTS, operators: Rate = OPERATORS, now_s: Callable[[], float] = monotonic_s
    ) -> None:
        """Give these rates to keys that have none of their own."""
        self._default = {Scope.MERCHANT: merchants, Scope.OPERATOR: operators}
        self._now_s = now_s
        self._allowances = Allowances()

    def take(self, principal: Principal, *, count: int = 1) -> Standing:
        """Return how a key's allowance stands once so much was taken of it, or with a wait and nothing taken."""
        rate = principal.rate or self._default[principal.scope]
        return self._allowances.take(principal.key_id, rate, count=count, now_s=self._now_s())

    def take_beside(self, principal: Principal, *, most: int) -> tuple[int, Standing]:
        """Return how much of `most` was taken, and how the allowance stands then; with a wait where it was nothing.

        Half of the allowance is left to whatever else the key asks meanwhile.
        """
        rate = principal.rate or self._default[principal.scope]
        now_s = self._now_s()
        found = self._allowances.look(principal.key_id, rate, now_s=now_s) or standing(0.0, rate, now_s=now_s)
        spare = found.left - rate.burst // 2
        if spare > 0:
            taken = min(most, spare)
            return taken, self._allowances.take(principal.key_id, rate, count=taken, now_s=now_s)
        wanted = min(most, max(1, rate.burst // 4))
        return 0, found._replace(wait_s=(wanted - spare) / rate.per_s)


class Guesses:
    """How often who presents no key that opens anything was told so, by address.

    Behind a proxy all callers have its address. So those whose key was let in before are let in, however often
    somebody guesses beside them; what is spared is the look-up of what nobody here has seen.
    """

    def __init__(self, *, rate: Rate = GUESSES, now_s: Callable[[], float] = monotonic_s) -> None:
        """Allow so many."""
        self._rate = rate
        self._now_s = now_s
        self._allowances = Allowances()

    def wait_s(self, address: str) -> float:
        """Return how long an address is to wait before it may be wrong again; 0 when it may now."""
        if not self._allowances:
            return 0.0
        found = self._allowances.look(_network_of(address), self._rate, now_s=self._now_s())
        return 0.0 if found is None else found.wait_s

    def note(self, address: str) -> None:
        """Remember that an address was wrong."""
        self._allowances.take(_network_of(address), self._rate, now_s=self._now_s())


class RateLimit:
    """ASGI middleware behind the one that says who calls: whoever has asked too often is told when to ask again.

    So is who has half of a process's places at a time, by requests that take long: others want an answer meanwhile. All
    keys of a merchant have these places together; how often each may ask is its own.
    """

    def __init__(self, app: ASGIApp, limits: Limits, *, requests_max: int = REQUESTS_MAX) -> None:
        """Guard `app`, in a process that lets in so many requests at a time."""
        self._app = app
        self._limits = limits
        self._share = max(1, requests_max // 2)
        self._under_way: dict[str, int] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Answer 503 or pass the request on.

        Raises:
            RateLimited: its key has asked too often.
        """
        principal: Principal | None = scope.get("user")
        if principal is None:
            await self._app(scope, receive, send)
            return
        scope[_LIMITS] = self._limits
        _settle(scope, self._limits.take(principal))
        party = principal.party
        under_way = self._under_way.get(party, 0)
        if under_way >= self._share:
            full = problem(503, "overloaded", "too many requests of yours are under way; try again shortly")
            await send_problem(send, full, has_body=scope["method"] != "HEAD")
            return
        self._under_way[party] = under_way + 1
        try:
            await self._app(scope, receive, send)
        finally:
            if left := self._under_way.pop(party) - 1:
                self._under_way[party] = left


def charge(request: Any, count: int) -> None:  # noqa: ANN401  # litestar's Request has three type variables
    """Have a request count as so many more, once it is known how many it is.

    Raises:
        RateLimited: nothing is left of its key's allowance, so nothing of it may be done.
    """
    limits: Limits | None = request.scope.get(_LIMITS)
    if limits is None or count < 1:
        return
    after = limits.take(request.scope["user"], count=count)
    if after.wait_s:
        # The same request takes one when it comes again, and wants something left beside that.
        after = after._replace(wait_s=after.wait_s + 1 / after.rate.per_s)
    _settle(request.scope, after)


async def charge_in_turn(request: Any, count: int) -> None:  # noqa: ANN401  # as above
    """Do what `charge` does bit by bit, beside what else the key asks, and have whoever sends wait for that.

    Raises:
        RateLimited: that would take longer than `PATIENCE_S` in all.
    """
    limits: Limits | None = request.scope.get(_LIMITS)
    until_s, left = monotonic_s() + PATIENCE_S, count
    while limits is not None and left > 0:
        taken, after = limits.take_beside(request.scope["user"], most=left)
        left -= taken
        needed_s = max(after.wait_s, left / after.rate.per_s)
        if not left or monotonic_s() + needed_s > until_s:
            _settle(request.scope, after._replace(wait_s=needed_s))
        await asyncio.sleep(after.wait_s)


def limited(wait_s: float, *, reason: str, detail: str) -> RateLimited:
    """Return the refusal of whoever has to wait so long, and count it."""
    LIMITED.labels(reason).inc()
    return RateLimited(detail, retry_after_s=max(1, math.ceil(wait_s)))


def told(stands: Standing) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Return how an answer tells of an allowance (draft-ietf-httpapi-ratelimit-headers-10)."""
    state = f'"key";r={stands.left};t={math.ceil(stands.whole_in_s)}'
    return (b"ratelimit-policy", _policy_of(stands.rate)), (b"ratelimit", state.encode())


@lru_cache(maxsize=1_024)
def _policy_of(rate: Rate) -> bytes:
    """Return how a rate is told: its burst, and the seconds in which that comes back; there are few rates."""
    return f'"key";q={rate.burst};w={math.ceil(rate.burst / rate.per_s)}'.encode()


def _settle(scope: Any, stands: Standing) -> None:  # noqa: ANN401  # ASGI's own dict
    """Note how an allowance stands, for the answer.

    Raises:
        RateLimited: nothing was left of it.
    """
    visit = visit_of(scope)
    if visit is not None:
        visit.standing = stands
    if stands.wait_s:
        raise limited(stands.wait_s, reason="key", detail="this API key asks more often than it may")


@lru_cache(maxsize=1_024)
def _network_of(address: str) -> str:
    """Return what is kept of an address: itself, of IPv6 the network that it is in.

    >>> _network_of("2001:db8:0:1::7"), _network_of("192.0.2.7")
    ('2001:db8:0:1::', '192.0.2.7')
    """
    if ":" not in address:
        return address
    try:
        number = int(ipaddress.IPv6Address(address))
    except ValueError:
        return address
    host_bits = ipaddress.IPV6LENGTH - _NETWORK_BITS
    return str(ipaddress.IPv6Address(number >> host_bits << host_bits))
