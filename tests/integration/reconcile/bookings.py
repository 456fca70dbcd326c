"""What a ledger worker books of the token's supply in a scene, and a lie about it."""

from cashback.ledger.gateway import Adapter
from cashback.ledger.service.supply import LEASE, SupplyBooker
from tests.integration.ledger.sealing import fence_of
from tests.integration.reconcile.story import CLOCK, Scene


async def supply_unexplained(scene: Scene) -> str:
    """Have a run tell of one unit more than was minted, and the worker book it."""
    await scene.reconciled()
    scene.spoil(
        "cashback",
        """
        insert into ledger.reconciliations (mode, reason, asked_by, began_at, ended_at, at_block, at_block_hash,
            requested, logs, logs_amount, burned, explained, total_supply, findings, kinds)
        select mode, 'a lie', asked_by, began_at, ended_at, at_block, at_block_hash, requested, logs, logs_amount,
               burned, explained, total_supply + 1, 0, '{}'
        from ledger.reconciliations
        order by position desc
        limit 1
        """,
    )
    await book_supply(scene)
    return "the books at block "


async def book_supply(scene: Scene) -> None:
    """Have a ledger worker book what the newest runs read."""
    async with scene.ledger() as world, Adapter.open(scene.settings["CASHBACK_ADAPTER_ADDRESS"]) as adapter:
        fence = await fence_of(world, name=LEASE)
        await SupplyBooker(world.worker, adapter, clock=CLOCK).turn(fence)
