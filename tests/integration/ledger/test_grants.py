"""What a refund has to know is stored with each cashback that was granted."""

from cashback.ledger.rules.grants import decode_grants
from tests.integration.ledger.world import World, buy


async def test_a_grant_keeps_its_base_its_campaign_and_its_rate(world: World) -> None:
    """Engine 1 knows one line and one campaign; what was declined keeps nothing."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, 1_999), buy(user, merchant, 1))
    [(granted,), (declined,)] = await world.rows("select grants from ledger.cashback_ledger order by position")
    [campaign] = await world.rows("select id from ledger.campaigns")
    grants = decode_grants(granted)
    assert (grants.exponent, grants.rate, declined) == (2, (1, 1), None)
    [line] = grants.lines
    assert (line.base, line.grants) == (1_999, ((campaign[0], 29),))
