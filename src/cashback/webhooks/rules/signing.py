"""Signatures and bodies as Standard Webhooks 1.0 has them, and secrets sealed for the time they are stored.

webhook-id          the event's id: the same for every try and every replay
webhook-timestamp   when this try was made (s since 1970)
webhook-signature   v1,<base64 of HMAC-SHA256(secret, id.timestamp.body)>, one for each living secret
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from Crypto.Cipher import AES

from cashback.kernel.instants import as_told
from cashback.webhooks.model import SealedSecret, SealingKeys, SecretUnreadable

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the word before a secret, and no secret
SECRET_BYTES: Final = 32
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""Of AES-GCM (NIST SP 800-38D); drawn anew for each secret, of which there are far fewer than 2**32."""

_TAG_BYTES: Final = 16
_MARK_BYTES: Final = 4


def secret_text(secret: bytes) -> str:
    """Return a secret as it is shown to whoever verifies with it.

    >>> secret_text(b"0123456789abcdef0123456789abcdef")
    'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
    """
    return SECRET_PREFIX + b64encode(secret).decode()


def secret_of(text: str) -> bytes:
    """Return the bytes of a secret that is shown so."""
    return b64decode(text.removeprefix(SECRET_PREFIX), validate=True)


def body_of(type_: str, occurred_at: datetime, data: bytes) -> bytes:
    """Return what is delivered of an event; `data` are its own bytes, JSON, and stay as they are."""
    timestamp = as_told(occurred_at)
    head = msgspec.json.encode({"type": type_, "timestamp": timestamp})
    return head[:-1] + b',"data":' + data + b"}"


def signature(secret: bytes, *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature of a try (Standard Webhooks, symmetric, version 1)."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def headers(secrets: Sequence[bytes], *, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a try, signed with every living secret, so that a receiver may know either."""
    signatures = [signature(secret, event_id=event_id, timestamp=timestamp, body=body) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "cashback-webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def seal(secret: bytes, *, keys: SealingKeys, nonce: bytes, endpoint_id: str, number: int) -> SealedSecret:
    """Return a secret under the newest key, in its place: in another one it cannot be opened (AES-256-GCM)."""
    cipher = AES.new(keys.newest, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(_place(endpoint_id, number))
    hidden, tag = cipher.encrypt_and_digest(secret)
    return SealedSecret(endpoint_id, number, mark_of(keys.newest) + nonce + hidden + tag)


def unseal(stored: SealedSecret, *, keys: SealingKeys) -> bytes:
    """Return a secret as it was before it was sealed, under whichever of the keys.

    Raises:
        SecretUnreadable: it was sealed under another key, for another place, or is damaged.
    """
    mark, rest = stored.sealed[:_MARK_BYTES], stored.sealed[_MARK_BYTES:]
    where = {"endpoint_id": stored.endpoint_id, "secret_version": stored.number}
    key = next((one for one in (keys.newest, keys.before) if one is not None and mark_of(one) == mark), None)
    if key is None:
        raise SecretUnreadable("a webhook secret was sealed under another CASHBACK_WEBHOOK_KEY", **where)
    cipher = AES.new(key, AES.MODE_GCM, nonce=rest[:NONCE_BYTES], mac_len=_TAG_BYTES)
    cipher.update(_place(stored.endpoint_id, stored.number))
    try:
        return cipher.decrypt_and_verify(rest[NONCE_BYTES:-_TAG_BYTES], rest[-_TAG_BYTES:])
    except ValueError as cause:
        raise SecretUnreadable("a webhook secret is not what was sealed in its place", **where) from cause


def mark_of(key: bytes) -> bytes:
    """Return by what a key is known again, which tells nothing of it: what is sealed under it begins so."""
    return hashlib.sha256(b"webhook key" + key).digest()[:_MARK_BYTES]


def _place(endpoint_id: str, number: int) -> bytes:
    """Return what a sealed secret is bound to."""
    return f"{endpoint_id}.{number}".encode()
