"""What recovering found and changed: outcomes that are void, mints nobody asked for, nonces that were adopted."""

import msgspec

from cashback.chain.model.address import Address
from cashback.chain.model.blocks import Place


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """A mint whose outcome is void: where that stood, and why the mint had failed, empty when it was minted."""

    number: int
    cashback_id: str
    amount: int
    place: Place
    reason: str


class UnknownMint(msgspec.Struct, frozen=True, kw_only=True):
    """A mint on the chain that nobody has submitted here (yet)."""

    number: int
    recipient: Address
    amount: int
    transaction_hash: bytes
    block_number: int


class Exposed(msgspec.Struct, frozen=True, kw_only=True):
    """A number that is to be retired again, and the nonce at which calls that would mint it are signed and public."""

    number: int
    cashback_id: str
    amount: int
    signer: Address
    nonce: int


class AdoptedLane(msgspec.Struct, frozen=True, kw_only=True):
    """A signer that goes on from the chain's nonce; unknown transactions used the nonces of `closed_slots` slots."""

    address: Address
    next_nonce_before: int
    next_nonce: int
    closed_slots: int


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed, or would be. Lists hold at most 1,000 entries, the counts tell of all.

    `reorganised_above` is the last block that is still canonical, None when no final block was replaced.
    `waiting_again` mints wait for the chain, those included that had no outcome yet. What is `exposed` may be minted by
    whoever sends our old calls, until no-ops and retirements stand in its way.
    """

    reorganised_above: int | None
    taken_back: list[TakenBack]
    taken_back_count: int
    unknown: list[UnknownMint]
    unknown_count: int
    lanes: list[AdoptedLane]
    exposed: list[Exposed]
    exposed_count: int
    waiting_again: int
    epoch_before: str
    epoch: str
