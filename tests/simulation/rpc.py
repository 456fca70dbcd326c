"""What a node that sees one branch answers to each JSON-RPC method, in the words of geth."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from cashback.chain.gateway.jsonrpc import EndpointRefused
from tests.simulation.abi import Reverted
from tests.simulation.chain import (
    FINAL_DEPTH,
    GAS_LIMIT,
    SAFE_DEPTH,
    Block,
    Branch,
    Chain,
    Mined,
    following_base_fee_wei,
)
from tests.simulation.execution import OutOfGas, code, estimate, view
from tests.simulation.pool import PoolRefused
from tests.simulation.signed import Malformed

_HASH_CHARACTERS: Final = 66


class View:
    """The chain as an endpoint sees it whose newest block is the last of `branch`."""

    def __init__(self, chain: Chain, branch: Branch) -> None:
        """Look along `branch`; what is sent goes to the chain's own pool."""
        self._chain = chain
        self._branch = branch
        self.chain_id = chain.chain_id

    def answer(self, method: str, given: Sequence[Any]) -> Any:  # noqa: ANN401 - parsed JSON
        """Return the result of one call.

        Raises:
            EndpointRefused: a JSON-RPC error.
        """
        function = _METHODS.get(method)
        if function is None:
            raise EndpointRefused(f"-32601: the method {method} does not exist")
        return function(self, given)

    def header(self, tag: str) -> dict[str, Any] | None:
        """Return the block of a tag, None when there is none."""
        block = self._block(tag)
        return None if block is None else _header(block)

    def logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the logs that a filter wants."""
        if "blockHash" in wanted:
            found = self._block(wanted["blockHash"])
            if found is None:
                raise EndpointRefused("-32000: unknown block")
            blocks: Sequence[Block] = [found]
        else:
            first, last = (self._number(wanted.get(edge, "latest")) for edge in ("fromBlock", "toBlock"))
            blocks = self._branch[first : last + 1]
        return [log for block in blocks for log in _logs_of(block) if _is_wanted(log, wanted)]

    def receipt(self, transaction_hash: str) -> dict[str, Any] | None:
        """Return the receipt of a transaction, None unless this branch carries it."""
        receipts = (receipt for block in self._branch for receipt in _receipts_of(block))
        return next((receipt for receipt in receipts if receipt["transactionHash"] == transaction_hash), None)

    def receipts(self, tag: str) -> list[dict[str, Any]] | None:
        """Return the receipts of a block, None when there is none."""
        block = self._block(tag)
        return None if block is None else list(_receipts_of(block))

    def send(self, raw: str) -> str:
        """Take signed bytes into the pool."""
        try:
            return f"0x{self._chain.take(bytes.fromhex(raw[2:])).hex()}"
        except (PoolRefused, Malformed) as refusal:
            raise EndpointRefused(f"-32000: {refusal}") from refusal

    def count(self, address: str, tag: str) -> str:
        """Return how many transactions of an account there are up to a block, or with those that wait."""
        account = bytes.fromhex(address[2:])
        if tag == "pending":
            return hex(self._chain.pool.pending_nonce(account, self._branch[-1].state))
        return hex(self._known(tag).state.nonces.get(account, 0))

    def balance(self, address: str, tag: str) -> str:
        """Return the gas money of an account at a block."""
        return hex(self._known(tag).state.balances.get(bytes.fromhex(address[2:]), 0))

    def code(self, address: str, tag: str) -> str:
        """Return the code at an address at a block."""
        return f"0x{code(self._known(tag).state.contracts.get(bytes.fromhex(address[2:]))).hex()}"

    def call(self, asked: dict[str, str], tag: str) -> str:
        """Return what a call gives back on top of a block."""
        block = self._known(tag)
        sender, target, calldata = _parts(asked)
        gas = int(asked["gas"], 16) if "gas" in asked else GAS_LIMIT
        if target is None:
            return "0x"
        try:
            done = view(
                block.state, sender=sender, target=target, calldata=calldata, timestamp=block.timestamp, gas=gas
            )
        except Reverted as revert:
            raise EndpointRefused("3: execution reverted", revert=revert.data) from revert
        except OutOfGas as lack:
            raise EndpointRefused("-32000: out of gas") from lack
        return f"0x{done.hex()}"

    def estimate(self, asked: dict[str, str]) -> str:
        """Return gas that suffices for a call at the head."""
        head = self._branch[-1]
        sender, target, calldata = _parts(asked)
        try:
            gas = estimate(head.state, sender=sender, target=target, calldata=calldata, timestamp=head.timestamp)
        except Reverted as revert:
            raise EndpointRefused("3: execution reverted", revert=revert.data) from revert
        return hex(gas)

    def fee_history(self, blocks: str, tag: str, percentiles: Sequence[float]) -> dict[str, Any]:
        """Return base fees, fullness and tips of the blocks up to one."""
        newest = self._known(tag)
        some = self._branch[max(newest.number + 1 - int(blocks, 16), 0) : newest.number + 1]
        following = following_base_fee_wei(newest.base_fee_wei, newest.gas_used)
        return {
            "oldestBlock": hex(some[0].number),
            "baseFeePerGas": [hex(block.base_fee_wei) for block in some] + [hex(following)],
            "gasUsedRatio": [block.gas_used / GAS_LIMIT for block in some],
            "reward": [[hex(tip) for tip in _tips(block, percentiles)] for block in some],
        }

    def _block(self, tag: str) -> Block | None:
        """Return the block that a tag, a height or a hash names on this branch."""
        if tag.startswith("0x") and len(tag) == _HASH_CHARACTERS:
            return next((block for block in self._branch if block.hash.hex() == tag[2:]), None)
        number = self._number(tag)
        return self._branch[number] if number < len(self._branch) else None

    def _number(self, tag: str) -> int:
        """Return the height that a tag stands for."""
        head = self._branch[-1].number
        tags = {
            "earliest": 0,
            "latest": head,
            "safe": max(head - SAFE_DEPTH, 0),
            "finalized": max(head - FINAL_DEPTH, 0),
        }
        return tags[tag] if tag in tags else int(tag, 16)

    def _known(self, tag: str) -> Block:
        """Return the block of a tag; a state that nobody has is an error."""
        block = self._block(tag)
        if block is None:
            raise EndpointRefused("-32000: header not found")
        return block


_METHODS: Final[dict[str, Callable[[View, Sequence[Any]], Any]]] = {
    "eth_blockNumber": lambda view, _: (view.header("latest") or {})["number"],
    "eth_call": lambda view, given: view.call(given[0], given[1]),
    "eth_chainId": lambda view, _: hex(view.chain_id),
    "eth_estimateGas": lambda view, given: view.estimate(given[0]),
    "eth_feeHistory": lambda view, given: view.fee_history(*given),
    "eth_getBalance": lambda view, given: view.balance(*given),
    "eth_getBlockByHash": lambda view, given: view.header(given[0]),
    "eth_getBlockByNumber": lambda view, given: view.header(given[0]),
    "eth_getBlockReceipts": lambda view, given: view.receipts(given[0]),
    "eth_getCode": lambda view, given: view.code(*given),
    "eth_getLogs": lambda view, given: view.logs(given[0]),
    "eth_getTransactionCount": lambda view, given: view.count(*given),
    "eth_getTransactionReceipt": lambda view, given: view.receipt(given[0]),
    "eth_sendRawTransaction": lambda view, given: view.send(given[0]),
}


def _parts(asked: dict[str, str]) -> tuple[bytes, bytes | None, bytes]:
    """Return sender, target and calldata of a call."""
    sender = bytes.fromhex(asked.get("from", f"0x{bytes(20).hex()}")[2:])
    return sender, bytes.fromhex(asked["to"][2:]) if "to" in asked else None, bytes.fromhex(asked["data"][2:])


def _tips(block: Block, percentiles: Sequence[float]) -> list[int]:
    """Return the tips at the percentiles of a block's gas; zero where it is empty."""
    paid = sorted(
        (min(one.signed.tip_wei, one.signed.max_fee_wei - block.base_fee_wei), one.done.gas_used) for one in block.mined
    )
    tips = []
    for percentile in percentiles:
        left = block.gas_used * percentile / 100
        tip = 0
        for tip, gas in paid:  # noqa: B007 - the tip at which the gas is reached is what is looked for
            left -= gas
            if left <= 0:
                break
        tips.append(tip)
    return tips


def _header(block: Block) -> dict[str, Any]:
    """Return a block without its transactions' bodies."""
    return {
        "number": hex(block.number),
        "hash": f"0x{block.hash.hex()}",
        "parentHash": f"0x{block.parent_hash.hex()}",
        "timestamp": hex(block.timestamp),
        "baseFeePerGas": hex(block.base_fee_wei),
        "gasUsed": hex(block.gas_used),
        "gasLimit": hex(GAS_LIMIT),
        "transactions": [f"0x{one.signed.hash.hex()}" for one in block.mined],
    }


def _place(block: Block, one: Mined) -> dict[str, str]:
    """Return where a transaction stands."""
    return {
        "blockNumber": hex(block.number),
        "blockHash": f"0x{block.hash.hex()}",
        "transactionHash": f"0x{one.signed.hash.hex()}",
    }


def _logs_of(block: Block) -> Iterator[dict[str, Any]]:
    """Yield a block's logs in order."""
    for one in block.mined:
        for address, topics, data in one.done.logs:
            yield {
                **_place(block, one),
                "address": f"0x{address.hex()}",
                "topics": [f"0x{topic.hex()}" for topic in topics],
                "data": f"0x{data.hex()}",
            }


def _receipts_of(block: Block) -> Iterator[dict[str, Any]]:
    """Yield a block's receipts in order."""
    for one in block.mined:
        yield {
            **_place(block, one),
            "from": f"0x{one.signed.sender.hex()}",
            "status": hex(one.done.is_success),
            "gasUsed": hex(one.done.gas_used),
            "contractAddress": f"0x{one.done.created.hex()}" if one.done.created else None,
        }


def _is_wanted(log: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Tell whether a log passes a filter: one of its addresses, at each place one of the topics."""
    emitters = wanted.get("address", log["address"])
    if log["address"] not in [one.lower() for one in ([emitters] if isinstance(emitters, str) else emitters)]:
        return False
    topics: Sequence[Any] = wanted.get("topics", [])
    if len(topics) > len(log["topics"]):
        return False
    return all(
        want is None or have in (want if isinstance(want, list) else [want])
        for want, have in zip(topics, log["topics"], strict=False)
    )
