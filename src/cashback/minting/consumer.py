"""The way in: `token.mint.requested` events, in batches, inside the transaction of their inbox."""

from collections.abc import Sequence
from typing import Final

from cashback.events import decode
from cashback.events.ledger import TokenMintRequested
from cashback.kernel.bus import Delivery
from cashback.kernel.db import Tx
from cashback.kernel.ids import is_id
from cashback.kernel.money import TokenUnits
from cashback.minting.model import MintRequest, RequestUnreadable
from cashback.minting.service.requests import Requests

NAME: Final = "minting-requests"
TYPES: Final = (TokenMintRequested.TYPE,)


class MintRequests:
    """The handler of mint requests."""

    def __init__(self, requests: Requests) -> None:
        """Hand what arrives to `requests`."""
        self._requests = requests

    async def handle(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Take a batch of requests in with `tx`; the same event or the same request again has no further effect.

        Raises:
            Invalid: one of them cannot be read.
        """
        await self._requests.take(tx, [to_request(delivery) for delivery in deliveries])


def to_request(delivery: Delivery) -> MintRequest:
    """Return the request in an event.

    Raises:
        Invalid: it cannot be read.
    """
    body = decode(delivery.data, TokenMintRequested, version=delivery.version)
    if not is_id(body.cashback_id, "cb"):
        raise RequestUnreadable("a mint request names no cashback", cashback_id=body.cashback_id[:100])
    return MintRequest(
        number=int(body.mint_number),
        cashback_id=body.cashback_id,
        recipient=bytes.fromhex(body.recipient[2:]),
        amount=TokenUnits(int(body.token_units)),
        requested_at=delivery.time,
        traceparent=delivery.traceparent,
    )
