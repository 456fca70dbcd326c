"""Which shape the result of each JSON-RPC method must have: whatever else stands there is no answer.

A gateway in front of a node, or a node that is ill, answers in JSON as well. Checked here once, so that nobody behind
meets a null or a missing member where the method has none, and another endpoint is asked instead.
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

Quantity: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
Ordinal: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,15}$")]
"""A block's number, or a nonce: what is stored as a bigint must fit."""
Seconds: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,9}$")]
"""A time that calendars reach."""
Word: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")]
Account: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]
Octets: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x([0-9a-fA-F]{2})*$")]


class Block(msgspec.Struct, frozen=True, rename="camel"):
    """A block that was mined; chains before EIP-1559 have no base fee."""

    number: Ordinal
    hash: Word
    parent_hash: Word
    timestamp: Seconds
    base_fee_per_gas: Quantity | None = None


class Log(msgspec.Struct, frozen=True, rename="camel"):
    """A log of a block that was mined."""

    address: Account
    topics: list[Word]
    data: Octets
    block_number: Ordinal
    block_hash: Word
    transaction_hash: Word


class MinedReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """The receipt of a transaction that was mined, with its status (EIP-658)."""

    block_number: Ordinal
    block_hash: Word
    transaction_hash: Word
    status: Quantity
    gas_used: Quantity


class FeeHistory(msgspec.Struct, frozen=True, rename="camel"):
    """Fees of recent blocks, and the base fee of the one after them; a base fee more than there are blocks."""

    oldest_block: Ordinal
    base_fee_per_gas: Annotated[list[Quantity], msgspec.Meta(min_length=2)]
    gas_used_ratio: list[float]
    reward: list[Annotated[list[Quantity], msgspec.Meta(min_length=1)]]


_SHAPES: Final[dict[str, Any]] = {
    "eth_blockNumber": Ordinal,
    "eth_call": Octets,
    "eth_chainId": Quantity,
    "eth_estimateGas": Quantity,
    "eth_feeHistory": FeeHistory,
    "eth_getBalance": Quantity,
    "eth_getBlockByNumber": Block | None,
    "eth_getBlockReceipts": list[MinedReceipt] | None,
    "eth_getCode": Octets,
    "eth_getLogs": list[Log],
    "eth_getTransactionCount": Ordinal,
    "eth_getTransactionReceipt": MinedReceipt | None,
    "eth_sendRawTransaction": Word,
}


def check(method: str, result: object) -> None:
    """Return when `result` is one that `method` may have; any is, of a method that is not asked here otherwise.

    Raises:
        msgspec.ValidationError: it is not.
    """
    msgspec.convert(result, _SHAPES.get(method, Any))
