"""What worker and API both know of webhooks: the keys of their secrets, and where they may lead.

And whom the worker trusts there.
"""

import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from cashback.kernel.config import Secret, Shape
from cashback.webhooks.model import SealingKeys

WebhookKey = Annotated[Secret, Shape(r"[A-Za-z0-9+/]{43}=", "the base64 of 32 random bytes")]


NO_KEY: Final = Secret("")
"""Stands where there is no key before, as is usual."""


def sealing_keys(newest: Secret, before: Secret = NO_KEY) -> SealingKeys:
    """Return the key that secrets are sealed under, and the one that opens those that still are under the one before.

    32 bytes each; the settings have seen to their shape.
    """
    opened = [b64decode(text.value, validate=True) for text in (newest, before) if text != NO_KEY]
    return SealingKeys(*opened)


def trusting(bundle: str) -> ssl.SSLContext | None:
    """Return how endpoints are called whose certificates are of an authority in the file `bundle`, and of no other.

    None, without a file, trusts whom the system does.

    Raises:
        OSError: it cannot be read, or holds no certificate.
    """
    return ssl.create_default_context(cafile=bundle) if bundle else None


def contradictions_of_trust(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield that the file of authorities cannot be used."""
    try:
        trusting(str(settings.get("webhook_tls_ca", "")))
    except ssl.SSLError:
        yield "CASHBACK_WEBHOOK_TLS_CA cannot be used: the file holds no certificate in PEM"
    except OSError as cause:
        yield f"CASHBACK_WEBHOOK_TLS_CA cannot be used: {cause.strerror}"


def contradictions_of_loopback(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield that production delivers nothing to itself."""
    if settings.get("webhook_allow_loopback") and not settings.get("development", True):
        yield "CASHBACK_WEBHOOK_ALLOW_LOOPBACK is wrong: it wants CASHBACK_DEVELOPMENT=true"
