"""Headers, logs, receipts and nonces as a quorum of endpoints tells them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

from cashback.chain.gateway import decoding, filters
from cashback.chain.gateway.branches import agree_on_branch, header_at
from cashback.chain.gateway.endpoint import Request
from cashback.chain.gateway.heads import HeadsOfChain
from cashback.chain.gateway.jsonrpc import EndpointRefused, EndpointSilent
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.quorum import QuorumMissing, vouched
from cashback.chain.model import Address, ChainUnavailable, Hash, Header, Heads, Prices, Receipt, Seen, SeenLog

L = TypeVar("L")

LOG_BLOCKS_MAX: Final = 10_000
"""The most blocks that one question about logs spans."""
FEE_BLOCKS: Final = 20
"""How many blocks tell what a tip is worth: four minutes of Ethereum, forty seconds of a rollup."""
REWARD_PERCENTILE: Final = 50
"""Of each block's gas so much, in per cent, was had for the tip that is looked at, or less."""
_LOG_BLOCKS_EASY: Final = 256
"""So few are never too many for an answer in time."""


class Blocks:
    """What one token's life looks like in the chain's blocks."""

    def __init__(self, node: Node, *, token: Address) -> None:
        """Read through `node` about `token`, logs of `span` blocks at once: of fewer where that is too much."""
        self._node = node
        self._heads = HeadsOfChain(node)
        self._token = token
        self.span = LOG_BLOCKS_MAX

    async def latest(self) -> Header:
        """Return the newest block's header.

        Raises:
            ChainUnavailable: no quorum of endpoints has the same one; so it is with every other question here.
        """
        return await self._heads.latest()

    async def heads(self) -> Heads:
        """Return the newest, the safe and the final block: the one question that is asked all the time.

        A tag that the node does not know yet is None.
        """
        return await self._heads.heads()

    async def header_at(self, number: int, *, under: Header | None = None) -> Header:
        """Return the canonical header at a height; by endpoints that have the block `under` which it is to be, if any.

        Raises:
            ChainUnavailable: the node has no such block, which says nothing about the chain: it may merely lag behind.
        """
        return await agree_on_branch(
            self._node, [header_at(number)], lambda blocks: decoding.header(blocks[0]), under=under
        )

    async def is_replaced(self, number: int, known: Hash) -> bool:
        """Tell whether more than half of all endpoints have another block than `known` at a height.

        What stops everything is not believed of one endpoint while others contradict it, or say nothing.
        """
        told = await self._node.poll([("eth_getBlockByNumber", [hex(number), False])])
        others = [block for [block] in told if block is not None and decoding.header(block).hash != known]
        return 2 * len(others) > len(self._node.endpoints)

    async def headers(self, first: int, last: int, *, under: Header | None = None) -> list[Header]:
        """Return the canonical headers from `first` to `last`, as many as the node has; `under` as in `header_at`."""
        numbers = range(first, last + 1)
        if not numbers:
            return []
        return await agree_on_branch(
            self._node,
            [header_at(number) for number in numbers],
            lambda blocks: [decoding.header(block) for block in blocks if block is not None],
            under=under,
        )

    async def logs_of(self, blocks: Sequence[Header], *, minters: Collection[Address] = ()) -> list[SeenLog]:
        """Return the token's logs, and the anchors of `minters`, in exactly these blocks, in order.

        They are asked for by hash, so that a reorganisation cannot mix in.

        Raises:
            ChainUnavailable: the node does not have one of them, or not any more.
        """
        wanted, decode = filters.seen(self._token, minters)
        requests: list[Request] = [("eth_getLogs", [{**wanted, "blockHash": f"0x{one.hash.hex()}"}]) for one in blocks]
        agreed = await self._node.agree(requests, lambda answers: [decode(log) for logs in answers for log in logs])
        return agreed[0]

    async def logs_from(
        self, first: int, last: int, *, under: Header | None = None, minters: Collection[Address] = ()
    ) -> tuple[int, list[SeenLog]]:
        """Return the logs as `logs_of` from block `first` on, and the block they reach to; only for final blocks.

        That is `last`, or less where the node finds that too much for one answer; every provider has its own limit.
        `under` as in `header_at`.

        Raises:
            ChainUnavailable: not even the first block alone was answered, or no endpoint answers at all.
        """
        wanted, decode = filters.seen(self._token, minters)
        return await self._logs(wanted, first, last, decode, under=under)

    async def burned_between(self, first: int, last: int) -> int:
        """Return the base units that holders burned from block `first` to `last`, however many questions that takes.

        Raises:
            ChainUnavailable: as `logs_from`.
        """
        burned, reached = 0, first - 1
        while reached < last:
            reached, amounts = await self._logs(filters.burned(self._token), reached + 1, last, _amount)
            burned += sum(amounts)
        return burned

    async def receipts(self, hashes: Sequence[Hash]) -> dict[Hash, Receipt]:
        """Return the receipts of those transactions that a block carries."""
        requests: list[Request] = [("eth_getTransactionReceipt", [f"0x{one.hex()}"]) for one in hashes]
        agreed = await self._node.agree(
            requests, lambda answers: [None if one is None else decoding.receipt(one) for one in answers]
        )
        return {one: found for one, found in zip(hashes, agreed[0], strict=True) if found is not None}

    async def receipts_in(self, number: int, hashes: Sequence[Hash]) -> dict[Hash, Receipt]:
        """Return the receipts of those transactions that the block at a height carries, by one question.

        Raises:
            ChainUnavailable: it is not answered; not every client and provider knows the question.
        """
        agreed = await self._node.agree(
            [("eth_getBlockReceipts", [hex(number)])],
            lambda answers: decoding.receipts_among(answers[0], frozenset(hashes)),
        )
        return agreed[0]

    async def receipts_of_any(self, hashes: Sequence[Hash]) -> dict[Hash, Receipt]:
        """Return the receipts that any endpoint has: one that says it has none may merely be late with its index."""
        requests: list[Request] = [("eth_getTransactionReceipt", [f"0x{one.hex()}"]) for one in hashes]
        told = await self._node.poll(requests) if requests else []
        pairs = [pair for answers in told for pair in zip(hashes, answers, strict=True)]
        return {one: decoding.receipt(answer) for one, answer in pairs if answer is not None}

    async def mined_nonce(self, address: Address, block: int) -> int:
        """Return how many transactions of `address` blocks up to `block` carry."""
        agreed = await self._node.agree([_count(address, hex(block))], decoding.quantity)
        return agreed[0]

    async def seen_nonces(self, address: Address) -> Seen:
        """Return how many transactions of `address` a quorum has seen mined, and has seen at all.

        Where endpoints differ for long, since one of them lags or hears of no pool, nothing above what a quorum has
        seen is told as seen; but `rumoured` is the most that anyone has.
        """
        node = self._node
        counted = await node.survey(
            [_count(address, "latest"), _count(address, "pending")],
            _seen,
            is_enough=lambda so_far: any(so_far.count(one) >= node.quorum for one in so_far),
        )
        same = [one for one in counted if counted.count(one) >= node.quorum]
        if same:
            return same[0]
        return Seen(
            mined=vouched([one.mined for one in counted], node.quorum),
            sent=vouched([one.sent for one in counted], node.quorum),
            rumoured=max(one.rumoured for one in counted),
        )

    async def nonces(self, address: Address, tags: Sequence[str]) -> list[int]:
        """Return how many transactions of `address` there are at each tag, such as `latest` or `pending`.

        By one endpoint's word: to be shown, or for administration on a chain of one's own.
        """
        counts = await self._node.ask([_count(address, tag) for tag in tags])
        return [int(count, 16) for count in counts]

    async def prices(self, head: Header) -> Prices:
        """Return what gas has cost up to `head`, and the base fee of the block after it (EIP-1559)."""
        told = await self._node.agree(
            [fee_history(head.number)],
            lambda answers: decoding.prices(answers[0], head),
            key=lambda prices: prices.base_fee_wei,
        )
        return decoding.agreed_prices(told)

    async def gas_money_wei(self, address: Address) -> int:
        """Return what `address` has for gas at the head."""
        return decoding.quantity(await self._node.ask([("eth_getBalance", [f"0x{address.hex()}", "latest"])]))

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
        """Return the revert data of a call as if made on top of `block`, None when it goes through or none is told.

        None is told, too, when endpoints answer differently: one of them may have forgotten the state there.
        """
        call = {"from": f"0x{sender.hex()}", "to": f"0x{target.hex()}", "data": f"0x{calldata.hex()}"}
        try:
            await self._node.agree([("eth_call", [call, hex(block)])], lambda _: None)
        except EndpointRefused as refusal:
            return refusal.revert
        except QuorumMissing as missing:
            if not missing.is_disagreement:
                raise
        return None

    async def _logs(
        self,
        wanted: dict[str, object],
        first: int,
        last: int,
        decode: Callable[[dict[str, Any]], L],
        *,
        under: Header | None = None,
    ) -> tuple[int, list[L]]:
        """Return the logs from block `first` on that a filter wants, and the block they reach to.

        What was too much is remembered, so that the next question begins with what was answered, and a little more.
        """
        while True:
            reached = min(last, first + self.span - 1)
            where = {"fromBlock": hex(first), "toBlock": hex(reached)}
            try:
                logs = await agree_on_branch(
                    self._node,
                    [("eth_getLogs", [{**wanted, **where}])],
                    lambda answers: [decode(log) for log in answers[0]],
                    under=under,
                )
            except ChainUnavailable as failure:
                span = _smaller(failure, reached - first + 1)
                if span is None:
                    raise
                self.span = span
            else:
                if reached - first + 1 == self.span:
                    self.span = min(self.span + self.span // 4 + 1, LOG_BLOCKS_MAX)
                return reached, logs


def fee_history(block: int) -> Request:
    """Return the question for the fees of recent blocks up to one."""
    return ("eth_feeHistory", [hex(FEE_BLOCKS), hex(block), [REWARD_PERCENTILE]])


def _smaller(failure: ChainUnavailable, span: int) -> int | None:
    """Return of how many blocks to ask for after `span` of them were not answered, None when fewer would not help."""
    missing = failure if isinstance(failure, QuorumMissing) else None
    if isinstance(failure, EndpointRefused) or (missing and missing.refusals):
        return span // 2 or None
    # Nobody says "too much" who is still searching when the time is up.
    is_silence = isinstance(failure, EndpointSilent) or bool(missing and missing.silences)
    return _LOG_BLOCKS_EASY if is_silence and span > _LOG_BLOCKS_EASY else None


def _count(address: Address, block: str) -> Request:
    """Return the question for how many transactions of an address there are at a block or a tag."""
    return ("eth_getTransactionCount", [f"0x{address.hex()}", block])


def _seen(answers: list[Any]) -> Seen:
    """Return how many transactions one endpoint has seen; pools may know less than blocks.

    Raises:
        EndpointRefused: it does not tell.
    """
    mined, sent = answers
    if isinstance(mined, EndpointRefused):
        raise mined
    if isinstance(sent, EndpointRefused):
        raise sent
    most = max(int(mined, 16), int(sent, 16))
    return Seen(mined=int(mined, 16), sent=most, rumoured=most)


def _amount(log: dict[str, Any]) -> int:
    """Return the amount of a transfer."""
    return int.from_bytes(decoding.octets(log["data"]))
