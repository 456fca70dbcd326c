"""What all commands to webhooks share: who asks, what is asked about, and the way the outcome becomes an answer."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.params import PathParameter

from cashback.kernel.http import principal_of
from cashback.kernel.http.commands import kept
from cashback.kernel.telemetry import current_traceparent
from cashback.webhooks.service.commands import Asked, Done

TAG: Final = "Webhooks"

EndpointId = Annotated[str, PathParameter(description="An endpoint's id, `whe_...`.")]
DeliveryId = Annotated[str, PathParameter(description="A delivery's id, `whd_...`.")]


class NothingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty object: the path says it all."""


def asked_by(request: Request[Any, Any, Any], key: str) -> Asked:
    """Return who commands, and under which idempotency key."""
    principal = principal_of(request)
    return Asked(merchant_id=principal.merchant_id, by=principal.key_id, key=key, traceparent=current_traceparent())


def answer(done: Done) -> Response[Any]:
    """Return the response to a command, marked when it is a replay."""
    return kept(done.answer, is_replay=done.is_replay, is_rebuilt=done.is_rebuilt)
