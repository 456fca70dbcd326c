"""Which edition of an endpoint somebody has seen: people set where it is and what it hears of, not whether it fails."""

from typing import Final

from cashback.kernel.entity import is_same_edition, tag_of
from cashback.webhooks.model import Endpoint, EndpointOutdated

_MOVING: Final = ("failing_since",)
"""Comes and goes with every delivery: it must not keep anybody from mending the address for which it does."""


def tag_of_endpoint(endpoint: Endpoint) -> str:
    """Return the entity tag of an endpoint."""
    return tag_of(endpoint, moving=_MOVING)


def problem_of_edition(endpoint: Endpoint, seen: str | None) -> EndpointOutdated | None:
    """Return why somebody may not change an endpoint who has `seen` it, None if it is still that, or nobody says."""
    if seen is None or is_same_edition(seen, tag_of_endpoint(endpoint)):
        return None
    return EndpointOutdated("the endpoint is not as it was any more: read it again", parameter="If-Match")
