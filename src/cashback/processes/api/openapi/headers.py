"""What answers tell beside their bodies, whichever route they are of; none of it is on every one."""

from collections.abc import Mapping
from typing import Any, Final

_SUCCESS: Final = ("200", "201")
_HEADERS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, object], str]]] = {
    "RateLimit": (
        (*_SUCCESS, "429"),
        {"type": "string"},
        "What is left of the key's allowance (`r`), and in how many seconds it is whole again (`t`).",
    ),
    "RateLimit-Policy": (
        (*_SUCCESS, "429"),
        {"type": "string"},
        "The key's allowance (`q`), and in how many seconds that much comes back (`w`).",
    ),
    "Retry-After": (
        ("409", "429", "503"),
        {"type": "integer", "minimum": 0},
        "In so many seconds the same request may do; where it is missing, something has to change first.",
    ),
    "WWW-Authenticate": (
        ("401", "403"),
        {"type": "string"},
        "How a key is presented, and which scope this one was not made for (RFC 6750).",
    ),
}
"""Each header with the statuses that it may come with, its form, and what it tells."""


def add_headers(document: dict[str, Any]) -> None:
    """Have the answers of a document tell of those headers; what is open to everybody has no allowance and no key."""
    document["components"]["headers"] = {
        name: {"description": told, "required": False, "schema": schema} for name, (_, schema, told) in _HEADERS.items()
    }
    for operation in (one for item in document["paths"].values() for one in item.values()):
        for status, response in operation["responses"].items():
            found = response.get("headers", {})
            if "security" in operation:
                found |= {
                    name: {"$ref": f"#/components/headers/{name}"}
                    for name, (statuses, _, _) in _HEADERS.items()
                    if status in statuses
                }
            if found:
                # The framework takes a route's own out of a set: in another order in every process.
                response["headers"] = dict(sorted(found.items()))
