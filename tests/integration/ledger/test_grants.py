"""What a refund has to know is stored with each cashback that was granted."""

import runpy
from pathlib import Path

import psycopg

from cashback.ledger.rules.grants import decode_grants
from tests.integration.ledger.world import World, buy

MIGRATION = Path(__file__).parents[3] / "migrations/ledger/0010_refunds.py"


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


async def test_what_was_granted_before_gets_the_same_grants_by_the_migration(world: World) -> None:
    """In the form of its time what the code would have stored; what was declined keeps none."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, 1_999), buy(user, merchant, 1))
    stored = await world.rows("select grants from ledger.cashback_ledger order by position")
    forget = "alter table ledger.cashback_ledger {} trigger cashback_frozen"
    for statement in (forget.format("disable"), "update ledger.cashback_ledger set grants = null"):
        await world.rows(statement)
    await world.rows(forget.format("enable"))
    with psycopg.connect(world.dsns.of("cashback_owner")) as connection:
        connection.execute(runpy.run_path(str(MIGRATION))["GRANTS_KNOWN"])
    [(granted,), (declined,)] = await world.rows("select grants from ledger.cashback_ledger order by position")
    assert (decode_grants(granted), declined) == (decode_grants(stored[0][0]), None)
