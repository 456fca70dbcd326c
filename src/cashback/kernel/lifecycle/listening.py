"""Taking the address at which a process serves, and saying in a sentence why that is not possible."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cashback.kernel.errors import Unavailable
from cashback.kernel.telemetry import logger

FILES_BESIDE: Final = 256
"""What a process has open beside connections of callers: those to databases, its log, those that it refuses."""

log = logger(__name__)


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


def room_for(connections_max: int) -> int:
    """Have the process be allowed as many open files as so many connections need; return for how many there is room.

    Many systems give a process 1,024 unless it asks for more: at those no further connection would be taken, and
    whatever else opens a file would fail.
    """
    wanted = connections_max + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections_max
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning("connections.bounded", connections=max(1, allowed - FILES_BESIDE), open_files_max=allowed)
    return max(1, allowed - FILES_BESIDE)
