"""The form of an idempotency key, for whoever keeps it, and for what changes nothing and keeps none."""

from typing import Final

from cashback.kernel.errors import Invalid

KEY_LENGTH_MAX: Final = 255


class KeyInvalid(Invalid):
    """The idempotency key is not 1 to 255 printable ASCII characters."""

    code = "idempotency_key_invalid"


def problem_of_key_text(key: str) -> KeyInvalid | None:
    """Return what is wrong with an idempotency key, or None."""
    if 1 <= len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable():
        return None
    return KeyInvalid(f"the key must be 1 to {KEY_LENGTH_MAX} printable ASCII characters", parameter="Idempotency-Key")


def check_key_text(key: str) -> None:
    """Return when an idempotency key has the form of one.

    Raises:
        KeyInvalid: it has not.
    """
    if problem := problem_of_key_text(key):
        raise problem
