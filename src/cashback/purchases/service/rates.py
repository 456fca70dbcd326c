"""Exchange rates as operators put them: each order once, the ledger keeps them."""

import msgspec

from cashback import ledger
from cashback.ledger import NewRate, Rate, RateReadings
from cashback.purchases.model import Order, Outcome
from cashback.purchases.service.orders import Orders

__all__ = ["NewRate", "Rate", "RateReadings", "Rates"]


class Rates:
    """Puts exchange rates."""

    def __init__(self, orders: Orders) -> None:
        """Have each done once by `orders`."""
        self._orders = orders

    async def put(self, caller: Order, new: NewRate) -> Outcome:
        """Put a rate; the answer is a `Rate`."""
        order = msgspec.structs.replace(caller, what="put_rate", terms=new)
        return await self._orders.do(order, lambda tx, now: ledger.put_rate(tx, new, now=now))
