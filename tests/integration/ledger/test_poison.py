"""A cashback that cannot end, since nobody can say who paid it, stops no other one (I1, I4, I8)."""

from datetime import timedelta

import msgspec
import pytest

from cashback.kernel.clock import ManualClock
from cashback.kernel.config import Secret
from cashback.ledger.model.life import GrantsContradict
from cashback.ledger.service import left_out
from cashback.processes import doctor
from cashback.processes.embedded import EmbeddedNats
from tests.integration.ledger.lives import bought, life_of, steps, with_terms
from tests.integration.ledger.test_waitlist import top_up, waiting, waitlist_of
from tests.integration.ledger.world import World

DAYS = timedelta(days=90)


async def poisoned(world: World, *cashback_ids: str) -> None:
    """Have the documents of these say that somebody paid less than they are worth."""
    await world.rows("alter table ledger.cashback_ledger disable trigger all")
    await world.rows(
        "update ledger.cashback_ledger set grants = convert_to(replace(convert_from(grants, 'UTF8'),"
        """ '"150"]', '"149"]'), 'UTF8') where id = any(%s)""",
        list(cashback_ids),
    )
    await world.rows("alter table ledger.cashback_ledger enable trigger all")


async def examined(world: World, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch) -> doctor.Examined:
    """Return what doctor says of steps that are due, an hour later and by the auditor's role."""
    later = ManualClock(world.clock.now() + timedelta(hours=1))
    monkeypatch.setattr("cashback.processes.doctor.ledger.business_clock", lambda: later)
    # Nothing of minting and the chain is in it; what is not there at all is waited for, for seconds.
    dsn = Secret(world.dsns.of("cashback_auditor"))
    settings = doctor.Settings(
        ledger_audit_dsn=dsn,
        minting_audit_dsn=dsn,
        chain_audit_dsn=dsn,
        nats_url=nats.url(),
        adapter_address="127.0.0.1:1",
    )
    [found] = [each for each in await doctor.examine(settings) if each.what == "steps that are due"]
    return found


async def overdue(world: World) -> list[str]:
    """Return what doctor names as not done though due."""
    return await world.readings.overdue(due_by=world.clock.now() + timedelta(hours=1), limit=10)


@pytest.mark.invariant("I1", "I4")
async def test_one_that_cannot_expire_is_named_and_the_others_expire(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the same round; the audit names it too, and once its document is mended it expires with the next try."""
    await with_terms(world, expire_after_days=90)
    cashbacks = [await bought(world, wallet=None) for _ in range(5)]
    poison = cashbacks[2][0]
    await poisoned(world, poison)
    world.clock.advance(DAYS)
    worker = life_of(world)
    capsys.readouterr()
    assert (await worker.round()).expired == 4
    assert [(await steps(world, one))[-1] for [one] in cashbacks] == [
        *("expired", "expired", "approved", "expired", "expired")
    ]
    said = capsys.readouterr()
    assert "life.skipped" in said.out + said.err
    assert poison in said.out + said.err
    assert (await worker.round()).expired == 0
    assert await overdue(world) == [poison]
    [difference] = await world.readings.differences(limit=10)
    assert (difference.kind, difference.place, difference.expected, difference.found) == (
        *("grants_contradict", poison),
        *(150, 149),
    )
    await world.rows("alter table ledger.cashback_ledger disable trigger all")
    await world.rows(
        "update ledger.cashback_ledger set grants = convert_to(replace(convert_from(grants, 'UTF8'),"
        """ '"149"]', '"150"]'), 'UTF8')"""
    )
    assert (await worker.round()).expired == 0
    world.clock.advance(timedelta(minutes=10))
    assert (await worker.round()).expired == 1
    assert await overdue(world) == []
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I4")
async def test_one_that_cannot_be_rejected_leaves_the_verdicts_on_others_to_be_done(
    world: World, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it hold up what is released in the same round."""
    await with_terms(world, review_above_minor=0)
    cashbacks = [await bought(world) for _ in range(3)]
    await poisoned(world, cashbacks[0][0])
    for [one] in cashbacks:
        await world.rows(
            "insert into ledger.reviews (cashback_id, verdict, person, reason, key_id, at)"
            " values (%s, 'reject', 'alice', 'because', 'key_1', %s)",
            one,
            world.clock.now(),
        )
    assert not (await examined(world, nats, monkeypatch)).is_well
    assert (await life_of(world).round()).reviewed == 2
    assert [(await steps(world, one))[-1] for [one] in cashbacks] == ["review", "voided", "voided"]
    found = await examined(world, nats, monkeypatch)
    assert (found.is_well, [one in found.detail for [one] in cashbacks]) == (False, [True, False, False])
    await world.rows("update ledger.programmes set paused_at = now()")
    assert (await examined(world, nats, monkeypatch)).is_well


@pytest.mark.invariant("I1", "I4")
async def test_more_of_them_than_can_be_left_out_stop_the_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is no single cashback that is at fault."""
    monkeypatch.setattr(left_out, "LEFT_OUT_MAX", 2)
    await with_terms(world, expire_after_days=90)
    cashbacks = [await bought(world, wallet=None) for _ in range(3)]
    await poisoned(world, *[one for [one] in cashbacks])
    world.clock.advance(DAYS)
    with pytest.raises(GrantsContradict):
        await life_of(world).round()


@pytest.mark.invariant("I1", "I4")
async def test_one_that_cannot_be_decided_again_leaves_those_behind_it_in_line_to_be_served(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named and keeps its place; once its document is mended it is served with the next try."""
    _, pays, answers = await waiting(world, 10_000, 10_000, 10_000)
    ids = [answer.cashback.id for answer in answers]
    await world.rows("alter table ledger.decisions disable trigger all")
    change = "update ledger.decisions set document = convert_to({}, 'UTF8') where cashback_id = %s"
    await world.rows(change.format("'x' || convert_from(document, 'UTF8')"), ids[1])
    await top_up(world, pays, 10_000)
    worker = waitlist_of(world)
    capsys.readouterr()
    await worker.round()
    assert [(await steps(world, one))[-1] for one in ids] == ["approved", "waitlisted", "approved"]
    said = capsys.readouterr()
    assert "waitlist.skipped" in said.out + said.err
    assert ids[1] in said.out + said.err
    await world.rows(change.format("substr(convert_from(document, 'UTF8'), 2)"), ids[1])
    assert [line.left for line in await worker.round()] == [0]
    world.clock.advance(timedelta(minutes=10))
    assert [line.left for line in await worker.round()] == [1]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I4")
async def test_more_in_line_than_can_be_left_out_stop_the_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every other step: then it is no single cashback that is at fault."""
    monkeypatch.setattr(left_out, "LEFT_OUT_MAX", 2)
    _, pays, _ = await waiting(world, 10_000, 10_000, 10_000)
    await world.rows("alter table ledger.decisions disable trigger all")
    await world.rows("update ledger.decisions set document = 'x'::bytea")
    await top_up(world, pays, 10_000)
    with pytest.raises(msgspec.DecodeError):
        await waitlist_of(world).round()
