"""Operations, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call


def livez() -> Call[dict[str, str]]:
    """Is the process alive?

    Tell that the event loop turns.
    """
    return Call(method="GET", path="/livez", answer=dict[str, str])


def readyz() -> Call[structs.Readiness]:
    """Is the process ready?

    Tell whether every dependency that a purchase needs answers; the adapter is not one of them.
    """
    return Call(method="GET", path="/readyz", answer=structs.Readiness)
