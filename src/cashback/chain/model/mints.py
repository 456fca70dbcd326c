"""Mints: as asked for, as admitted, as waiting, and what became of them."""

from typing import Literal, TypeAlias

import msgspec

from cashback.chain.model.address import Address
from cashback.chain.model.blocks import Place


class Mint(msgspec.Struct, frozen=True):
    """A mint as asked for. Number, cashback, recipient and amount are its fingerprint and never change."""

    number: int
    cashback_id: str
    recipient: Address
    amount: int
    traceparent: str | None = None

    def has_fingerprint_of(self, other: "Mint") -> bool:
        """Tell whether both are the very same mint, whoever asked in whichever trace."""
        return (self.number, self.cashback_id, self.recipient, self.amount) == (
            other.number,
            other.cashback_id,
            other.recipient,
            other.amount,
        )


class Admitted(msgspec.Struct, frozen=True):
    """The mint is stored, now or before; an outcome will follow."""

    number: int


class Conflicting(msgspec.Struct, frozen=True):
    """The number is taken by another fingerprint."""

    number: int
    reason: str


class Unmintable(msgspec.Struct, frozen=True):
    """The entry can never be minted."""

    number: int
    reason: str


Admission: TypeAlias = Admitted | Conflicting | Unmintable


class Waiting(msgspec.Struct, frozen=True):
    """What of an accepted mint goes into calldata, and the trace that it belongs to."""

    number: int
    recipient: Address
    amount: int
    traceparent: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The final word on one mint, at its place in the stream; or that the one before it is void: `reverted`.

    Place and reason of a reverted one are those of the outcome that is void, the reason empty when that was a mint.
    `reversals` is how often an outcome of this mint was taken back, this time included.
    """

    sequence: int
    kind: Literal["minted", "failed", "reverted"]
    mint: Mint
    place: Place
    reason: str
    reversals: int = 0


class MintView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come; times are milliseconds since the epoch, 0 when not reached.

    One that is `held` is in no call until a person lets it go: the contracts refuse it, `reason` says why.
    """

    number: int
    state: Literal["unknown", "accepted", "submitted", "included", "safe", "final", "refused", "held"]
    transaction_hash: bytes = b""
    block_number: int = 0
    block_hash: bytes = b""
    accepted_at_ms: int = 0
    submitted_at_ms: int = 0
    included_at_ms: int = 0
    final_at_ms: int = 0
    held_at_ms: int = 0
    reason: str = ""
