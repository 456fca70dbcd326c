"""Failures, named for what the receiver should do; each edge owns one table from kind to protocol.

    CashbackError
    ├── Rejected      the caller must change something; never retried   HTTP 4xx   bus: dead letter   gRPC 4xx kin
    │   ├── Invalid       422 the request itself is wrong
    │   ├── NotFound      404 it names something that is not there
    │   ├── Conflict      409 it contradicts what is already stored
    │   │   ├── Busy          409 for as long as something else is being done
    │   │   └── Outdated      412 somebody has changed it since the caller has seen it
    │   ├── Forbidden     403 the caller may not do this
    │   └── Limited       429 the caller asks more often than it may
    ├── Unavailable   the world failed; the same call may work later     HTTP 503   bus: nak           gRPC UNAVAILABLE
    └── Broken        one of our invariants failed; stop and page        HTTP 500   bus: stop          gRPC INTERNAL

A domain error is a subclass in its context's `model` with its own `code`; it knows no protocol.
"""

from typing import ClassVar


class CashbackError(Exception):
    """Root of every failure of ours: a stable `code`, a sentence for people, and fields for programs."""

    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, /, **fields: object) -> None:
        """Say what happened in one sentence; `fields` become members of the problem document or log line."""
        super().__init__(detail)
        self.detail = detail
        self.fields = fields


class Rejected(CashbackError):
    """The caller must change something; repeating the same call never helps."""

    code = "rejected"


class Invalid(Rejected):
    """The request contradicts a stated rule; `pointer` in the fields names the place where it can."""

    code = "invalid"


class NotFound(Rejected):
    """The request names something that does not exist, or that this caller may not know of."""

    code = "not_found"


class Conflict(Rejected):
    """The request contradicts what is already stored."""

    code = "conflict"


class Busy(Conflict):
    """The request contradicts what is being done right now: once that is over, the same request will do."""

    code = "busy"


class Outdated(Conflict):
    """The request is about a state that is no more: whoever reads it again may want something else."""

    code = "outdated"


class Forbidden(Rejected):
    """The caller is known and may not do this."""

    code = "forbidden"


class Limited(Rejected):
    """The caller asks more often than it may: some time later the same request will do."""

    code = "limited"


class Unavailable(CashbackError):
    """A database, broker or node failed or took too long; the same call may work later."""

    code = "unavailable"


class Broken(CashbackError):
    """One of our own invariants does not hold; nothing may go on until a person has looked."""

    code = "broken"
