"""What the layers around the router know of one request together: noted by whoever finds it, told by the outermost.

It is one object, whatever is copied on the way: `Head` asks with a scope of its own.
"""

from typing import Any, Final

from cashback.kernel.http.rate import Standing

VISIT: Final = "cashback.visit"
"""Where a request keeps it."""


class Visit:
    """One request on its way."""

    __slots__ = ("bytes_out", "code", "standing", "status")

    def __init__(self) -> None:
        """Know nothing yet."""
        self.status = 0
        self.code: str | None = None
        self.bytes_out = 0
        self.standing: Standing | None = None


def visit_of(scope: Any) -> Visit | None:  # noqa: ANN401  # ASGI's own dict
    """Return what is known of a request, None where nobody watches it."""
    visit: Visit | None = scope.get(VISIT)
    return visit
