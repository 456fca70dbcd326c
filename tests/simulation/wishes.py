"""What is to be minted: new mints, some of them poison, and now and then one that was submitted before."""

from typing import Final

from cashback.chain.model import Address, Mint
from tests.integration.chain.poison import POISON
from tests.simulation.faults import Faults
from tests.simulation.orders import Orders

MINTS_MAX: Final = 24
_AGAIN: Final = 0.5
_OWN_WALLET: Final = 0.7


class Wishes:
    """Draws what is submitted, and adds it to what is `wanted`."""

    def __init__(self, faults: Faults, *, wanted: dict[int, Mint], orders: Orders) -> None:
        """Draw from `faults`; `orders` know which cashbacks are to have another number."""
        self._faults = faults
        self._wanted = wanted
        self._orders = orders

    def some(self) -> list[Mint]:
        """Return what is submitted next: new mints, if there may be more, and one of the earlier ones."""
        count = self._faults.between(1, 6) if len(self._wanted) < MINTS_MAX else 0
        first = max(self._wanted, default=0) + self._faults.one_of([1, 1, 1, 300])
        fresh = [self.mint(first + place) for place in range(count)]
        fresh += self._orders.successors(first + count)
        self._wanted.update({mint.number: mint for mint in fresh})
        is_again = self._wanted and self._faults.share() < _AGAIN
        return [*fresh, self._faults.one_of(list(self._wanted.values()))] if is_again else fresh

    def mint(self, number: int) -> Mint:
        """Return a mint to a wallet of its own, or to one that many share."""
        wallet = number if self._faults.share() < _OWN_WALLET else 1
        recipient = Address((0x1000 + wallet).to_bytes(20))
        if self._faults.strikes("poisoned"):
            recipient = self._faults.one_of(POISON)
        return Mint(number, f"cb_{number}", recipient, self._faults.between(1, 2_000_000))
