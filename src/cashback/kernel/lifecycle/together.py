"""What one answer writes to its connection: head and body in one call of the system, where they come together.

head that tells a length ──▶ waits ──body──▶ both leave       one packet, and one wake-up of whoever reads it
head of a stream ──────────▶ leaves                           its reader may want it before the rest is made
"""

import asyncio
from typing import Final

_LENGTH: Final = b"\r\ncontent-length: "


class Together:
    """A transport as the answer to one request sees it; not to HEAD, whose body never comes."""

    __slots__ = ("_head", "_is_begun", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Write to `transport`."""
        self._transport = transport
        self._head = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Write what follows, and before it the head, if that still waits."""
        head, self._head = self._head, b""
        if head:
            # Not joined: a document of megabytes would be copied for that.
            self._transport.writelines([head, data])
        elif not self._is_begun and _LENGTH in data:
            self._head = data
        else:
            self._transport.write(data)
        self._is_begun = True

    def close(self) -> None:
        """Write a head whose body never came, and close."""
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed or about to be."""
        return self._transport.is_closing()
