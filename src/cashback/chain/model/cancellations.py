"""Cancelling a mint: how far it is, and what is answered to whoever orders it.

ordered ──a lane signs──▶ retiring ──final──▶ retired
    └──────────┴── the mint was first ──▶ too_late
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from cashback.chain.model.address import Hash
from cashback.chain.model.mints import Conflicting, Unmintable
from cashback.chain.model.network import Person

Progress: TypeAlias = Literal["ordered", "retiring", "retired", "too_late"]
"""How far a cancellation is: noted; being retired on the chain; retired for good; or the mint was first."""

NUMBER_RETIRED = "number_retired"
"""Why a mint failed whose number was retired."""


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """How a stored mint stands towards being cancelled, whether anybody has ordered it or not."""

    number: int
    is_ordered: bool
    has_slot: bool
    verdict: Literal["minted", "failed"] | None
    reason: str
    is_final: bool


class Cancelling(msgspec.Struct, frozen=True):
    """The cancellation is noted, now or before, and so far."""

    number: int
    progress: Literal["ordered", "retiring", "retired"]


class Settled(msgspec.Struct, frozen=True):
    """The mint has its verdict on the chain already, so that nothing is left to cancel."""

    number: int
    reason: str


CancelAnswer: TypeAlias = Cancelling | Settled | Conflicting | Unmintable


class CancellationView(msgspec.Struct, frozen=True, kw_only=True):
    """A cancellation as a person sees it: whose order it was, why, and the transaction that retires the number."""

    by: Person
    because: str
    at: datetime
    transaction_hash: Hash | None
    standing: Cancellation
