"""For whoever balances the load: is the process alive, is it ready? The metrics are at the probe alone."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.openapi import ResponseSpec

from cashback.kernel.lifecycle import Check
from cashback.kernel.lifecycle.probe import problems_of


class Readiness(msgspec.Struct, frozen=True):
    """Whether every dependency answers, and what is wrong with those that do not, by name."""

    status: str
    problems: dict[str, str]


_NOT_READY: Final = ResponseSpec(Readiness, generate_examples=False, description="A dependency does not answer.")


def operations(checks: Mapping[str, Check]) -> list[Any]:
    """Return the routes that tell, by `checks` of what a purchase needs."""

    @get("/livez", operation_id="livez", summary="Is the process alive?", tags=["Operations"])
    async def livez() -> dict[str, str]:
        """Tell that the event loop turns."""
        return {"status": "alive"}

    @get(
        "/readyz",
        operation_id="readyz",
        summary="Is the process ready?",
        tags=["Operations"],
        responses={503: _NOT_READY},
    )
    async def readyz() -> Response[Readiness]:
        """Tell whether every dependency that a purchase needs answers; the adapter is not one of them."""
        problems = await problems_of(checks)
        body = Readiness("not ready" if problems else "ready", problems)
        return Response(body, status_code=503 if problems else 200)

    return [livez, readyz]
