"""What every answer over HTTP tells whoever reads it in a browser: nothing here is a page, and nothing is to be kept.

A browser that is led to the API shows its answers as what they say they are, runs nothing of them, frames them nowhere
and tells no other site where it has been. Beside an API that no browser should ask, these cost a few bytes.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

SAFE: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
UNCACHED: Final[Headers] = ((b"cache-control", b"no-store"),)
"""On what is about somebody: neither a browser nor a proxy on the way keeps it (RFC 9111, section 5.2.2.5)."""

ONLY_TLS: Final[Headers] = ((b"strict-transport-security", b"max-age=31536000"),)
"""For a year only by TLS (RFC 6797); for whoever has something in front of the API that ends TLS."""

_PUBLIC: Final = "/openapi"
_PAGES: Final = "/docs"


class Safety:
    """The headers of one server's answers, made once."""

    def __init__(self, *, hsts: bool = False) -> None:
        """Say that there is TLS alone, if `hsts`."""
        self.everywhere: Headers = SAFE + (ONLY_TLS if hsts else ())
        self._uncached: Headers = self.everywhere + UNCACHED

    def of(self, path: str, said: Iterable[tuple[bytes, bytes]] = ()) -> Headers:
        """Return those of an answer at a path: all but what stands in the repository as well is kept by nobody.

        A page says some by itself, which it has `said`: what it may do, and for how long it is kept.
        """
        if path == _PAGES or path.startswith(_PAGES + "/"):
            named = {name for name, _ in said}
            return tuple(header for header in self._uncached if header[0] not in named)
        return self.everywhere if path.startswith(_PUBLIC) else self._uncached
