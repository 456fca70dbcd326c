"""Headers, logs and receipts as the node tells them."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from cashback.chain.gateway.endpoint import EndpointRefused, EndpointSilent, Request
from cashback.chain.gateway.node import Node
from cashback.chain.model import (
    Address,
    ChainUnavailable,
    Hash,
    Header,
    Heads,
    MintedLog,
    Place,
    Receipt,
    RetiredLog,
    SkippedLog,
    TokenLog,
)

MINTED: Final = bytes.fromhex("8790d372014415ffd01df9b3b7b5d661b0e8973409f8dcdb08722a2e288ef798")
"""Topic of `CashbackMinted(uint64,address,uint256)`."""
SKIPPED: Final = bytes.fromhex("9e3262367522638332d3ec7d3a98ed41dd89253b84263bcd122b2b2828a2b20d")
"""Topic of `CashbackSkipped(uint64,uint8)`."""
RETIRED: Final = bytes.fromhex("4904adfc4a52065ea819a65f72f2f9d43e2175606dbfc1ce2eaef56c4489106e")
"""Topic of `CashbackRetired(uint64)`."""
TRANSFER: Final = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""Topic of `Transfer(address,address,uint256)`."""

SKIP_REASONS: Final = ("number_used", "recipient_invalid", "amount_zero")
"""By the value of `CashbackToken.SkipReason`."""

_LIFE_OF_A_NUMBER: Final = [[f"0x{topic.hex()}" for topic in (MINTED, SKIPPED, RETIRED)]]
LOG_BLOCKS_MAX: Final = 10_000
"""The most blocks that one question about logs spans."""
_LOG_BLOCKS_EASY: Final = 256
"""So few are never too many for an answer in time."""
_ZERO_TOPIC: Final = f"0x{bytes(32).hex()}"
_ADDRESS_BYTES: Final = 20
_WORD_BYTES: Final = 32


class Blocks:
    """What one token's life looks like in the chain's blocks."""

    def __init__(self, node: Node, *, token: Address) -> None:
        """Read through `node` about `token`."""
        self._node = node
        self._token = f"0x{token.hex()}"
        self._span = LOG_BLOCKS_MAX

    async def latest(self) -> Header:
        """Return the newest block's header: the one question that is asked all the time."""
        [latest] = await self._node.ask([("eth_getBlockByNumber", ["latest", False])])
        return header(latest)

    async def heads(self, latest: Header) -> Heads:
        """Return the safe and the final block beside the newest; a tag that the node does not know yet is None."""
        safe, final = await asyncio.gather(self._tagged("safe"), self._tagged("finalized"))
        return Heads(latest, safe, final)

    async def header_at(self, number: int) -> Header:
        """Return the canonical header at a height.

        Raises:
            ChainUnavailable: the node has no such block, which says nothing about the chain: it may merely lag behind.
        """
        [block] = await self._node.ask([("eth_getBlockByNumber", [hex(number), False])])
        return header(block)

    async def is_replaced(self, number: int, known: Hash) -> bool:
        """Tell whether more than half of all endpoints have another block than `known` at a height.

        What stops everything is not believed of one endpoint while others contradict it, or say nothing.
        """
        told = await self._node.poll([("eth_getBlockByNumber", [hex(number), False])])
        others = [block for [block] in told if block is not None and header(block).hash != known]
        return 2 * len(others) > len(self._node.endpoints)

    async def headers(self, first: int, last: int) -> list[Header]:
        """Return the canonical headers from `first` to `last`, as many as the node has."""
        numbers = range(first, last + 1)
        if not numbers:
            return []
        blocks = await self._node.ask([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [header(block) for block in blocks if block is not None]

    async def logs_of(self, blocks: Sequence[Header]) -> list[TokenLog]:
        """Return the token's logs in exactly these blocks, in order: asked by hash, so a reorganisation cannot mix in.

        Raises:
            ChainUnavailable: the node does not have one of them, or not any more.
        """
        requests: list[Request] = [("eth_getLogs", [self._filter(blockHash=f"0x{one.hash.hex()}")]) for one in blocks]
        return [_token_log(log) for logs in await self._node.ask(requests) for log in logs]

    async def logs_from(self, first: int, last: int) -> tuple[int, list[TokenLog]]:
        """Return the token's logs from block `first` on, and the block they reach to; only for blocks that are final.

        That is `last`, or less where the node finds that too much for one answer; every provider has its own limit.

        Raises:
            ChainUnavailable: not even the first block alone was answered, or no endpoint answers at all.
        """
        reached, logs = await self._logs(self._filter(), first, last)
        return reached, [_token_log(log) for log in logs]

    async def burned_between(self, first: int, last: int) -> int:
        """Return the base units that holders burned from block `first` to `last`, however many questions that takes.

        Raises:
            ChainUnavailable: as `logs_from`.
        """
        wanted: dict[str, object] = {"address": self._token, "topics": [f"0x{TRANSFER.hex()}", None, _ZERO_TOPIC]}
        burned, reached = 0, first - 1
        while reached < last:
            reached, logs = await self._logs(wanted, reached + 1, last)
            burned += sum(int.from_bytes(_bytes(log["data"])) for log in logs)
        return burned

    async def receipts(self, hashes: Sequence[Hash]) -> dict[Hash, Receipt]:
        """Return the receipts of those transactions that a block carries."""
        requests: list[Request] = [("eth_getTransactionReceipt", [f"0x{one.hex()}"]) for one in hashes]
        answers = await self._node.ask(requests)
        return {one: _receipt(answer) for one, answer in zip(hashes, answers, strict=True) if answer is not None}

    async def receipts_of_any(self, hashes: Sequence[Hash]) -> dict[Hash, Receipt]:
        """Return the receipts that any endpoint has: one that says it has none may merely be late with its index."""
        requests: list[Request] = [("eth_getTransactionReceipt", [f"0x{one.hex()}"]) for one in hashes]
        told = await self._node.poll(requests) if requests else []
        pairs = [pair for answers in told for pair in zip(hashes, answers, strict=True)]
        return {one: _receipt(answer) for one, answer in pairs if answer is not None}

    async def mined_nonce(self, address: Address, block: int) -> int:
        """Return how many transactions of `address` blocks up to `block` carry."""
        [count] = await self._node.ask([("eth_getTransactionCount", [f"0x{address.hex()}", hex(block)])])
        return int(count, 16)

    async def nonces(self, address: Address, tags: Sequence[str]) -> list[int]:
        """Return how many transactions of `address` there are at each tag, such as `latest`, `pending`, `finalized`."""
        counts = await self._node.ask([("eth_getTransactionCount", [f"0x{address.hex()}", tag]) for tag in tags])
        return [int(count, 16) for count in counts]

    async def gas_money_wei(self, address: Address) -> int:
        """Return what `address` has for gas at the head."""
        [balance] = await self._node.ask([("eth_getBalance", [f"0x{address.hex()}", "latest"])])
        return int(balance, 16)

    async def estimate(self, *, sender: Address, target: Address | None, calldata: bytes) -> int:
        """Return the gas that a call would use at the head; for administration, where bounds are not known before.

        Raises:
            EndpointRefused: it would revert.
        """
        call = {"from": f"0x{sender.hex()}", "data": f"0x{calldata.hex()}"}
        where = {} if target is None else {"to": f"0x{target.hex()}"}
        [gas] = await self._node.ask([("eth_estimateGas", [{**call, **where}])])
        return int(gas, 16)

    async def replay(self, *, sender: Address, target: Address, calldata: bytes, block: int) -> bytes | None:
        """Return the revert data of a call as if made on top of `block`, None when it goes through or none is told."""
        call = {"from": f"0x{sender.hex()}", "to": f"0x{target.hex()}", "data": f"0x{calldata.hex()}"}
        try:
            await self._node.ask([("eth_call", [call, hex(block)])])
        except EndpointRefused as refusal:
            return refusal.revert
        return None

    async def _tagged(self, tag: str) -> Header | None:
        """Return the block of a tag, None when the node knows none: geth answers an error, others null."""
        try:
            [block] = await self._node.ask([("eth_getBlockByNumber", [tag, False])])
        except EndpointRefused:
            return None
        return None if block is None else header(block)

    async def _logs(self, wanted: dict[str, object], first: int, last: int) -> tuple[int, list[dict[str, Any]]]:
        """Return the logs from block `first` on that a filter wants, and the block they reach to.

        What was too much is remembered, so that the next question begins with what was answered, and a little more.
        """
        while True:
            reached = min(last, first + self._span - 1)
            where = {"fromBlock": hex(first), "toBlock": hex(reached)}
            try:
                [logs] = await self._node.ask([("eth_getLogs", [{**wanted, **where}])])
            except EndpointRefused:
                if reached == first:
                    raise
                self._span = (reached - first + 1) // 2
            except EndpointSilent:
                if reached - first < _LOG_BLOCKS_EASY:
                    raise
                # Nobody says "too much" who is still searching when the time is up.
                self._span = _LOG_BLOCKS_EASY
            else:
                if reached - first + 1 == self._span:
                    self._span = min(self._span + self._span // 4 + 1, LOG_BLOCKS_MAX)
                return reached, logs

    def _filter(self, **where: str) -> dict[str, object]:
        """Return a log filter for the life of numbers."""
        return {"address": self._token, "topics": _LIFE_OF_A_NUMBER, **where}


def header(block: dict[str, Any] | None) -> Header:
    """Return a block's header.

    Raises:
        ChainUnavailable: the node has no such block.
    """
    if block is None:
        raise ChainUnavailable("the node has no such block")
    return Header(
        number=int(block["number"], 16),
        hash=Hash(_bytes(block["hash"])),
        parent_hash=Hash(_bytes(block["parentHash"])),
        base_fee_wei=int(block.get("baseFeePerGas") or "0x0", 16),
        timestamp=int(block["timestamp"], 16),
    )


def _token_log(log: dict[str, Any]) -> TokenLog:
    """Return one log of the token as what it says.

    Raises:
        ChainUnavailable: the token's contract writes no such log, so the node has not answered what was asked.
    """
    place = Place(int(log["blockNumber"], 16), Hash(_bytes(log["blockHash"])), Hash(_bytes(log["transactionHash"])))
    match [_bytes(one) for one in log["topics"]], _bytes(log["data"]):
        case [topic, number, recipient], amount if topic == MINTED and len(amount) == _WORD_BYTES:
            to = Address(recipient[-_ADDRESS_BYTES:])
            return MintedLog(int.from_bytes(number), to, int.from_bytes(amount), place)
        case [topic, number], reason if topic == SKIPPED and reason and int.from_bytes(reason) < len(SKIP_REASONS):
            return SkippedLog(int.from_bytes(number), SKIP_REASONS[int.from_bytes(reason)], place)
        case [topic, number], _ if topic == RETIRED:
            return RetiredLog(int.from_bytes(number), place)
    raise ChainUnavailable(f"the node answers with a log in block {place.block_number} that is not the token's")


def _receipt(receipt: dict[str, Any]) -> Receipt:
    """Return one receipt."""
    return Receipt(
        place=Place(
            int(receipt["blockNumber"], 16),
            Hash(_bytes(receipt["blockHash"])),
            Hash(_bytes(receipt["transactionHash"])),
        ),
        is_success=int(receipt["status"], 16) == 1,
        gas_used=int(receipt["gasUsed"], 16),
    )


def _bytes(text: str) -> bytes:
    """Return hexadecimal text as bytes."""
    return bytes.fromhex(text.removeprefix("0x"))
