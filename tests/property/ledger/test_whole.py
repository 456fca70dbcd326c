"""The hypothesis state machine over the whole engine and its books, which walks every edge of a cashback's life."""

from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from cashback.ledger.model import TRANSITIONS
from cashback.purchases.model.refunds import RefundKind
from tests.property.ledger.drawing import STEPS
from tests.property.ledger.opening import Openings
from tests.property.ledger.whole import Whole
from tests.support.servers import Databases

LIVES_MAX: Final = 6
STEPS_OF_A_LIFE: Final = 250
SEEN: Final = ("record:exchanged", "record:gold", "refund:many")
"""What must have happened beside one effect of each step."""


@pytest.fixture(scope="module")
def openings(databases: Databases) -> Openings:
    """Give databases in which everybody is there already."""
    return Openings(databases)


@pytest.mark.invariant("I1", "I2", "I7", "I8")
@pytest.mark.parametrize(
    "examples,steps",
    [
        pytest.param(20, 50, id="1000-steps", marks=pytest.mark.timeout(600)),
        pytest.param(100, 100, id="10000-steps", marks=[pytest.mark.deep, pytest.mark.timeout(3_600)]),
    ],
)
def test_the_whole_engine_and_its_books_are_what_a_second_telling_makes_of_them(
    openings: Openings, examples: int, steps: int
) -> None:
    """Any sequence of steps keeps every row, account, limit, net and debt as the reference has it (I1, I2, I7, I8)."""
    Whole.openings = openings
    run_state_machine_as_test(
        Whole,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.mark.invariant("I1", "I2", "I7", "I8")
@pytest.mark.timeout(600)
def test_long_lives_take_every_step_and_walk_every_edge(openings: Openings) -> None:
    """Seeds 0, 1, 2, ... in long lives until each step had an effect and each transition was taken; at most six."""
    Whole.openings = openings
    Whole.effects.clear()
    Whole.edges.clear()
    known = {(before or "start", after.value) for before, afters in TRANSITIONS.items() for after in afters}
    wanted = [*(f"step:{name}" for name in STEPS), *SEEN]
    idle, missing = wanted, known
    for life in range(LIVES_MAX):
        machine = Whole()
        try:
            for seed in range(life * STEPS_OF_A_LIFE, (life + 1) * STEPS_OF_A_LIFE):
                machine.step(seed)
                machine.everything_is_as_the_reference_has_it()
        finally:
            machine.teardown()
        idle = [what for what in wanted if not Whole.effects[what]]
        missing = known - Whole.edges.keys()
        if not idle and not missing:
            break
    told = "\n".join(f"{count:6} {what}" for what, count in sorted(Whole.effects.items()))
    assert (idle, missing) == ([], set()), told


@pytest.mark.invariant("I1", "I8")
def test_what_was_given_up_at_once_is_owed_again_once_its_number_is_retired(openings: Openings) -> None:
    """What ten thousand steps found: the second telling let it be minted; what is left of it is asked for alone."""
    Whole.openings = openings
    machine = Whole()
    try:
        for name, arguments in (
            ("record", {"many": [(0, 0, "KWD", [3_000])], "hours": 0}),
            ("request", {"by_sweep": False}),
            ("return_by_amount", {"place": 0, "per_mille": 500, "kind": RefundKind.REFUND}),
            ("retire", {"place": 0}),
            ("restore", {"place": 0}),
            ("return_by_amount", {"place": 0, "per_mille": 500, "kind": RefundKind.REFUND}),
            ("request", {"by_sweep": True}),
            ("mint", {"place": 0, "more": 0}),
        ):
            getattr(machine, name)(**arguments)
            machine.everything_is_as_the_reference_has_it()
        [one] = machine.book.cashbacks.values()
        assert (one.state, one.units, one.requested, one.netted) == ("minted", 120, 30, 90)
    finally:
        machine.teardown()
