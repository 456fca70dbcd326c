"""Whether a call is sent again, and after how long: decided from what was answered, without waiting for anything."""

from http import HTTPStatus
from typing import Final

import msgspec

UNTOLD_WAIT_S: Final = 1.0
"""How long is waited for who has no time for us and does not say how long that will be."""

_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How often a call is sent at most, and how long is waited in all; `unreached_too` when nobody answers."""

    tries_max: int = 4
    wait_max_s: float = 10.0
    unreached_too: bool = False


IMPATIENT: Final = Patience(tries_max=1)
"""Every call is sent once."""


def wait_after_answer(
    status: int, retry_after: str | None, *, tried: int, waited_s: float, by: Patience
) -> float | None:
    """Return how long to wait before the same call is sent again; None when that is of no use, or was often enough.

    A conflict passes only where it says when: the first request under the same key is still being answered. Who would
    have us wait for longer than we have is not asked again.

    >>> wait_after_answer(409, "1", tried=1, waited_s=0.0, by=Patience())
    1.0
    """
    is_over = status in _LATER or (status == HTTPStatus.CONFLICT and retry_after is not None)
    if not is_over:
        return None
    told = retry_after or ""
    return _within(float(told) if told.isdecimal() else UNTOLD_WAIT_S, tried=tried, waited_s=waited_s, by=by)


def wait_after_nothing(*, tried: int, waited_s: float, by: Patience) -> float | None:
    """Return how long to wait for somebody who did not answer; None where nobody is to."""
    return _within(UNTOLD_WAIT_S, tried=tried, waited_s=waited_s, by=by) if by.unreached_too else None


def _within(wait_s: float, *, tried: int, waited_s: float, by: Patience) -> float | None:
    """Return a wait that is still within what may be waited."""
    return wait_s if tried < by.tries_max and waited_s + wait_s <= by.wait_max_s else None
