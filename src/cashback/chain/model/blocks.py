"""Blocks, and what was seen in them."""

from typing import TypeAlias

import msgspec

from cashback.chain.model.address import Address, Hash


class Header(msgspec.Struct, frozen=True):
    """A block's header, as far as it matters here."""

    number: int
    hash: Hash
    parent_hash: Hash
    base_fee_wei: int
    timestamp: int


class Heads(msgspec.Struct, frozen=True):
    """The newest, the safe and the final block at one moment; a young chain has no final one yet."""

    latest: Header
    safe: Header | None
    final: Header | None


class Place(msgspec.Struct, frozen=True):
    """Where in the chain something stands."""

    block_number: int
    block_hash: Hash
    transaction_hash: Hash


class MintedLog(msgspec.Struct, frozen=True):
    """`CashbackMinted`: the truth about a mint, whoever's transaction carried it."""

    number: int
    recipient: Address
    amount: int
    place: Place


class SkippedLog(msgspec.Struct, frozen=True):
    """`CashbackSkipped`: the entry was not minted in this call."""

    number: int
    reason: str
    place: Place


class RetiredLog(msgspec.Struct, frozen=True):
    """`CashbackRetired`: the number is used up and will never be minted."""

    number: int
    place: Place


class AnchoredLog(msgspec.Struct, frozen=True):
    """`Anchored`: the truth about an anchor, in the log of one `minter` module, whoever's transaction wrote it."""

    root: bytes
    up_to: int
    minter: Address
    place: Place


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How many transactions of one account a quorum of endpoints has seen: mined, sent at all; and anyone at most."""

    mined: int
    sent: int
    rumoured: int


TokenLog: TypeAlias = MintedLog | SkippedLog | RetiredLog
SeenLog: TypeAlias = TokenLog | AnchoredLog
"""What is read in blocks: the token's logs about numbers, and its minters' about anchors."""


class Receipt(msgspec.Struct, frozen=True):
    """That a transaction was mined, where, and whether it did what it should."""

    place: Place
    is_success: bool
    gas_used: int
