"""Reading what a server answers, copied beside the generated code by `proto/generate.py`.

The decoder of betterproto2 checks no types, so an answer that is none of the contract's fails here or there, and in
many ways. Two places see answers: the codec, where bytes become messages, and whoever reads a message's fields. Both
turn every such failure, and nothing else, into `Unintelligible`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoCodec
from grpclib.exceptions import GRPCError

from cashback.wire.google import rpc

_NONSENSE: Final = (ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)
_ERROR_INFO: Final = "google.rpc.ErrorInfo"


class Unintelligible(Exception):
    """An answer is none of the contract's."""


@contextmanager
def understood() -> Iterator[None]:
    """Read an answer in this block, and do nothing else in it.

    Raises:
        Unintelligible: it is none of the contract's.
    """
    try:
        yield
    except _NONSENSE as cause:
        raise Unintelligible(f"{cause!r:.200}") from cause


class AnswerCodec(ProtoCodec):
    """Writes requests and reads answers."""

    def decode(self, data: bytes, message_type: Any) -> Any:  # noqa: ANN401 - grpclib's own signature
        """Return the answer.

        Raises:
            Unintelligible: it is none.
        """
        with understood():
            return super().decode(data, message_type)


class ReasonCodec(StatusDetailsCodecBase):
    """Reads the `google.rpc.ErrorInfo` of a status that is not OK."""

    def encode(self, status: Status, message: str | None, details: Sequence[Any]) -> bytes:
        """Never called: only servers send a status, and this codec is given to channels alone.

        Raises:
            NotImplementedError: somebody gave it to a server.
        """
        raise NotImplementedError("ReasonCodec reads statuses; a server needs grpclib's own codec")

    def decode(self, status: Status, message: str | None, data: bytes) -> Sequence[Any]:
        """Return the reasons that are given; other details are not for us.

        Raises:
            Unintelligible: these are no details.
        """
        del status, message
        with understood():
            details = rpc.Status.parse(data).details
            return [rpc.ErrorInfo.parse(one.value) for one in details if one.type_url.endswith(f"/{_ERROR_INFO}")]


def reason_of(failure: GRPCError) -> str:
    """Return the stable code of why a call was refused; empty when none was given, or nobody read the details."""
    found = [detail.reason for detail in failure.details or () if isinstance(detail, rpc.ErrorInfo)]
    return found[0] if found else ""
