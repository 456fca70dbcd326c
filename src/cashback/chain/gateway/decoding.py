"""What nodes' JSON says, as values that can be compared: clients differ in hexadecimal case and in extra members."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from cashback.chain.model import (
    Address,
    AnchoredLog,
    ChainUnavailable,
    Hash,
    Header,
    MintedLog,
    Place,
    Prices,
    Receipt,
    RetiredLog,
    SeenLog,
    SkippedLog,
)

MINTED: Final = bytes.fromhex("8790d372014415ffd01df9b3b7b5d661b0e8973409f8dcdb08722a2e288ef798")
"""Topic of `CashbackMinted(uint64,address,uint256)`."""
SKIPPED: Final = bytes.fromhex("9e3262367522638332d3ec7d3a98ed41dd89253b84263bcd122b2b2828a2b20d")
"""Topic of `CashbackSkipped(uint64,uint8)`."""
RETIRED: Final = bytes.fromhex("4904adfc4a52065ea819a65f72f2f9d43e2175606dbfc1ce2eaef56c4489106e")
"""Topic of `CashbackRetired(uint64)`."""
ANCHORED: Final = bytes.fromhex("41c3f410f5c8ac36bb46b1dccef0de0f964087c9e688795fa02ecfa2c20b3fe4")
"""Topic of `Anchored(bytes32,uint64)`, which minters write."""
SKIP_REASONS: Final = ("number_used", "recipient_invalid", "amount_zero")
"""By the value of `CashbackToken.SkipReason`."""

_ADDRESS_BYTES: Final = 20
_WORD_BYTES: Final = 32


def header(block: dict[str, Any] | None) -> Header:
    """Return a block's header.

    Raises:
        ChainUnavailable: the node has no such block.
    """
    if block is None:
        raise ChainUnavailable("the node has no such block")
    return Header(
        number=int(block["number"], 16),
        hash=Hash(octets(block["hash"])),
        parent_hash=Hash(octets(block["parentHash"])),
        base_fee_wei=int(block.get("baseFeePerGas") or "0x0", 16),
        timestamp=int(block["timestamp"], 16),
    )


def seen_log(log: dict[str, Any], *, token: Address, minters: Collection[Address]) -> SeenLog:
    """Return one log of the token, or an anchor of one of its minters, as what it says.

    Raises:
        ChainUnavailable: that contract writes no such log, so the node has not answered what was asked.
    """
    place = Place(int(log["blockNumber"], 16), Hash(octets(log["blockHash"])), Hash(octets(log["transactionHash"])))
    emitter = Address(octets(log["address"]))
    match [octets(one) for one in log["topics"]], octets(log["data"]):
        case [topic, root, up_to], _ if topic == ANCHORED and emitter in minters:
            return AnchoredLog(root, int.from_bytes(up_to), emitter, place)
        case _ if emitter != token:
            pass
        case [topic, number, recipient], amount if topic == MINTED and len(amount) == _WORD_BYTES:
            to = Address(recipient[-_ADDRESS_BYTES:])
            return MintedLog(int.from_bytes(number), to, int.from_bytes(amount), place)
        case [topic, number], reason if topic == SKIPPED and reason and int.from_bytes(reason) < len(SKIP_REASONS):
            return SkippedLog(int.from_bytes(number), SKIP_REASONS[int.from_bytes(reason)], place)
        case [topic, number], _ if topic == RETIRED:
            return RetiredLog(int.from_bytes(number), place)
    raise ChainUnavailable(f"the node answers with a log in block {place.block_number} that is not the contracts'")


def receipt(mined: dict[str, Any]) -> Receipt:
    """Return one receipt."""
    return Receipt(
        place=Place(
            int(mined["blockNumber"], 16), Hash(octets(mined["blockHash"])), Hash(octets(mined["transactionHash"]))
        ),
        is_success=int(mined["status"], 16) == 1,
        gas_used=int(mined["gasUsed"], 16),
    )


def receipts_among(mined: list[dict[str, Any]] | None, hashes: frozenset[Hash]) -> dict[Hash, Receipt]:
    """Return of a block's receipts those of some transactions.

    Raises:
        ChainUnavailable: the node has no such block.
    """
    if mined is None:
        raise ChainUnavailable("the node has no such block")
    told = (receipt(one) for one in mined if Hash(octets(one["transactionHash"])) in hashes)
    return {one.place.transaction_hash: one for one in told}


def octets(text: str) -> bytes:
    """Return hexadecimal text as bytes."""
    return bytes.fromhex(text.removeprefix("0x"))


def prices(history: dict[str, Any], head: Header) -> Prices:
    """Return what gas has cost up to `head`; a block that nobody paid for tells nothing of tips.

    A node may have a block before it has its fees: a history that ends earlier tells no base fee after `head`, whose
    own is taken then.
    """
    fees = history["baseFeePerGas"]
    reaches = int(history["oldestBlock"], 16) + len(fees) - 2
    base_fee_wei = int(fees[-1], 16) if reaches == head.number else head.base_fee_wei
    paid = zip(history["gasUsedRatio"], history["reward"], strict=False)
    rewards = tuple(int(reward[0], 16) for used, reward in paid if used > 0)
    return Prices(base_fee_wei, rewards)


def agreed_prices(told: Sequence[Prices]) -> Prices:
    """Return of several histories with the same base fee the one whose tips nobody of them finds too high."""
    columns = zip(*(one.rewards_wei for one in told), strict=False)
    return Prices(told[0].base_fee_wei, tuple(min(column) for column in columns))


def quantity(answers: list[Any]) -> int:
    """Return the first answer, a quantity, as an integer."""
    return int(answers[0], 16)
