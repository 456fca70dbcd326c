"""The adapter, and one mint in it, as a person sees them from outside."""

from datetime import datetime

import msgspec

from cashback.chain.model.address import Address, Hash
from cashback.chain.model.anchors import LatestAnchors
from cashback.chain.model.cancellations import CancellationView
from cashback.chain.model.mints import MintView
from cashback.chain.model.network import Allowance, Halt


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One signed transaction that carries a mint: when it was stored and sent, what nodes answered, and its block."""

    hash: Hash
    signer: Address
    nonce: int
    max_fee_wei: int
    tip_wei: int
    stored_at: datetime
    sends: int
    sent_at: datetime | None
    answer: str | None
    answer_detail: str | None
    block_number: int | None


class MintStory(msgspec.Struct, frozen=True):
    """A mint as the adapter knows it, who cancelled it, and the attempts at its present nonce, oldest first."""

    mint: MintView
    attempts: list[AttemptView]
    cancellation: CancellationView | None = None


class LaneView(msgspec.Struct, frozen=True, kw_only=True):
    """One signer: our next nonce beside the chain's three, what is open, and its gas money.

    The chain's figures are None when no node told them. A lane that is draining takes nothing new; once it is drained,
    its key is not needed any more. `gas_batches` is how many batches the gas money pays for at the fee cap, `gas_level`
    what the adapter calls that: `enough`, `low` or `critical`.
    """

    address: Address
    next_nonce: int
    final_nonce: int
    latest_nonce: int | None
    pending_nonce: int | None
    open_slots: int
    waits_for: str
    gas_money_wei: int | None
    is_draining: bool = False
    is_drained: bool = False
    gas_batches: int | None = None
    gas_level: str = ""

    @property
    def gap(self) -> int | None:
        """Return how many of our nonces no pool and no block holds; None when no node told."""
        return None if self.pending_nonce is None else max(self.next_nonce - self.pending_nonce, 0)


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint: its head, how many blocks that is behind the furthest one, and what is wrong with it."""

    name: str
    is_healthy: bool
    head: int
    lag: int
    problem: str


class AdapterView(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, how far it is, what is allowed and paid, and whether minting is halted; amounts in base units.

    `held` mints wait for a person; `held_numbers` are the lowest of them. `minting_told_ms_ago` is how long ago a mint
    worker told the highest number that it knows, None when none ever did.
    """

    chain_id: int
    token: Address
    minter: Address
    epoch: str
    head: int
    safe: int
    final: int
    accepted_waiting: int
    held: int
    held_numbers: list[int]
    total_supply: int | None
    tip_floor_wei: int
    tip_cap_wei: int
    fee_cap_wei: int
    allowance: Allowance | None
    lanes: list[LaneView]
    endpoints: list[EndpointView]
    halts: list[Halt]
    minting_told_ms_ago: int | None = None
    anchors: LatestAnchors = LatestAnchors(None, None)

    @property
    def is_head_told(self) -> bool:
        """Tell whether any node told how far the chain is; `head` says nothing otherwise."""
        return any(one.is_healthy for one in self.endpoints)
