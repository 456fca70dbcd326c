"""What gas costs now, asked at most once for each block by a lane, whichever of its parts wants to know."""

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.model import ChainUnavailable, Hash, Header, Market, Prices
from cashback.chain.rules.fees import FeeLimits, market
from cashback.kernel.telemetry import logger

log = logger(__name__)


class Pricing:
    """Tells the market at a block, and remembers the newest."""

    def __init__(self, blocks: Blocks, *, limits: FeeLimits) -> None:
        """Ask `blocks` for the history of fees, within the operator's limits."""
        self._blocks = blocks
        self._limits = limits
        self._known: tuple[Hash, Market] | None = None

    def learn(self, head: Hash, prices: Prices) -> Market:
        """Take over what was told beside another question about the block `head`, and return its market."""
        self._known = (head, market(prices, self._limits))
        return self._known[1]

    async def market(self, head: Header) -> Market:
        """Return what the block after `head` will cost.

        Where no quorum tells, that is the base fee of `head` itself, which was followed, and the lowest tip: what is in
        flight must be offered again all the same.
        """
        if self._known is None or self._known[0] != head.hash:
            return self.learn(head.hash, await self._prices(head))
        return self._known[1]

    async def _prices(self, head: Header) -> Prices:
        """Return the history of fees up to `head`, or what of it was followed."""
        try:
            return await self._blocks.prices(head)
        except ChainUnavailable as failure:
            log.info("prices.unknown", block=head.number, problem=failure.detail)
            return Prices(head.base_fee_wei, ())
