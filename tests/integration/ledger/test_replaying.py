"""Every stored decision is decided anew, page by page, and what is not the same byte for byte is named."""

from datetime import timedelta

import pytest

from cashback.ledger.service import Replays, replaying
from tests.integration.ledger.world import World, buy


async def bought(world: World, *currencies: str) -> list[str]:
    """Give the cashbacks of a purchase in each currency."""
    user, merchant = await world.user(), await world.merchant()
    answers = await world.record(*[buy(user, merchant, currency=currency) for currency in currencies])
    return [answer.cashback.id for answer in answers]


async def tampered(world: World, cashback_id: str, before: bytes, after: bytes) -> None:
    """Change a stored decision behind the ledger's back."""
    await world.rows("alter table ledger.decisions disable trigger decisions_immutable")
    [(document,)] = await world.rows("select document from ledger.decisions where cashback_id = %s", cashback_id)
    assert before in document
    await world.rows(
        "update ledger.decisions set document = %s where cashback_id = %s", document.replace(before, after), cashback_id
    )
    await world.rows("alter table ledger.decisions enable trigger decisions_immutable")


async def test_all_decisions_replay_and_the_one_that_was_changed_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Granted, and declined for want of a programme; in pages of two none is left out or counted twice."""
    monkeypatch.setattr(replaying, "PAGE", 2)
    await world.programme()
    made = await bought(world, "USD", "EUR", "USD", "GBP", "USD")
    steps: list[int] = []
    found = await Replays(world.auditor).run(since=None, reached=steps.append)
    assert (found.decisions, found.different, found.differences) == (5, 0, ())
    assert steps == [2, 2, 1]
    await tampered(world, made[2], b'"amount":"10000"', b'"amount":"20000"')
    await tampered(world, made[4], b'"engine"', b'"motor"')
    found = await Replays(world.auditor).run(since=None, reached=steps.append)
    assert found.different == 2
    assert {each.cashback_id for each in found.differences} == {made[2], made[4]}
    assert {each.detail for each in found.differences} >= {"it decides otherwise now"}


async def test_only_what_was_decided_since_is_replayed(world: World) -> None:
    """An auditor who has seen the beginning goes on from there."""
    await world.programme()
    await bought(world, "USD", "USD")
    world.clock.advance(timedelta(hours=1))
    await bought(world, "USD")
    found = await Replays(world.auditor).run(since=world.clock.now(), reached=lambda _: None)
    assert (found.decisions, found.different) == (1, 0)
