"""New names: ids that say what they are of, and trace contexts for requests that brought none."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return an id that nobody had: the time in milliseconds and 80 bits of chance, in base 32."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def new_traceparent() -> str:
    """Return the context of a trace that begins here and is not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
