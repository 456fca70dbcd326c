"""The adapter at one moment, as its operator sees it from outside."""

import msgspec

from cashback.chain.model.address import Address
from cashback.chain.model.network import Allowance, Halt


class LaneView(msgspec.Struct, frozen=True, kw_only=True):
    """One signer: our next nonce beside the chain's three, what is open, and its gas money.

    The chain's figures are None when no node told them.
    """

    address: Address
    next_nonce: int
    final_nonce: int
    latest_nonce: int | None
    pending_nonce: int | None
    open_slots: int
    waits_for: str
    gas_money_wei: int | None

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
    """What is served, how far it is, what is allowed and paid, and whether minting is halted; amounts in base units."""

    chain_id: int
    token: Address
    minter: Address
    epoch: str
    head: int
    safe: int
    final: int
    accepted_waiting: int
    total_supply: int | None
    tip_wei: int
    fee_cap_wei: int
    allowance: Allowance | None
    lanes: list[LaneView]
    endpoints: list[EndpointView]
    halts: list[Halt]
