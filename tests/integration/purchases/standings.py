"""Blocks and deactivations as tests order them, and what purchases then earn."""

from cashback.kernel.db import Database
from cashback.purchases.model import OPERATOR, Merchant, User
from cashback.purchases.model.standing import ActivityAnswer, BlockAnswer, MerchantActivity, UserBlock
from cashback.purchases.service import Orders, Standings
from tests.integration.ledger.world import World, buy, decoded, new_key


def standings_of(world: World, database: Database | None = None) -> Standings:
    """Give who sets who may earn, in this world's API or in another process that has its own `database`."""
    own = database or world.api
    return Standings(own, Orders(own, clock=world.clock))


def block_of(user: User, *, is_blocked: bool = True, person: str = "alice", reason: str = "fraud") -> UserBlock:
    """Return a block, or the end of one, under a key of its own."""
    return UserBlock(
        owner=OPERATOR, key=new_key(), user_id=user.id, is_blocked=is_blocked, person=person, reason=reason
    )


async def block(world: World, user: User, *, is_blocked: bool = True, person: str = "alice") -> BlockAnswer:
    """Block a user, or end that."""
    return decoded(await standings_of(world).set(block_of(user, is_blocked=is_blocked, person=person)), BlockAnswer)


async def activate(world: World, merchant: Merchant, *, is_active: bool, person: str = "alice") -> ActivityAnswer:
    """Have a merchant be active, or not."""
    command = MerchantActivity(
        owner=OPERATOR, key=new_key(), merchant_id=merchant.id, is_active=is_active, person=person, reason="closed"
    )
    return decoded(await standings_of(world).set(command), ActivityAnswer)


async def reasons(world: World, *whom: tuple[User, Merchant]) -> list[str]:
    """Return why purchases of these at those earned what they did."""
    return [one.cashback.reason for one in await world.record(*[buy(user, merchant) for user, merchant in whom])]
