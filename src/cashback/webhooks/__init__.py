"""Webhooks: merchants and the operator hear of events at endpoints of their own.

An event is taken in once. It can be read for a month, and becomes a delivery for each endpoint that hears of it: its
merchant's, of its type, made before it happened. A delivery is posted, signed as Standard Webhooks has it, until the
endpoint has it or ten tries within three days have failed; every try is written down, and any delivery can be replayed
until it is forgotten, a month after it ended. Nothing is sent to an address that is not of the public internet, and no
redirect is followed.
"""

from cashback.webhooks.model import (
    Endpoint,
    EndpointDisabled,
    EndpointUnknown,
    NewEndpoint,
    SealingKeys,
    SecretUnreadable,
    TooManyEndpoints,
    TypesInvalid,
    UrlForbidden,
)
from cashback.webhooks.service.delivering import Deliverer
from cashback.webhooks.service.endpoints import Endpoints
from cashback.webhooks.service.forgetting import Forgetter, Kept
from cashback.webhooks.service.outgoing import open_post
from cashback.webhooks.service.resealing import Resealed, reseal

__all__ = [
    "Deliverer",
    "Endpoint",
    "EndpointDisabled",
    "EndpointUnknown",
    "Endpoints",
    "Forgetter",
    "Kept",
    "NewEndpoint",
    "Resealed",
    "SealingKeys",
    "SecretUnreadable",
    "TooManyEndpoints",
    "TypesInvalid",
    "UrlForbidden",
    "open_post",
    "reseal",
]
