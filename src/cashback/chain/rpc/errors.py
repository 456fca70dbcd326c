"""What our failures are called in gRPC, with `google.rpc.ErrorInfo` as their detail.

| failure        | status               |
|----------------|----------------------|
| Invalid        | INVALID_ARGUMENT     |
| NotFound       | NOT_FOUND            |
| Conflict       | ALREADY_EXISTS       |
| Forbidden      | PERMISSION_DENIED    |
| other Rejected | FAILED_PRECONDITION  |
| Unavailable    | UNAVAILABLE          |
| Broken         | INTERNAL             |
"""

from collections.abc import Sequence
from typing import Any, Final

from grpclib import GRPCError
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase

from cashback.kernel.errors import CashbackError, Conflict, Forbidden, Invalid, NotFound, Rejected, Unavailable
from cashback.wire.google import rpc
from cashback.wire.google.protobuf import Any as AnyMessage

DOMAIN: Final = "cashback.chain"

_STATUSES: Final = (
    (Invalid, Status.INVALID_ARGUMENT),
    (NotFound, Status.NOT_FOUND),
    (Conflict, Status.ALREADY_EXISTS),
    (Forbidden, Status.PERMISSION_DENIED),
    (Rejected, Status.FAILED_PRECONDITION),
    (Unavailable, Status.UNAVAILABLE),
)


class DetailsCodec(StatusDetailsCodecBase):
    """Writes and reads `grpc-status-details-bin` with our generated messages."""

    def encode(self, status: Status, message: str | None, details: Sequence[Any]) -> bytes:
        """Return a `google.rpc.Status`."""
        packed = [AnyMessage.pack(detail) for detail in details]
        return bytes(rpc.Status(code=status.value, message=message or "", details=packed))

    def decode(self, status: Status, message: str | None, data: bytes) -> Sequence[Any]:
        """Return the details of a `google.rpc.Status`."""
        del status, message
        return [detail.unpack() for detail in rpc.Status.parse(data).details]


def to_grpc(error: CashbackError) -> GRPCError:
    """Return one of our failures as the status that a caller sees; the fields stay inside."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), Status.INTERNAL)
    return refused(status, code=error.code, detail=error.detail)


def refused(status: Status, *, code: str, detail: str) -> GRPCError:
    """Return a failure of the edge itself, in the same shape."""
    return GRPCError(status, detail, [rpc.ErrorInfo(reason=code, domain=DOMAIN)])
