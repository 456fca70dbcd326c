"""Taking the address at which a process serves, and saying in a sentence why that is not possible."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from cashback.kernel.errors import Unavailable


class CannotListen(Unavailable):
    """The address at which a process is to serve is taken, or not this machine's to take."""

    code = "cannot_listen"


@contextmanager
def taking(host: str, port: int, *, setting: str) -> Iterator[None]:
    """Let the block bind `host:port`, which a person chose by `setting`.

    Raises:
        CannotListen: it could not be bound; the sentence says where, why, and which settings decide.
    """
    try:
        yield
    except OSError as cause:
        # What a resolver says has numbers below zero.
        why = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else str(cause)
        raise CannotListen(
            f"cannot listen at {host}, port {port}: {why}; choose another with CASHBACK_{setting}_PORT or"
            f" CASHBACK_{setting}_HOST, or end whoever has it"
        ) from cause
