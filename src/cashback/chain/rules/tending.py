"""What to do about a slot that no block carries yet, as a value: wait, send, bump, or give up.

    stored ──Send──▶ accepted ──mined──▶ (the follower's business)
       ▲                 │ older than `resend_ms`: Send the same bytes; stuck or priced out: Bump
       ├──unknown────────┤ nobody can tell whether it arrived: Send the same bytes, never others
       └──nonce_used─────┘ Send the same bytes, in case the block that used it is replaced
    void, and only its call is signed ──▶ Bump at once, to a no-op: those bytes are never sent again

An attempt is replaced at most once per `resend_ms`, whatever nodes say. Times are given in; nothing here knows what
time it is.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from cashback.chain.model import Fees, Market, OpenSlot
from cashback.chain.rules.fees import FeeLimits, Waits, first_bid, next_bid

_RETRY_FIRST_MS: Final = 250
_RETRY_MAX_MS: Final = 5_000
_RETRY_DOUBLINGS_MAX: Final = 8
_SENDS_UNREMARKABLE: Final = 2
"""So many sends may go unanswered before the lane says that it waits for the nodes."""
_LATER_PATIENCE: Final = 3

UNSIGNED: Final = "replacement_unsigned"
"""A higher price is due, and the key that has to sign for it cannot be had."""

OWN_REASONS: Final = frozenset({"fee_above_cap", "fee_below_minimum", "no_gas_money", "send_not_taken", UNSIGNED})
"""What a lane waits for because of what is in flight; the other reasons are about what is not signed yet."""


class Patience(msgspec.Struct, frozen=True):
    """How long an attempt is left alone: until it is sent again or priced anew, and until it counts as stuck."""

    resend_ms: int
    bump_ms: int


class Wait(msgspec.Struct, frozen=True):
    """Nothing is due; `reason` says what the lane waits for, if for anything but time."""

    reason: str | None = None


class Send(msgspec.Struct, frozen=True):
    """Send the stored bytes, again or for the first time; `reason` as in `Wait`, until the answer is there."""

    reason: str | None = None


BumpReason: TypeAlias = Literal["void", "outbid", "underpriced", "priced_out", "stuck"]
"""Why a price is raised: the call is void, a pool wants more to replace what it holds or takes none so cheap, the next
block costs more, or the first of a lane has waited too long."""


class Bump(msgspec.Struct, frozen=True):
    """Sign the same slot anew at these fees, store it, send it."""

    fees: Fees
    reason: BumpReason


class GiveUp(msgspec.Struct, frozen=True):
    """No node will ever take this transaction: minting must halt and a person look."""

    reason: str


Step: TypeAlias = Wait | Send | Bump | GiveUp


def next_step(slot: OpenSlot, *, now: Market, limits: FeeLimits, patience: Patience) -> Step:
    """Return what is to be done about `slot` now; deciding changes nothing, so it may be asked at any time."""
    if slot.offers_void_call:
        bid = next_bid(slot.fees, now, limits)
        return Wait(bid.reason) if isinstance(bid, Waits) else Bump(bid, "void")
    match slot.answer:
        case None | "unknown" | "no_funds" | "nonce_used":
            return _offer(slot, patience)
        case "outbid":
            is_due = slot.since_stored_ms >= patience.resend_ms
            return _bump_or_retry(slot, now, limits, patience, "outbid") if is_due else Wait()
        case "underpriced":
            return _follow_market(slot, now, limits, patience)
        case "accepted" | "known":
            return _tend_accepted(slot, now, limits, patience)
        case "refused":
            return GiveUp("transaction_refused")


def _offer(slot: OpenSlot, patience: Patience) -> Step:
    """Return when to offer bytes that no pool is known to hold, the same ones."""
    if slot.answer is None:
        return Send()
    if slot.answer == "no_funds":
        return _when(slot, _RETRY_MAX_MS, reason="no_gas_money")
    if slot.answer == "nonce_used":
        # A mined attempt of ours, or a stranger with our key: the follower will see which. Unless the block that used
        # it is replaced before: then pools have forgotten the transaction, and nobody else would tell them.
        return _when(slot, _LATER_PATIENCE * patience.resend_ms)
    return _when(slot, _backoff_ms(slot.sends), reason="send_not_taken" if slot.sends > _SENDS_UNREMARKABLE else None)


def _tend_accepted(slot: OpenSlot, now: Market, limits: FeeLimits, patience: Patience) -> Step:
    """Return the step for a transaction that some pool should hold."""
    is_priced_out = slot.fees.max_fee_wei < now.base_fee_wei + slot.fees.tip_wei
    # Later nonces wait for the first one: raising their price would move nothing.
    is_stuck = slot.is_first and slot.since_stored_ms >= patience.bump_ms
    if is_stuck or (is_priced_out and slot.since_stored_ms >= patience.resend_ms):
        return _bump_or_retry(slot, now, limits, patience, "priced_out" if is_priced_out else "stuck")
    # A pool that lost the first one holds up all; one that lost a later one does not, for now.
    return _when(slot, patience.resend_ms if slot.is_first else _LATER_PATIENCE * patience.resend_ms)


def _follow_market(slot: OpenSlot, now: Market, limits: FeeLimits, patience: Patience) -> Step:
    """Return the step for a transaction that is too cheap for every pool, and that thus no pool holds.

    Its price follows the base fee, the tip stays: what is outbid by nothing need not outbid anything. Only a lane that
    is stuck behind it offers more than the market asks, an eighth each `bump_ms`.
    """
    fresh = first_bid(now, limits)
    if isinstance(fresh, Waits):
        return _when(slot, patience.resend_ms, reason=fresh.reason)
    if slot.since_stored_ms >= patience.resend_ms and fresh.max_fee_wei > slot.fees.max_fee_wei:
        fees = Fees(fresh.max_fee_wei, min(max(fresh.tip_wei, slot.fees.tip_wei), fresh.max_fee_wei))
        return Bump(fees, "underpriced")
    if slot.is_first and slot.since_stored_ms >= patience.bump_ms:
        return _bump_or_retry(slot, now, limits, patience, "stuck")
    return _when(slot, patience.resend_ms, reason="fee_below_minimum")


def _bump_or_retry(slot: OpenSlot, now: Market, limits: FeeLimits, patience: Patience, reason: BumpReason) -> Step:
    """Return a bump within the cap; above it the same bytes are offered again from time to time."""
    bid = next_bid(slot.fees, now, limits)
    return _when(slot, patience.resend_ms, reason=bid.reason) if isinstance(bid, Waits) else Bump(bid, reason)


def _when(slot: OpenSlot, after_ms: int, *, reason: str | None = None) -> Step:
    """Return Send once `after_ms` have passed since the last send."""
    return Send(reason) if slot.since_sent_ms >= after_ms else Wait(reason)


def _backoff_ms(sends: int) -> int:
    """Return how long to wait after the `sends`-th send that was not taken: doubling, bounded."""
    return min(_RETRY_FIRST_MS << min(sends - 1, _RETRY_DOUBLINGS_MAX), _RETRY_MAX_MS)
