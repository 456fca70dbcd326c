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

PASSING: Final = frozenset({"minter_paused", "mint_limit_reached", "supply_cap_reached", "role_missing"})
"""The world's doing: the same mints may succeed later. Everything else is a mistake of ours, which repeats itself."""
UNEXPLAINED: Final = "unexplained"
OUT_OF_GAS: Final = "out_of_gas"

_SELECTOR_BYTES: Final = 4


def reason(revert: bytes | None, *, gas: int, gas_used: int) -> str:
    """Return a stable code; `revert` is what a replay at the block before gave back, None when it succeeded there."""
    if gas_used >= gas:
        return OUT_OF_GAS
    return _REASONS.get((revert or b"")[:_SELECTOR_BYTES], UNEXPLAINED)
