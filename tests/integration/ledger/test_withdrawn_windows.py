"""What occurs in the window of a version that was withdrawn before it started."""

import hashlib
from datetime import timedelta

import msgspec

from cashback.kernel.ids import new_id
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.engine import canonical
from cashback.ledger.service.publishing import withdraw_ruleset
from cashback.ledger.store import rulesets as store
from tests.integration.ledger.programme_rules import campaign, rule
from tests.integration.ledger.world import START, World, buy

DAY = timedelta(days=1)


async def test_a_purchase_in_the_window_of_a_withdrawn_version_is_decided_by_what_is_in_force(world: World) -> None:
    """By the version that it would have replaced, be it recorded as it occurs or a day late."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=100_000)
    document = canonical(Rules(rules=(rule("ten", pays),)))
    async with world.api.transaction() as tx:
        [current] = await store.current_and_later(tx, programme.id, now=START)
        await store.close(tx, current.id, ends_at=START + DAY)
        staged = msgspec.structs.replace(
            current,
            id=new_id("rul"),
            document=document,
            digest=hashlib.sha256(document).digest(),
            starts_at=START + DAY,
            closes=current.id,
        )
        await store.insert(tx, staged)
    world.clock.advance(timedelta(hours=1))
    async with world.api.transaction() as tx:
        await withdraw_ruleset(tx, staged.id, reason="too generous", now=world.clock.now())
    user, merchant = await world.user(), await world.merchant()
    world.clock.advance(2 * DAY)
    late, now = await world.record(
        buy(user, merchant, occurred_at=START + DAY), buy(user, merchant, occurred_at=world.clock.now())
    )
    assert [(one.cashback.amount_minor, one.cashback.reason) for one in (late, now)] == [("150", "granted")] * 2
    await world.assert_books_prove()
