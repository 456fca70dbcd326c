"""Books that are chained and sealed, for tests of what proves them."""

from datetime import timedelta

from cashback.ledger.service import Fence, Leased, Sealer, SealPolicy
from cashback.ledger.service.sealing import LEASE
from tests.integration.ledger.world import World, buy, minted_outcome


async def fence_of(world: World, *, holder: str = "one", name: str = LEASE) -> Fence:
    """Return the fence of a lease, the sealer's unless told otherwise, held."""

    async def work(fence: Fence) -> bool:
        return False

    fence = await Leased(world.worker, name=name, holder=holder, every_s=1, turn=work).acquire()
    assert fence is not None
    return fence


def sealer_of(world: World, *, leaves_max: int = 4_096, wait_max: timedelta = timedelta(0)) -> Sealer:
    """Return a sealer that seals whatever there is, unless told otherwise."""
    policy = SealPolicy(leaves_max=leaves_max, wait_max=wait_max)
    return Sealer(world.worker, clock=world.clock, policy=policy)


async def seal_all(world: World, *, leaves_max: int = 4_096) -> None:
    """Chain and seal everything there is."""
    fence, sealer = await fence_of(world), sealer_of(world, leaves_max=leaves_max)
    while await sealer.turn(fence):
        pass


async def minted(world: World, *, cashbacks: int = 1) -> list[str]:
    """Return cashbacks that went all the way from their grant to their mint."""
    if not await world.rows("select id from ledger.programmes"):
        await world.programme()
    user, merchant = await world.user(), await world.merchant()
    bought = await world.record(*(buy(user, merchant, 10_000 + place) for place in range(cashbacks)))
    ids = [each.cashback.id for each in bought]
    await world.request(*ids)
    for cashback_id in ids:
        await world.settle(await minted_outcome(world, cashback_id))
    return ids
