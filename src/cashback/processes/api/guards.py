"""What stands between whoever calls and the routes, as the settings have it."""

import msgspec

from cashback.kernel.http import AccessLog
from cashback.kernel.safety import Safety
from cashback.kernel.telemetry import write_info
from cashback.processes.api.settings import Settings


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of every answer, and where each answer is told; without an access log nowhere."""

    safety: Safety = Safety()
    access: AccessLog | None = None


def guards_of(settings: Settings) -> Guards:
    """Return what the settings ask for."""
    return Guards(
        safety=Safety(hsts=settings.hsts), access=AccessLog(write_info, process="api") if settings.access_log else None
    )
