"""Every step between a decision and its mint request, its row, its event and its postings, and no other (I1, I8)."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Final

import msgspec
import psycopg
import pytest

from cashback.ledger import State
from cashback.ledger.model import TRANSITIONS
from tests.integration.ledger.lives import bought, life_of, postings, steps, told, with_terms
from tests.integration.ledger.world import World

pytestmark = pytest.mark.invariant("I1", "I8")
ROOT: Final = FilePath(__file__).parents[3]


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How a cashback takes one step, and what that leaves behind."""

    terms: Mapping[str, int]
    days: int = 0
    verdict: str = ""
    leads_to: str
    posted: tuple[str, str, str] | None
    event: str | None


STEPS: Final[dict[tuple[State | None, State], Path]] = {
    (None, State.APPROVED): Path(
        terms={}, leads_to="approved", posted=("accrual", "budget", "approved"), event="cashback.approved"
    ),
    (None, State.PENDING): Path(
        terms={"hold_days": 30}, leads_to="pending", posted=("accrual", "budget", "pending"), event=None
    ),
    (None, State.REVIEW): Path(
        terms={"review_above_minor": 0}, leads_to="review", posted=("accrual", "budget", "pending"), event=None
    ),
    (State.PENDING, State.APPROVED): Path(
        terms={"hold_days": 30},
        days=30,
        leads_to="pending>approved",
        posted=("approval", "pending", "approved"),
        event="cashback.approved",
    ),
    (State.REVIEW, State.APPROVED): Path(
        terms={"review_above_minor": 0},
        verdict="approve",
        leads_to="review>approved",
        posted=("approval", "pending", "approved"),
        event="cashback.approved",
    ),
    (State.REVIEW, State.PENDING): Path(
        terms={"review_above_minor": 0, "hold_days": 30},
        verdict="approve",
        leads_to="review>pending",
        posted=("accrual", "budget", "pending"),
        event=None,
    ),
    (State.REVIEW, State.VOIDED): Path(
        terms={"review_above_minor": 0},
        verdict="reject",
        leads_to="review>voided",
        posted=("void", "pending", "budget"),
        event="cashback.voided",
    ),
    (State.APPROVED, State.EXPIRED): Path(
        terms={"expire_after_days": 30},
        days=30,
        leads_to="approved>expired",
        posted=("expiry", "approved", "budget"),
        event="cashback.expired",
    ),
}
"""The steps that time and people take; the last posting and the last event of each."""

ELSEWHERE: Final = {
    (None, State.DECLINED): "tests/integration/purchases/test_recording.py",
    (State.APPROVED, State.MINT_REQUESTED): "tests/integration/ledger/test_mints.py",
    (None, State.WAITLISTED): "tests/integration/ledger/test_waitlist.py",
    (State.WAITLISTED, State.DECLINED): "tests/integration/ledger/test_waitlist.py",
    (State.WAITLISTED, State.PENDING): "tests/integration/ledger/test_waitlist.py",
    (State.WAITLISTED, State.REVIEW): "tests/integration/ledger/test_waitlist.py",
    (State.WAITLISTED, State.APPROVED): "tests/integration/ledger/test_waitlist.py",
    (State.PENDING, State.VOIDED): "tests/integration/ledger/test_between_refunds_and_life.py",
    (State.APPROVED, State.VOIDED): "tests/integration/ledger/test_refunds.py",
    (State.APPROVED, State.NETTED): "tests/integration/ledger/test_refunds.py",
}
"""Where the others before the request are taken."""
BEFORE_REQUEST: Final = (None, State.WAITLISTED, State.REVIEW, State.PENDING, State.APPROVED)


def test_no_step_before_the_request_is_forgotten() -> None:
    """Each that the model knows is taken here, or in a test that there is."""
    known = {(state, after) for state in BEFORE_REQUEST for after in TRANSITIONS[state]}
    assert known == STEPS.keys() | ELSEWHERE.keys()
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0] or 'start'}-{step[1]}")
async def test_each_step_leaves_its_row_its_event_and_its_postings(
    world: World, step: tuple[State | None, State]
) -> None:
    """And the same round once more leaves nothing."""
    path = STEPS[step]
    await with_terms(world, **path.terms)
    [cashback_id] = await bought(world, wallet=None)
    if path.verdict:
        await world.rows(
            "insert into ledger.reviews (cashback_id, verdict, person, reason, key_id, at)"
            " values (%s, %s, 'alice', 'because', 'key_1', now())",
            cashback_id,
            path.verdict,
        )
    world.clock.advance(timedelta(days=path.days))
    life = life_of(world)
    await life.round()
    await life.round()
    assert ">".join(await steps(world, cashback_id)) == path.leads_to
    assert (await postings(world, cashback_id))[-1][:3] == path.posted
    events = await told(world, cashback_id)
    assert (events[-1] if events else None) == path.event
    await world.assert_books_prove()


async def test_the_schema_takes_no_step_that_the_model_does_not_know(world: World) -> None:
    """From each state before the request to every state there is, by whoever may write states."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    for before in (State.REVIEW, State.PENDING, State.APPROVED):
        for after in State:
            if after is before or after in TRANSITIONS[before]:
                continue
            with psycopg.connect(world.dsns.superuser) as connection:
                connection.execute("alter table ledger.cashback_ledger disable trigger cashback_frozen")
                connection.execute(
                    "update ledger.cashback_ledger set state = %s, hold_until = now() where id = %s",
                    (before.value, cashback_id),
                )
                connection.execute("alter table ledger.cashback_ledger enable trigger cashback_frozen")
                with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot go"):
                    connection.execute(
                        "update ledger.cashback_ledger set state = %s where id = %s", (after.value, cashback_id)
                    )
                connection.rollback()


@pytest.mark.parametrize("before", State)
async def test_from_no_state_is_there_a_step_that_the_model_does_not_know(world: World, before: State) -> None:
    """The trigger refuses each of them by its name, whatever else the row has."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    others = [after for after in State if after is not before and after not in TRANSITIONS[before]]
    checks = await world.rows(
        "select conname from pg_constraint where conrelid = 'ledger.cashback_ledger'::regclass and contype = 'c'"
    )
    with psycopg.connect(world.dsns.superuser) as connection:
        # A row that has everything a state asks for is not what is asked here: the trigger alone is.
        for (name,) in checks:
            connection.execute(f"alter table ledger.cashback_ledger drop constraint {name}".encode())
        connection.execute("alter table ledger.cashback_ledger disable trigger cashback_frozen")
        connection.execute("update ledger.cashback_ledger set state = %s where id = %s", (before.value, cashback_id))
        connection.execute("alter table ledger.cashback_ledger enable trigger cashback_frozen")
        for after in others:
            with (
                pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot go"),
                connection.transaction(),
            ):
                connection.execute(
                    "update ledger.cashback_ledger set state = %s where id = %s", (after.value, cashback_id)
                )
        connection.rollback()
