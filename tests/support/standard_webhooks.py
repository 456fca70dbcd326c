"""A receiver's side of Standard Webhooks 1.0, written from the specification and from nothing of ours.

signed content = webhook-id . webhook-timestamp . body; a header may carry several signatures, `v1,` and base64 each.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

TOLERANCE_S: Final = 300
PREFIX: Final = "whsec_"


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float) -> bool:
    """Tell whether a request comes from whoever has the secret, and is no older than five minutes."""
    told = {name.lower(): value for name, value in headers.items()}
    if abs(now_s - int(told["webhook-timestamp"])) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{told['webhook-id']}.{told['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    given = [one.partition(",") for one in told["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(made, expected) for version, _, made in given)
