"""What gas costs is asked once for a block: what a lane heard beside another question is not asked for again."""

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Hash, Header, Market, Prices
from cashback.chain.rules.fees import FeeLimits
from cashback.chain.service.pricing import Pricing

LIMITS = FeeLimits(tip_floor_wei=1, tip_cap_wei=100, cap_wei=1_000)
HEAD = Header(7, Hash(b"\x07" * 32), Hash(b"\x06" * 32), 50, 1_800_000_000)
NEXT = Header(8, Hash(b"\x08" * 32), HEAD.hash, 60, 1_800_000_001)


class CountedBlocks(Blocks):
    """Blocks that count how often they are asked what gas costs."""

    def __init__(self) -> None:
        """Ask nobody."""
        super().__init__(Node([]), token=Address(bytes(20)))
        self.asked: list[int] = []

    async def prices(self, head: Header) -> Prices:
        """Return the base fee of the block that is asked about."""
        self.asked.append(head.number)
        return Prices(head.base_fee_wei, (5,))


async def test_what_was_learned_of_a_block_is_not_asked_for_again() -> None:
    """By its hash: the next one is asked about, and once."""
    blocks = CountedBlocks()
    pricing = Pricing(blocks, limits=LIMITS)
    assert pricing.learn(HEAD.hash, Prices(51, (9,))) == Market(51, 9)
    assert await pricing.market(HEAD) == Market(51, 9)
    assert blocks.asked == []
    assert [await pricing.market(NEXT) for _ in range(2)] == [Market(60, 5)] * 2
    assert blocks.asked == [NEXT.number]
