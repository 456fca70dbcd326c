"""What waits for budget is decided again: topped up, ended, returned, aged, by any number of workers (I1, I4, I8)."""

import asyncio
from datetime import timedelta
from importlib import import_module
from random import Random
from typing import Final

import psycopg
import pytest

from cashback.kernel.errors import Unavailable
from cashback.ledger import Programme, change_budget, close_campaign
from cashback.ledger.model.campaigns import BudgetChange
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import Limits, Rules
from cashback.ledger.service import Replays, Waitlist
from cashback.ledger.service import waitlist as service
from cashback.ledger.service.waitlist import WaitlistPolicy
from cashback.ledger.store import waitlist as store
from cashback.purchases.model import PurchaseAnswer
from tests.integration.ledger.lives import steps, told
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.refunding import give_back, refunded, standing
from tests.integration.ledger.world import START, Dsns, World, buy, open_world

PURCHASES: Final = 40


def waitlist_of(world: World, *, batch_max: int = 500, lines_max: int = 100) -> Waitlist:
    """Return a worker of the world that serves the lines."""
    policy = WaitlistPolicy(batch_max=batch_max, lines_max=lines_max)
    return Waitlist(world.worker, clock=world.clock, policy=policy)


async def top_up(world: World, campaign_id: str, amount: int) -> None:
    """Raise a campaign's budget as the REST call does."""
    change = BudgetChange(campaign_id=campaign_id, cause="funding", amount=amount, reason="more")
    async with world.api.transaction() as tx:
        await change_budget(tx, change, now=world.clock.now())


async def waiting(world: World, *amounts: int, budget: int = 100) -> tuple[Programme, str, list[PurchaseAnswer]]:
    """Give purchases of one user that all wait for one campaign, which pays 10 %."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=budget, exhaustion=Exhaustion.WAITLIST)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant, amount) for amount in amounts])
    assert [answer.cashback.state for answer in answers] == ["waitlisted"] * len(amounts)
    return programme, pays, answers


async def states(world: World, answers: list[PurchaseAnswer]) -> list[tuple[str, str, int]]:
    """Return state, reason and amount of the cashbacks of purchases."""
    found = [await world.readings.cashback(answer.cashback.id) for answer in answers]
    return [(each.state.value, each.reason.value, each.amount) for each in found]


async def assert_all_is_well(world: World) -> None:
    """Assert that the books prove, and that every decision, first and second, replays byte for byte."""
    await world.assert_books_prove()
    replayed = await Replays(world.auditor).run(since=None, reached=lambda _: None)
    assert replayed.decisions == await world.one("select count(*) from ledger.decisions")
    assert (replayed.different, replayed.differences) == (0, ())


@pytest.mark.invariant("I1", "I4", "I8")
async def test_a_campaign_that_is_topped_up_pays_those_who_wait_in_their_order(world: World) -> None:
    """The first who fit are granted; whoever wants more keeps the place, and is first when there is enough."""
    _, pays, answers = await waiting(world, 30_000, 10_000, 20_000, 10_000)
    ids = [answer.cashback.id for answer in answers]
    assert await waitlist_of(world).round() == []
    await top_up(world, pays, 2_400)
    await waitlist_of(world).round()
    granted, waits = ("approved", "granted", 1_000), ("waitlisted", "budget_waitlisted", 0)
    assert await states(world, answers) == [waits, granted, waits, granted]
    assert await steps(world, ids[1]) == ["waitlisted", "approved"]
    assert await told(world, ids[1]) == ["cashback.approved"]
    [step] = (await world.readings.timeline(ids[1]))[1:]
    assert step.cause == "budget_available"
    assert await waitlist_of(world).round() == []
    await top_up(world, pays, 4_500)
    await waitlist_of(world).round()
    assert await states(world, answers) == [
        ("approved", "granted", 3_000),
        granted,
        ("approved", "granted", 2_000),
        granted,
    ]
    assert await budget_left(world, pays) == 0
    assert await world.one("select count(*) from ledger.waitlist") == 0
    assert await world.one("select count(*) from ledger.decisions where sequence = 2") == 4
    assert (await world.readings.explanation(ids[0])).reason == "granted"
    assert b'"outcome":"granted"' in ((await world.readings.cashback(ids[0])).document or b"")
    await assert_all_is_well(world)


async def test_what_waits_is_held_reviewed_and_limited_as_what_comes_anew(world: World) -> None:
    """The hold begins at the purchase, and limits are those of the purchase's day."""
    programme, pays, _ = await waiting(world, 10_000)
    limits = Limits(user_day="1500")
    await publish(world, programme, Rules(rules=(rule("a", pays),), limits=limits, review_above="900"))
    await world.rows("update ledger.programmes set hold_days = 14")
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant, amount) for amount in (10_000, 8_000, 9_000)])
    world.clock.advance(timedelta(days=5))
    await top_up(world, pays, 100_000)
    await waitlist_of(world).round()
    assert await states(world, answers) == [
        ("review", "review_above", 1_000),
        ("pending", "granted_partly", 500),
        ("declined", "user_day_limit", 0),
    ]
    held = await world.one("select hold_until from ledger.cashback_ledger where id = %s", answers[1].cashback.id)
    assert held - timedelta(days=14) == answers[1].occurred_at
    await assert_all_is_well(world)


@pytest.mark.invariant("I1", "I4", "I8")
async def test_what_was_returned_while_it_waited_leaves_what_it_would_have_left_after_the_grant(world: World) -> None:
    """In part it is taken off; as a whole the waiting ends with nothing, topped up or not."""
    _, pays, answers = await waiting(world, 10_000, 20_000, 10_000)
    await refunded(world, give_back(answers[0], 3_333), give_back(answers[1]), give_back(answers[2], 9_999))
    await waitlist_of(world).round()
    assert [state for state, _, _ in await states(world, answers)] == ["waitlisted", "declined", "waitlisted"]
    [step] = (await world.readings.timeline(answers[1].cashback.id))[1:]
    assert step.cause == "refunded"
    assert await waitlist_of(world).round() == []
    await top_up(world, pays, 10_000)
    await waitlist_of(world).round()
    first = await standing(world, answers[0])
    assert (first["state"], first["net_minor"], first["payable_minor"]) == ("approved", 666, 666)
    assert (await standing(world, answers[2]))["state"] == "voided"
    assert await told(world, answers[2].cashback.id) == ["cashback.voided"]
    await refunded(world, give_back(answers[0], 6_667))
    assert (await standing(world, answers[0]))["net_minor"] == 0
    assert await budget_left(world, pays) == 10_100
    await assert_all_is_well(world)


async def test_budget_that_a_refund_gives_back_pays_who_waits(world: World) -> None:
    """Nobody has to raise a budget for that."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000, exhaustion=Exhaustion.WAITLIST)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(buy(user, merchant), buy(user, merchant))
    await refunded(world, give_back(answers[0]))
    await waitlist_of(world).round()
    assert await states(world, answers) == [("voided", "granted", 1_000), ("approved", "granted", 1_000)]
    await assert_all_is_well(world)


@pytest.mark.parametrize("end", ["closed", "ended", "programme ended", "aged"])
async def test_what_waited_in_vain_is_decided_without_its_campaign(world: World, end: str) -> None:
    """Another campaign pays its part; without one it is declined, and the step says why."""
    programme, pays, alone = await waiting(world, 10_000)
    other = await campaign(world, programme, budget=100_000)
    later = START + timedelta(hours=1)
    await publish(world, programme, Rules(rules=(rule("a", pays), rule("b", other, 200))), starts_at=later)
    world.clock.advance(timedelta(hours=1))
    both = await world.record(buy(await world.user(), await world.merchant(), occurred_at=later))
    assert both[0].cashback.state == "waitlisted"
    world.clock.advance(timedelta(days=30) if end == "aged" else timedelta(days=1))
    now = world.clock.now()
    match end:
        case "closed":
            async with world.api.transaction() as tx:
                await close_campaign(tx, pays, reason="enough", now=now)
        case "ended":
            await world.rows("update ledger.campaigns set ends_at = %s where id = %s", now, pays)
        case "programme ended":
            await world.rows("update ledger.programmes set ended_at = %s", now)
        case _:
            pass
    await waitlist_of(world).round()
    cause = "waited_too_long" if end == "aged" else "campaign_over"
    assert await states(world, alone) == [("declined", cause, 0)]
    assert await states(world, both) == [("approved", "granted", 200)]
    told = await world.readings.explanation(alone[0].cashback.id)
    assert (told.reason, told.text) == (
        cause,
        "100.00 USD waited for the campaign's budget as long as may be, and there was not enough."
        if end == "aged"
        else "100.00 USD waited for the campaign's budget, and the campaign ended before there was enough.",
    )
    assert [(await world.readings.timeline(each[0].cashback.id))[-1].cause for each in (alone, both)] == [cause] * 2
    await assert_all_is_well(world)


async def test_a_paused_programme_keeps_who_waits_waiting(world: World) -> None:
    """Until it is resumed."""
    _, pays, answers = await waiting(world, 10_000)
    await top_up(world, pays, 10_000)
    await world.rows("update ledger.programmes set paused_at = now()")
    assert await waitlist_of(world).round() == []
    await world.rows("update ledger.programmes set paused_at = null")
    await waitlist_of(world).round()
    assert await states(world, answers) == [("approved", "granted", 1_000)]


async def test_who_waits_for_two_campaigns_goes_from_one_line_to_the_other(world: World) -> None:
    """And is decided once more in all: a line that was left says nothing."""
    programme = await world.programme()
    first, second = [await campaign(world, programme, budget=100, exhaustion=Exhaustion.WAITLIST) for _ in range(2)]
    await publish(world, programme, Rules(rules=(rule("a", first), rule("b", second, 500))))
    answers = await world.record(buy(await world.user(), await world.merchant()))
    for pays in sorted((first, second)):
        assert [state for state, _, _ in await states(world, answers)] == ["waitlisted"]
        await top_up(world, pays, 1_000)
        await waitlist_of(world).round()
    assert await states(world, answers) == [("approved", "granted", 1_500)]
    assert await world.one("select count(*) from ledger.decisions") == 2
    await assert_all_is_well(world)


@pytest.mark.invariant("I1", "I4", "I8")
async def test_two_processes_serve_one_line_beside_purchases_and_refunds_and_never_pass_its_budget(
    dsns: Dsns, world: World
) -> None:
    """Nobody waits in a circle; at the end all that fits is granted, once."""
    chance = Random(36)  # noqa: S311  # which purchases are drawn, not a secret
    _, pays, answers = await waiting(world, *[chance.randrange(2_000, 20_000) for _ in range(PURCHASES)])
    user, merchant = await world.user(), await world.merchant()
    async with open_world(dsns) as other:
        for turn in range(4):
            await top_up(world, pays, 8_000)
            await asyncio.gather(
                *[waitlist_of(each, batch_max=4).round() for each in (world, other) for _ in range(4)],
                *[each.record(buy(user, merchant, 15_000)) for each in (world, other)],
                refunded(world, *[give_back(one, 700) for one in answers[turn::5]]),
            )
            assert await budget_left(world, pays) >= 0
            await world.assert_books_prove()
        await top_up(world, pays, 1_000_000)
        while any(line.left for line in await waitlist_of(other).round()):
            pass
    assert await world.one("select count(*) from ledger.cashback_ledger where state = 'waitlisted'") == 0
    assert await world.one("select count(*) from ledger.decisions where sequence = 2") >= PURCHASES
    await assert_all_is_well(world)


async def test_a_worker_that_dies_before_its_commit_leaves_all_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next one does it once."""
    _, pays, answers = await waiting(world, 10_000)
    await top_up(world, pays, 10_000)

    async def dies(*_: object, **__: object) -> None:
        """End the connection of whoever calls, as a kill does."""
        async with await psycopg.AsyncConnection.connect(world.dsns.superuser, autocommit=True) as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'cashback_ledger'"
            )

    with monkeypatch.context() as patch:
        patch.setattr(service, "announce", dies)
        with pytest.raises(Unavailable):
            await waitlist_of(world).round()
    assert await states(world, answers) == [("waitlisted", "budget_waitlisted", 0)]
    await waitlist_of(world).round()
    assert await states(world, answers) == [("approved", "granted", 1_000)]
    await assert_all_is_well(world)


async def test_who_waited_before_there_were_lines_stands_in_one_afterwards(world: World) -> None:
    """As if put there when they were recorded: in their order, for the same, as long, refunds included."""
    _, _, answers = await waiting(world, 10_000, 30_000, 20_000)
    await refunded(world, give_back(answers[2], 500))
    lines = (
        "select cashback_id, campaign_id, wanted_minor, waits_until, has_returns from ledger.waitlist order by position"
    )
    before = await world.rows(lines)
    await world.rows("delete from ledger.waitlist")
    await world.rows(import_module("migrations.ledger.0016_a_way_out_of_the_waitlist").BACKFILL)
    assert await world.rows(lines) == before
    assert [row[2] for row in before] == [1_000, 3_000, 2_000]


async def test_a_line_that_cannot_be_paid_costs_the_same_however_long_it_is(world: World) -> None:
    """Its first entries alone are read, by their indexes."""
    _, pays, answers = await waiting(world, 10_000)
    await world.rows("alter table ledger.waitlist drop constraint waitlist_cashback_id_fkey")
    await world.rows(
        "insert into ledger.waitlist (cashback_id, campaign_id, wanted_minor, waits_until)"
        " select 'cb_' || number, %s, 1000, now() + interval '300 years' from generate_series(1, 20000) as number",
        pays,
    )
    await world.rows("analyze ledger.waitlist")
    reads = "select idx_tup_fetch + seq_tup_read from pg_stat_xact_user_tables where relname = 'waitlist'"
    async with world.worker.transaction() as tx:
        assert await store.lines_due(tx, now=world.clock.now(), after="", limit=100) == []
        row = await (await tx.execute(reads)).fetchone()
    assert row is not None
    assert row[0] <= 10
    assert len(answers) == 1
