"""Why a database is not to be had, in words that stay the same; psycopg's classes are for logs and metrics.

the server, by its SQLSTATE        `why_failed`: shutting down, full, a lock or a statement that took too long
the server that lets nobody in     `Refusal.words`, its own: for whoever runs the process, since they name users
nobody                             `Refusal.silence`: nothing listens, the name leads nowhere, no answer in time
the pool                           all its connections are in use
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from cashback.kernel.unreached import NAMELESS, REFUSED, TOO_LATE

LOST: Final = "the connection was lost"
_MET: Final = "others wanted the same rows at the same time, and this one had to give way"
_CANCELLED: Final = "a statement was cancelled"
_SLOW: Final = "a statement took longer than it may"

_BY_KIND: Final[Mapping[type[psycopg.Error], str]] = {
    errors.AdminShutdown: "it is shutting down, or somebody ended the connection",
    errors.CannotConnectNow: "it is starting or shutting down",
    errors.CrashShutdown: "it starts again after a crash",
    errors.DatabaseDropped: "it was dropped",
    errors.DeadlockDetected: _MET,
    errors.DiskFull: "its disk is full",
    errors.IdleInTransactionSessionTimeout: "this process stood still for too long inside a transaction",
    errors.IoError: "it cannot read or write its files",
    errors.LockNotAvailable: "others kept locked what was asked for",
    errors.OutOfMemory: "it is out of memory",
    errors.ReadOnlySqlTransaction: "its server takes no writes: it is not the primary",
    errors.SerializationFailure: _MET,
    errors.TooManyConnections: "it has no connection left to give",
    errors.TransactionTimeout: "a transaction took longer than it may",
    PoolClosed: "this process is ending",
}

_SILENCES: Final[Mapping[str, str]] = {
    # First: of several servers the others may not be there at all.
    "session is read-only": "none of its servers is the primary",
    os.strerror(errno.ECONNREFUSED): REFUSED,
    "failed to resolve host": NAMELESS,
}
"""What libpq and psycopg say, which have no numbers for it, when nobody lets us in."""

SAID: Final = frozenset({*_BY_KIND.values(), *_SILENCES.values(), TOO_LATE, LOST, _CANCELLED, _SLOW})
"""Every word but those of pools, which have a number in them."""


class Refusal:
    """Why the last attempt to be let in failed; both are empty once one has succeeded."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self.words = ""
        """What the server said, in its own words, which name users and places."""
        self.silence = ""
        """Why none said anything, in ours."""

    def hear(self, cause: psycopg.OperationalError) -> None:
        """Note an attempt that failed."""
        self.words = _fatal_words(cause)
        self.silence = "" if self.words else _silence(cause)

    def forget(self) -> None:
        """Note one that succeeded."""
        self.words = self.silence = ""

    @contextmanager
    def silent_when_late(self) -> Iterator[None]:
        """Note that an open connection answers, or that it does not in time: the block raises what it raises."""
        try:
            yield
        except TimeoutError:
            self.silence = TOO_LATE
            raise
        self.silence = ""

    def why(self, cause: psycopg.Error, *, lent: int, connections_max: int) -> str:
        """Return why the database is not to be had; empty where the server says so itself, in `words`.

        `lent` connections of a pool of `connections_max` are in somebody's hands.
        """
        if told := why_failed(cause):
            return told
        if self.words:
            return ""
        if self.silence or not isinstance(cause, (PoolTimeout, TooManyRequests)):
            return self.silence or LOST
        if not lent:
            return TOO_LATE
        of_pool = "the only connection is" if connections_max == 1 else f"all {connections_max} connections are"
        return f"{of_pool} in use"


def why_failed(cause: psycopg.Error) -> str:
    """Return what the server says by the SQLSTATE of an error, or by its having been too slow; else empty.

    >>> why_failed(errors.AdminShutdown("terminating connection due to administrator command"))
    'it is shutting down, or somebody ended the connection'
    """
    if isinstance(cause, errors.QueryCanceled):
        return _SLOW if "statement timeout" in str(cause) else _CANCELLED
    if isinstance(cause, errors.ConnectionTimeout):
        return TOO_LATE
    return next((words for kind, words in _BY_KIND.items() if isinstance(cause, kind)), "")


def why_in_full(cause: psycopg.OperationalError) -> str:
    """Return why a database is not to be had to whoever runs it: in our words, or in the server's own first line."""
    heard = Refusal()
    heard.hear(cause)
    known = why_failed(cause) or heard.words or (heard.silence if heard.silence != LOST else "")
    return known or str(cause).strip().partition("\n")[0]


def _fatal_words(cause: psycopg.OperationalError) -> str:
    """Return what a server said that answered and let nobody in, empty when none answered.

    >>> _fatal_words(psycopg.OperationalError('connection failed: FATAL:  database "nil" does not exist'))
    'database "nil" does not exist'
    """
    _, fatal, words = str(cause).partition("FATAL: ")
    return words.strip().splitlines()[0] if fatal else ""


def _silence(cause: psycopg.OperationalError) -> str:
    """Return why nobody answered."""
    if isinstance(cause, errors.ConnectionTimeout):
        return TOO_LATE
    return next((words for said, words in _SILENCES.items() if said in str(cause)), LOST)
