"""Lanes: the calls that carry mints, the nonces they take, and the signed attempts at each."""

from typing import Literal, TypeAlias

import msgspec

from cashback.chain.model.address import Address, Hash


class Call(msgspec.Struct, frozen=True):
    """One call of the minter that carries `numbers`, none when it anchors; `gas` is the most it can use."""

    calldata: bytes
    numbers: tuple[int, ...]
    amount: int
    gas: int


class Trial(msgspec.Struct, frozen=True):
    """What a call would do on top of a block: what it should, nothing, or run out of the gas that is its bound.

    `selector` is the first four bytes of its error, empty when it gives none.
    """

    outcome: Literal["done", "undone", "out_of_gas"]
    selector: bytes = b""


class Fees(msgspec.Struct, frozen=True):
    """The two prices per gas of an EIP-1559 transaction."""

    max_fee_wei: int
    tip_wei: int


class Prices(msgspec.Struct, frozen=True):
    """What gas has cost: the base fee that the next block will have, and a tip that was enough in each recent block."""

    base_fee_wei: int
    rewards_wei: tuple[int, ...]


class Market(msgspec.Struct, frozen=True):
    """What the next block costs per gas: its base fee, and the tip to give."""

    base_fee_wei: int
    tip_wei: int


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt signs; no `target` creates a contract."""

    chain_id: int
    nonce: int
    fees: Fees
    gas: int
    target: Address | None
    calldata: bytes


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature on secp256k1 with low s (EIP-2) and the parity of y."""

    y_parity: int
    r: int
    s: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A signed transaction at one nonce of one lane: these bytes are what is sent, each time."""

    hash: Hash
    lane: int
    nonce: int
    raw: bytes
    fees: Fees


SlotKind: TypeAlias = Literal["mint", "noop", "retire", "void", "anchor"]
"""What a nonce is for: mints; nothing, where pools hold something unknown; using a number up without a mint; nothing
any more, where a call must not be sent again; or publishing evidence."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One nonce of a lane and what it carries, for ever."""

    lane: int
    nonce: int
    target: Address
    call: Call
    kind: SlotKind = "mint"


LaneState: TypeAlias = Literal["active", "draining"]
"""A lane that is `draining` finishes what it has and takes nothing new, so that its key may be put away."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One signer as stored: its next nonce, the first that is not final, and how many no block carries."""

    id: int
    address: Address
    next_nonce: int
    final_nonce: int
    waits_for: str | None
    state: LaneState
    open_slots: int

    @property
    def is_drained(self) -> bool:
        """Tell whether it is draining and every nonce it ever used is final: its key is not needed any more."""
        return self.state == "draining" and self.final_nonce == self.next_nonce


Answer: TypeAlias = Literal[
    "accepted", "known", "nonce_used", "outbid", "underpriced", "no_funds", "refused", "unknown"
]
"""What a node made of a sent transaction: `outbid` when it does not pay enough more than the one that the pool holds at
its nonce, `underpriced` when it is too cheap by itself, `refused` for good, `unknown` when nobody can tell."""


class NodeAnswer(msgspec.Struct, frozen=True):
    """What one endpoint said to a send: no problem, an error in its own words, or nothing in time."""

    endpoint: str
    is_accepted: bool
    problem: str = ""
    is_answered: bool = True


class OpenSlot(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that no block carries yet, its newest attempt, and how long ago things happened.

    A `noop` moves nothing: it takes a nonce at which pools hold something that our records do not know. A `retire` uses
    a cancelled number up, an `anchor` publishes evidence. A `void` is to be filled by a no-op, in place of its call.
    """

    lane: int
    nonce: int
    kind: SlotKind
    target: Address
    calldata: bytes
    gas: int
    hash: Hash
    raw: bytes
    fees: Fees
    sends: int
    answer: Answer | None
    since_stored_ms: int
    since_sent_ms: int
    is_first: bool

    @property
    def offers_void_call(self) -> bool:
        """Tell whether its newest attempt still carries the call that must not be sent: no no-op is signed yet."""
        return self.kind == "void" and self.calldata in self.raw


class NonceFault(msgspec.Struct, frozen=True, kw_only=True):
    """A nonce that breaks I9: whether the chain has it in a final block, the slot's state, its attempts mined there.

    `state` is None when nothing is stored at the nonce at all.
    """

    address: Address
    nonce: int
    is_final: bool
    state: str | None
    mined: int
