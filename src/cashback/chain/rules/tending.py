"""What to do about a slot that no block carries yet, as a value: wait, send, bump, or give up.

    stored ──Send──▶ accepted ──mined──▶ (the follower's business)
       ▲                 │ older than `resend_ms`: Send the same bytes; stuck or priced out: Bump
       └──unknown────────┘ nobody can tell whether it arrived: Send the same bytes, never others

Times are given in; nothing here knows what time it is.
"""

from typing import Final, TypeAlias

import msgspec

from cashback.chain.model import Fees, OpenSlot
from cashback.chain.rules.fees import FeeLimits, Waits, next_bid

_RETRY_FIRST_MS: Final = 250
_RETRY_MAX_MS: Final = 5_000
_RETRY_DOUBLINGS_MAX: Final = 8
_LATER_PATIENCE: Final = 3


class Patience(msgspec.Struct, frozen=True):
    """How long an accepted attempt is left alone: until it is sent again, and until its price is raised."""

    resend_ms: int
    bump_ms: int


class Wait(msgspec.Struct, frozen=True):
    """Nothing is due; `reason` says what the lane waits for, if for anything but time."""

    reason: str | None = None


class Send(msgspec.Struct, frozen=True):
    """Send the stored bytes, again or for the first time."""


class Bump(msgspec.Struct, frozen=True):
    """Sign the same slot anew at these fees, store it, send it."""

    fees: Fees


class GiveUp(msgspec.Struct, frozen=True):
    """No node will ever take this transaction: minting must halt and a person look."""

    reason: str


Step: TypeAlias = Wait | Send | Bump | GiveUp


def next_step(slot: OpenSlot, *, base_fee_wei: int, limits: FeeLimits, patience: Patience) -> Step:
    """Return what is to be done about `slot` now; deciding changes nothing, so it may be asked at any time."""
    match slot.answer:
        case None:
            return Send()
        case "unknown":
            return _when(slot, _backoff_ms(slot.sends))
        case "no_funds":
            return _when(slot, _RETRY_MAX_MS, reason="no_gas_money")
        case "underpriced":
            return _bump_or_retry(slot, base_fee_wei, limits)
        case "accepted" | "known":
            return _tend_accepted(slot, base_fee_wei, limits, patience)
        case "nonce_used" | "refused":
            # A used nonce is a mined attempt of ours, or a stranger with our key: the follower will see which.
            return Wait() if slot.answer == "nonce_used" else GiveUp("transaction_refused")


def _tend_accepted(slot: OpenSlot, base_fee_wei: int, limits: FeeLimits, patience: Patience) -> Step:
    """Return the step for a transaction that some pool should hold."""
    is_priced_out = slot.fees.max_fee_wei < base_fee_wei + slot.fees.tip_wei
    # Later nonces wait for the first one: raising their price would move nothing.
    is_stuck = slot.is_first and slot.since_stored_ms >= patience.bump_ms
    if is_stuck or (is_priced_out and slot.since_stored_ms >= patience.resend_ms):
        return _bump_or_retry(slot, base_fee_wei, limits, retry_ms=patience.resend_ms)
    # A pool that lost the first one holds up all; one that lost a later one does not, for now.
    return _when(slot, patience.resend_ms if slot.is_first else _LATER_PATIENCE * patience.resend_ms)


def _bump_or_retry(slot: OpenSlot, base_fee_wei: int, limits: FeeLimits, retry_ms: int = _RETRY_MAX_MS) -> Step:
    """Return a bump within the cap; above it the same bytes are offered again from time to time."""
    bid = next_bid(slot.fees, base_fee_wei, limits)
    return _when(slot, retry_ms, reason=bid.reason) if isinstance(bid, Waits) else Bump(bid)


def _when(slot: OpenSlot, after_ms: int, *, reason: str | None = None) -> Step:
    """Return Send once `after_ms` have passed since the last send."""
    return Send() if slot.since_sent_ms >= after_ms else Wait(reason)


def _backoff_ms(sends: int) -> int:
    """Return how long to wait after the `sends`-th unanswered send: doubling, bounded."""
    return min(_RETRY_FIRST_MS << min(sends - 1, _RETRY_DOUBLINGS_MAX), _RETRY_MAX_MS)
