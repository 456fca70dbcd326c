"""Ports for children, held from the moment they are chosen, so that nobody else is given one before its child binds it.

    launcher   bind, never listen ──────────────────────────────────────────▶ let go
    child                 └── bind, listen ── killed ── bind, listen ── ends

Linux lets two sockets with SO_REUSEADDR have one address as long as only one of them listens, and gives an address that
any socket is bound to neither to `bind` with port 0 nor to an outgoing connection (socket(7), ip(7)). So the child, all
of whose servers set SO_REUSEADDR, binds a port that it cannot lose, as often as it is restarted; while it does not
listen, callers are refused as they should be, for the launcher does not listen either. A socket that is handed over
would have kept them waiting in its queue, and a port outside of the ephemeral range is nobody's either.
"""

import os
import socket
import weakref

from cashback.processes.embedded.facts import HOST


class HeldPort:
    """A TCP port of 127.0.0.1 that is held for one child until it is let go, or this object or process is gone."""

    def __init__(self) -> None:
        """Take a port that is free."""
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((HOST, 0))
            self.number: int = holder.getsockname()[1]
            self._letting_go = weakref.finalize(self, os.close, holder.detach())

    def let_go(self) -> None:
        """Give the port back. Repeatable."""
        self._letting_go()
