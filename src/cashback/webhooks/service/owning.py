"""Whose an endpoint is: a merchant knows of its own alone, and the operator, who is no merchant, of all."""

from cashback.kernel.db import Tx
from cashback.webhooks.model import Endpoint, EndpointUnknown
from cashback.webhooks.store import endpoints


async def seen(tx: Tx, endpoint_id: str, *, merchant_id: str | None) -> Endpoint:
    """Return an endpoint that the merchant may know of, as it stands.

    Raises:
        EndpointUnknown: there is none such, or it is another merchant's.
    """
    return _known(await endpoints.read(tx, endpoint_id), merchant_id=merchant_id)


async def owned(tx: Tx, endpoint_id: str, *, merchant_id: str | None) -> Endpoint:
    """Return an endpoint that the merchant may know of, locked.

    Raises:
        EndpointUnknown: there is none such, or it is another merchant's.
    """
    return _known(await endpoints.locked(tx, endpoint_id), merchant_id=merchant_id)


def _known(endpoint: Endpoint | None, *, merchant_id: str | None) -> Endpoint:
    """Return an endpoint if there is one and the merchant may know of it.

    Raises:
        EndpointUnknown: otherwise, and it does not say which.
    """
    if endpoint is None or merchant_id not in {None, endpoint.merchant_id}:
        raise EndpointUnknown("there is no such endpoint", parameter="endpoint_id")
    return endpoint
