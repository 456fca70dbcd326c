"""What a node tells of the minter's `Anchored(bytes32 root, uint64 upTo)` events, in final blocks; plain JSON-RPC."""

from typing import Any, Final

import httpx
import msgspec

from cashback.ledger.model import ChainUnavailable, Published
from cashback.ledger.model.proofs import ProvedAnchor
from cashback.processes.unanswered import why_no_answer

ANCHORED: Final = "0x41c3f410f5c8ac36bb46b1dccef0de0f964087c9e688795fa02ecfa2c20b3fe4"
"""Keccak-256 of `Anchored(bytes32,uint64)`."""

BLOCKS_PAGE: Final = 10_000
ANSWER_WITHIN_S: Final = 30.0


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A node, the minter's address, and the block from which on it may have published."""

    rpc_url: str
    minter: str
    from_block: int = 0


async def events_of(chain: Chain) -> list[Published]:
    """Return what the minter published in final blocks, in order.

    Raises:
        ChainUnavailable: the node did not answer.
    """
    found: list[Published] = []
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S) as http:
        last = await _final_block(http, chain)
        for start in range(chain.from_block, last + 1, BLOCKS_PAGE):
            wanted = {
                "address": chain.minter,
                "topics": [ANCHORED],
                "fromBlock": hex(start),
                "toBlock": hex(min(start + BLOCKS_PAGE - 1, last)),
            }
            logs = await _ask(http, chain, "eth_getLogs", wanted)
            found += [_published(log) for log in logs]
    return found


async def is_published(chain: Chain, anchor: ProvedAnchor) -> bool:
    """Tell whether a root stands in the event of the transaction that is named for it, in a final block.

    Raises:
        ChainUnavailable: the node did not answer.
    """
    if anchor.transaction_hash is None:
        return False
    async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S) as http:
        receipt = await _ask(http, chain, "eth_getTransactionReceipt", anchor.transaction_hash)
        if receipt is None or int(receipt["blockNumber"], 16) > await _final_block(http, chain):
            return False
    wanted = Published(bytes.fromhex(anchor.root), int(anchor.up_to))
    return any(
        log["address"].lower() == chain.minter.lower() and log["topics"][:1] == [ANCHORED] and _published(log) == wanted
        for log in receipt["logs"]
    )


async def _final_block(http: httpx.AsyncClient, chain: Chain) -> int:
    """Return the number of the last final block.

    Raises:
        ChainUnavailable: the node does not tell.
    """
    block = await _ask(http, chain, "eth_getBlockByNumber", "finalized", False)  # noqa: FBT003  # JSON-RPC's own order
    if block is None:
        raise ChainUnavailable("the node does not tell which block is final")
    return int(block["number"], 16)


async def _ask(http: httpx.AsyncClient, chain: Chain, method: str, *parameters: object) -> Any:  # noqa: ANN401  # parsed JSON
    """Return the answer to one question.

    Raises:
        ChainUnavailable: there is none.
    """
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    try:
        response = await http.post(chain.rpc_url, json=request)
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except httpx.HTTPError as cause:
        raise ChainUnavailable(f"the node did not answer {method}: {why_no_answer(cause)}") from cause
    except msgspec.DecodeError as cause:
        raise ChainUnavailable(f"the node did not answer {method}: what it said is no JSON-RPC") from cause
    if "result" not in answer:
        raise ChainUnavailable(f"the node did not answer {method}: {answer.get('error')}")
    return answer["result"]


def _published(log: dict[str, Any]) -> Published:
    """Return what an Anchored event says: both figures are indexed, so they are topics."""
    return Published(bytes.fromhex(log["topics"][1].removeprefix("0x")), int(log["topics"][2], 16))
