"""The chain as a whole: what its contracts allow, and how far our records of it go."""

import msgspec

from cashback.chain.model.address import Address, Hash
from cashback.chain.model.lanes import Prices


class Person(msgspec.Struct, frozen=True):
    """Who turns a switch: the name that was given, and that of the client certificate, None without one."""

    name: str
    certificate: str | None = None


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Why minting stands still: a stable `reason`, what `by` said about it, and since when (ms since the epoch)."""

    reason: str
    detail: str
    by: Person
    at_ms: int


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the contracts allow the signer at the head, and what gas costs there."""

    head: int
    head_hash: Hash = Hash(b"")
    prices: Prices
    is_paused: bool
    is_operator: bool
    is_minter: bool
    available: int
    supply: int
    cap: int
    gas_money_wei: int
    pending_nonce: int


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What gas costs at a block, and what the contracts allow anybody there, in base units; the limiter is a bucket."""

    base_fee_wei: int
    is_paused: bool
    capacity: int
    window_s: int
    available: int
    supply_cap: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the contracts say of themselves at the head, and which of some signers may mint through them."""

    decimals: int
    is_paused: bool
    is_minter: bool
    operators: list[Address]


class KnownNumber(msgspec.Struct, frozen=True):
    """The highest mint number that is known here, and how long ago minting told its own, None when it never did."""

    number: int
    minting_told_ms_ago: int | None


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Which chain and contracts a database is about, and how far; outcomes are counted through all epochs.

    `minters` are the modules that it was ever about, the present one among them.
    """

    epoch: str
    last_sequence: int
    chain_id: int
    token: Address
    minter: Address
    minters: tuple[Address, ...]
    safe_block: int
    final_block: int
    halted_reason: str | None
