"""The token's supply at one final block, as a reconciliation read it and as the books hold it."""

import msgspec

from cashback.kernel.errors import Rejected


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """What run number `reconciliation` read up to its final block, in base units.

    `explained` is what logs minted exactly as the ledger requested it: number, recipient and amount.
    """

    reconciliation: int
    at_block: int
    at_block_hash: str
    explained: int
    burned: int
    total_supply: int

    @property
    def unexplained(self) -> int:
        """Return the supply that no request and no burn explains; negative when some of it is missing."""
        return self.total_supply - (self.explained - self.burned)


class SupplyTooLarge(Rejected):
    """The token's supply has more units than the books can count: it was minted past every limit of ours."""

    code = "supply_too_large"
