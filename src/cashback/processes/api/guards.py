"""What stands between whoever calls and the routes, as the settings have it."""

from collections.abc import Callable

import msgspec

from cashback.kernel.clock import monotonic_s
from cashback.kernel.http import AccessLog
from cashback.kernel.http.admission import REQUESTS_MAX, WITHIN_S
from cashback.kernel.http.limits import GUESSES, MERCHANTS, OPERATORS
from cashback.kernel.lifecycle.bounds import Door
from cashback.kernel.principal import Rate
from cashback.kernel.safety import Safety
from cashback.kernel.telemetry import write_info
from cashback.processes.api.settings import Settings


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of every answer, and where each answer is told; without an access log nowhere.

    What remembers who has asked is made anew for each application.
    """

    safety: Safety = Safety()
    access: AccessLog | None = None
    merchants: Rate = MERCHANTS
    operators: Rate = OPERATORS
    guesses: Rate = GUESSES
    requests_max: int = REQUESTS_MAX
    request_within_s: float = WITHIN_S
    now_s: Callable[[], float] = monotonic_s


def door_of(settings: Settings, guards: Guards) -> Door:
    """Return how the server stands towards those who come: it refuses with the same headers."""
    return Door(connections_max=settings.http_connections_max, headers=guards.safety.of("/"))


def guards_of(settings: Settings) -> Guards:
    """Return what the settings ask for."""
    return Guards(
        safety=Safety(hsts=settings.hsts),
        access=AccessLog(write_info, process="api") if settings.access_log else None,
        merchants=Rate(per_s=settings.rate_per_s, burst=settings.rate_burst),
        operators=Rate(per_s=settings.operator_rate_per_s, burst=settings.operator_rate_burst),
        requests_max=settings.http_requests_max,
    )
