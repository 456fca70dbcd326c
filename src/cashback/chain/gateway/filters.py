"""Which logs are asked for: of a token the life of its numbers, of its minters their anchors; all by one question."""

from collections.abc import Callable, Collection
from typing import Any, Final

from cashback.chain.gateway.decoding import ANCHORED, MINTED, RETIRED, SKIPPED, seen_log
from cashback.chain.model import Address, SeenLog

TRANSFER: Final = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""Topic of `Transfer(address,address,uint256)`."""

_TOPICS: Final = [[f"0x{topic.hex()}" for topic in (MINTED, SKIPPED, RETIRED, ANCHORED)]]
_ZERO_TOPIC: Final = f"0x{bytes(32).hex()}"


def seen(token: Address, minters: Collection[Address]) -> tuple[dict[str, object], Callable[[dict[str, Any]], SeenLog]]:
    """Return the filter of what is followed, and how its logs are read."""
    addresses = [f"0x{one.hex()}" for one in (token, *minters)]
    return {"address": addresses, "topics": _TOPICS}, lambda log: seen_log(log, token=token, minters=minters)


def burned(token: Address) -> dict[str, object]:
    """Return the filter of what holders burn."""
    return {"address": f"0x{token.hex()}", "topics": [f"0x{TRANSFER.hex()}", None, _ZERO_TOPIC]}
