"""A line that is served by one process of the operating system while others record on its campaign (I1, I4, I8)."""

import asyncio
import json
from typing import Final

import pytest

from cashback.cli import command
from cashback.ledger import change_budget
from cashback.ledger.model.campaigns import BudgetChange
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.service import Replays, Waitlist
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.recorder import Orders, record_together
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.world import START, Dsns, World

RECORDERS: Final = 2
TURNS: Final = 8
USERS: Final = 4
EACH: Final = 1_000
"""What each purchase earns: 10 % of 100.00."""


@pytest.mark.invariant("I1", "I4", "I8")
async def test_what_is_recorded_and_what_waits_never_pass_a_budget_together_and_both_decisions_are_proved(
    dsns: Dsns, world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the end all are paid, once, and audit, replay and `cashback ledger verify` find nothing."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=EACH, exhaustion=Exhaustion.WAITLIST)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    users = [(await world.user()).id for _ in range(USERS)]
    merchant = (await world.merchant()).id
    orders = [Orders(dsns.superuser, users, merchant, START, TURNS) for _ in range(RECORDERS)]
    recording = asyncio.create_task(record_together(orders))
    waitlist = Waitlist(world.worker, clock=world.clock)
    while not recording.done():
        # Only for who waits: money that came before the first purchase would leave nobody in line.
        if await world.one("select count(*) from ledger.waitlist"):
            await _top_up(world, pays, EACH)
        await waitlist.round()
        assert await budget_left(world, pays) >= 0
    answers = await recording
    assert len(answers) == RECORDERS * TURNS * USERS
    await _top_up(world, pays, EACH * len(answers))
    while any(line.left for line in await waitlist.round()):
        pass
    standing = await world.rows("select state, count(*), sum(amount_minor) from ledger.cashback_ledger group by state")
    assert standing == [("approved", len(answers), EACH * len(answers))]
    twice = await world.one("select count(*) from ledger.decisions where sequence = 2")
    assert twice == sum(answer.cashback.state == "waitlisted" for answer in answers)
    assert twice > 0
    assert await world.readings.differences() == []
    replayed = await Replays(world.auditor).run(since=None, reached=lambda _: None)
    assert (replayed.decisions, replayed.different) == (len(answers) + twice, 0)
    await world.assert_books_prove()
    await seal_all(world)
    monkeypatch.setenv("CASHBACK_LEDGER_AUDIT_DSN", dsns.of("cashback_auditor"))
    capfd.readouterr()
    assert await asyncio.to_thread(command.run, ["ledger", "verify", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["flaw"] is None


async def _top_up(world: World, campaign_id: str, amount: int) -> None:
    """Raise a campaign's budget as the REST call does."""
    change = BudgetChange(campaign_id=campaign_id, cause="funding", amount=amount, reason="more")
    async with world.api.transaction() as tx:
        await change_budget(tx, change, now=world.clock.now())
