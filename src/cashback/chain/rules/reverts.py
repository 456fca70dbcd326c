"""Why a mined call did nothing, from the four bytes of its revert data (Solidity custom errors)."""

from typing import Final

_REASONS: Final = {
    bytes.fromhex("d93c0665"): "minter_paused",
    bytes.fromhex("8ef20ef2"): "mint_limit_reached",
    bytes.fromhex("f480e285"): "supply_cap_reached",
    bytes.fromhex("e2517d3f"): "role_missing",
    bytes.fromhex("a67b9f9e"): "batch_too_large",
    bytes.fromhex("85eac31f"): "window_out_of_range",
    bytes.fromhex("ab8b67c6"): "length_mismatch",
}
"""EnforcedPause, LimitExceeded, CapExceeded, AccessControlUnauthorizedAccount, BatchTooLarge, WindowOutOfRange,
LengthMismatch; a test derives each from the contracts' ABI."""

FORGOTTEN: Final = "state_forgotten"
"""Nobody tells: it is so long ago that nodes may not have the state any more on which the call was made."""
PASSING: Final = frozenset({"minter_paused", "mint_limit_reached", "supply_cap_reached", "role_missing", FORGOTTEN})
"""The same mints may succeed later, for this was the world's doing, or we were away, and will see soon if it was ours.
Everything else is a mistake of ours, which repeats itself."""
UNEXPLAINED: Final = "unexplained"
OUT_OF_GAS: Final = "out_of_gas"

STATES_KEPT_BLOCKS: Final = 32
"""So many states below the head every node keeps that is of use here: geth 128, the development chain 64."""
_SELECTOR_BYTES: Final = 4


def reason(revert: bytes | None, *, gas: int, gas_used: int, age_blocks: int = 0) -> str:
    """Return a stable code for a call that reverted so many blocks ago.

    `revert` is what a replay at the block before gave back, None when it succeeded there or nobody could say.
    """
    if gas_used >= gas:
        return OUT_OF_GAS
    if revert is None and age_blocks > STATES_KEPT_BLOCKS:
        return FORGOTTEN
    return _REASONS.get((revert or b"")[:_SELECTOR_BYTES], UNEXPLAINED)
