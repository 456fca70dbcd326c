"""What stands for something that is not stored itself: a command's content, an API key's secret."""

import hashlib
import hmac
from typing import Final

import msgspec

from cashback.purchases.model import Command

_AROUND: Final = ("owner", "key", "key_id", "traceparent", "received_at")
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def fingerprint(command: Command) -> bytes:
    """Return 32 bytes that are equal for two commands exactly when both ask for the same thing.

    What is absent counts for nothing, so a field that a later release adds leaves older fingerprints as they are.
    """
    content = {
        name: value
        for name, value in msgspec.structs.asdict(command).items()
        if value is not None and name not in _AROUND
    }
    return hashlib.sha256(_encoder.encode((type(command).__name__, content))).digest()


def secret_hmac(secret: str, *, pepper: str) -> bytes:
    """Return the 32 bytes under which an API key's secret is stored: worthless without the pepper."""
    return hmac.digest(pepper.encode(), secret.encode(), "sha256")
