"""Every line gets its turn, and within a line nobody is overtaken while its batch is halved (I1, I4)."""

from typing import Any

import psycopg
import pytest

from cashback.kernel.db import Tx
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import MerchantIs, Rules
from cashback.ledger.service import waitlist as service
from cashback.ledger.store import waitlist as store
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.test_waitlist import assert_all_is_well, states, top_up, waiting, waitlist_of
from tests.integration.ledger.world import Dsns, World, buy

SPOIL = "update ledger.decisions set document = convert_to({}, 'UTF8') where cashback_id = %s"
SPOILT = SPOIL.format("'x' || convert_from(document, 'UTF8')")
MENDED = SPOIL.format("substr(convert_from(document, 'UTF8'), 2)")
WAITS, GRANTED = ("waitlisted", "budget_waitlisted", 0), ("approved", "granted", 1_000)


@pytest.mark.invariant("I4")
async def test_a_line_that_is_tried_in_vain_starves_no_other(world: World) -> None:
    """The next round goes on behind it, and comes back to it when all others have had their turn."""
    programme = await world.programme()
    lines = sorted([await campaign(world, programme, budget=100, exhaustion=Exhaustion.WAITLIST) for _ in range(3)])
    merchants = [await world.merchant() for _ in lines]
    rules = [
        rule(f"r{place}", pays, when=(MerchantIs(any_of=(merchant.id,)),))
        for place, (pays, merchant) in enumerate(zip(lines, merchants, strict=True))
    ]
    await publish(world, programme, Rules(rules=tuple(rules)))
    user = await world.user()
    answers = await world.record(*[buy(user, merchant) for merchant in merchants])
    assert await states(world, answers) == [WAITS] * 3
    for pays in lines:
        await top_up(world, pays, 10_000)
    await world.rows("alter table ledger.decisions disable trigger all")
    await world.rows(SPOILT, answers[0].cashback.id)
    worker = waitlist_of(world, lines_max=1)
    for _ in lines:
        await worker.round()
    assert await states(world, answers[1:]) == [GRANTED] * 2
    await world.rows(MENDED, answers[0].cashback.id)
    world.clock.advance(service.WaitlistPolicy().skip_for)
    assert await worker.round() == []
    assert [line.left for line in await worker.round()] == [1]
    assert await states(world, answers) == [GRANTED] * 3
    await assert_all_is_well(world)


@pytest.mark.invariant("I1", "I4")
async def test_nobody_is_overtaken_when_another_worker_slips_in_between_the_halves_of_a_batch(
    dsns: Dsns, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is then the other one's: those behind are not served before those whom it has in hand."""
    _, pays, answers = await waiting(world, 10_000, 10_000, 10_000, 10_000)
    await top_up(world, pays, 10_000)
    await world.rows("alter table ledger.decisions disable trigger all")
    await world.rows(SPOILT, answers[1].cashback.id)
    looks, really = 0, store.lock_line
    async with await psycopg.AsyncConnection[Any].connect(dsns.superuser) as other:

        async def looked(tx: Tx, campaign_id: str) -> bool:
            """Look as ever, but have another one hold the line from the second look to the third."""
            nonlocal looks
            looks += 1
            if looks == 2:
                assert await really(other, campaign_id)
            if looks == 3:
                await other.rollback()
            return await really(tx, campaign_id)

        with monkeypatch.context() as patch:
            patch.setattr(store, "lock_line", looked)
            await waitlist_of(world).round()
    assert await states(world, answers) == [WAITS] * 4
    await waitlist_of(world).round()
    assert await states(world, answers) == [GRANTED, WAITS, GRANTED, GRANTED]
    await world.rows(MENDED, answers[1].cashback.id)
    await assert_all_is_well(world)
