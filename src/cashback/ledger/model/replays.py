"""What replaying stored decisions has found."""

import msgspec


class DecisionDiffers(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that does not come back byte for byte, and why."""

    cashback_id: str
    detail: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions were replayed, how many came back as another, and the first of those."""

    decisions: int
    different: int
    differences: tuple[DecisionDiffers, ...]
