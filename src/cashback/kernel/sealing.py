"""What is given to somebody to be brought back, and is for nobody but us to read: places in lists of others' things.

    content ──AES-SIV (RFC 5297)──▶ a text ──▶ whoever asks for the next page ──▶ the same content, or nothing

The same content is always the same text, so that one place has one cursor; nothing random is needed for it.
"""

import base64
import binascii
import hmac
from typing import Final, Self

from Crypto.Cipher import AES

from cashback.kernel.config import Secret
from cashback.kernel.ids import random_bytes

_KEY_BYTES: Final = 32
_TAG_BYTES: Final = 16


class Seal:
    """Closes contents under one key, and opens what it has closed."""

    def __init__(self, key: bytes) -> None:
        """Use this key, 32 bytes."""
        self._key = key

    @classmethod
    def of(cls, secret: Secret, purpose: str) -> Self:
        """Return the seal of all who share a secret, for one purpose; its key tells nothing of the secret."""
        return cls(hmac.digest(secret.value.encode(), purpose.encode(), "sha256"))

    @classmethod
    def fresh(cls) -> Self:
        """Return a seal that nobody else has."""
        return cls(random_bytes(_KEY_BYTES))

    def close(self, content: bytes) -> str:
        """Return a text, URL-safe, from which nobody else learns anything but how long the content is."""
        sealed, tag = AES.new(self._key, AES.MODE_SIV).encrypt_and_digest(content)
        return base64.urlsafe_b64encode(tag + sealed).decode()

    def open(self, text: str) -> bytes | None:
        """Return the content that was closed as this text, None where we have closed nothing so."""
        try:
            told = base64.urlsafe_b64decode(text)
            content = AES.new(self._key, AES.MODE_SIV).decrypt_and_verify(told[_TAG_BYTES:], told[:_TAG_BYTES])
        except (binascii.Error, ValueError):
            return None
        # The decoder skips what it does not know.
        return content if self.close(content) == text else None
