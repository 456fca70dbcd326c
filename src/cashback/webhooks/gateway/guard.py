"""The guard: judges the address of every single connection, after the name was looked up and before a byte is sent.

    host ──Names──▶ addresses ──▶ a socket is asked for ──Guard: public?──▶ connect to just this address
                                                           └──▶ AddressForbidden

What is judged is what is connected to, so there is no gap in which a name could change its mind.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUPS_MAX: Final = 64
"""Names that are looked up at the same time: one for each try that may be in flight, so that none waits for another."""

Lookup: TypeAlias = Callable[[str, int, int], list[Any]]
"""Returns what `socket.getaddrinfo` does for a host, a port and a family."""

_tried: ContextVar[list[str] | None] = ContextVar("tried_addresses", default=None)


class AddressForbidden(OSError):
    """Nothing is delivered to this address."""


def getaddrinfo(host: str, port: int, family: int) -> list[Any]:
    """Return the addresses of a host as the system knows them."""
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)


class Names(AbstractResolver):
    """Looks names up in threads of its own; nothing is remembered, so that every try asks anew.

    The event loop's own lookups share a few threads, in which the names of one endpoint could hold up all others.
    """

    def __init__(self, lookup: Lookup = getaddrinfo) -> None:
        """Ask `lookup`."""
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUPS_MAX, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`.

        Raises:
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._lookup, host, port, int(family))
        return [
            ResolveResult(
                hostname=host, host=place[0], port=place[1], family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, place in found
        ]

    async def close(self) -> None:
        """Let the threads go, without waiting for what is still being looked up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Guard:
    """Makes the socket for a connection, if there may be one."""

    def __init__(self, may_connect: Callable[[str], bool]) -> None:
        """Allow the addresses of which `may_connect` says so."""
        self._may_connect = may_connect

    def __call__(self, found: tuple[Any, ...]) -> socket.socket:
        """Return a socket for one address as `getaddrinfo` tells it; the next is tried when it is refused.

        Raises:
            AddressForbidden: it is near to us, or names a link.
        """
        family, kind, proto, _, place = found
        # A scope (`place[3]`) is one of a link, even where the address does not show it.
        has_scope = family == socket.AF_INET6 and len(place) > 3 and place[3] != 0  # noqa: PLR2004 - sockaddr_in6
        if has_scope or not self._may_connect(place[0]):
            raise AddressForbidden("nothing is delivered to this address")
        tried = _tried.get()
        if tried is not None:
            tried.append(place[0])
        return socket.socket(family=family, type=kind, proto=proto)


@contextmanager
def addresses_tried() -> Iterator[list[str]]:
    """Yield the list of addresses that the block connects to; one after the other, so the last is that in use."""
    tried: list[str] = []
    token = _tried.set(tried)
    try:
        yield tried
    finally:
        _tried.reset(token)
