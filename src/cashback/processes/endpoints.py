"""How many of the chain's endpoints must tell the same before it is believed.

endpoints   1                  2   3   4   5   6   7   8
at least    1 (chain 31337)    2   2   3   3   4   4   5
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

DEVELOPMENT_CHAIN_ID: Final = 31_337


def majority(urls: Sequence[str]) -> int:
    """Return how many endpoints are more than half of them.

    >>> majority(["a", "b", "c"])
    2
    """
    return len(urls) // 2 + 1


def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield why so many endpoints cannot decide what decides money."""
    if not settings.keys() >= {"rpc_urls", "rpc_quorum", "chain_id"}:
        return
    urls, quorum = settings["rpc_urls"], settings["rpc_quorum"]
    is_development = settings["chain_id"] == DEVELOPMENT_CHAIN_ID
    if len(set(urls)) < len(urls):
        yield "CASHBACK_RPC_URLS is wrong: it names an endpoint twice, which would count as two witnesses"
    if len(urls) == 1 and not is_development:
        yield (
            "CASHBACK_RPC_URLS is wrong: what decides money is believed when two endpoints tell it at least; name "
            f"another one, of another provider (one alone is enough on chain {DEVELOPMENT_CHAIN_ID} only)"
        )
    if quorum == 1 and not is_development:
        yield (
            "CASHBACK_RPC_QUORUM is wrong: 1 lets one endpoint decide about money, which is for chain "
            f"{DEVELOPMENT_CHAIN_ID} only; leave it empty for more than half of the endpoints"
        )
    if quorum > len(urls):
        yield f"CASHBACK_RPC_QUORUM is wrong: {quorum} cannot tell the same where CASHBACK_RPC_URLS names {len(urls)}"
    if 1 < quorum < majority(urls):
        yield (
            f"CASHBACK_RPC_QUORUM is wrong: with {quorum} of {len(urls)} endpoints two halves could each be right; "
            f"it must be {majority(urls)} at least"
        )
