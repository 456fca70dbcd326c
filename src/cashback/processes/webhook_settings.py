"""What worker and API both know of webhooks: the key of their secrets, and where they may lead."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from cashback.kernel.config import Secret, Shape

WebhookKey = Annotated[Secret, Shape(r"[A-Za-z0-9+/]{43}=", "the base64 of 32 random bytes")]


def key_of(text: Secret) -> bytes:
    """Return the 32 bytes of a key, whose shape the settings have seen to."""
    return b64decode(text.value, validate=True)


def contradictions_of_loopback(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield that production delivers nothing to itself."""
    if settings.get("webhook_allow_loopback") and not settings.get("development", True):
        yield "CASHBACK_WEBHOOK_ALLOW_LOOPBACK is wrong: it wants CASHBACK_DEVELOPMENT=true"
