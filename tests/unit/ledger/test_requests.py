"""When a request goes out again, and what an outcome does."""

from datetime import timedelta

import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.money import TokenUnits
from cashback.ledger.model import TRANSITIONS, OutcomeContradicts, Requested, State
from cashback.ledger.rules import backoff, settles

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def requested(state: State = State.MINT_REQUESTED) -> Requested:
    """Return a cashback whose mint number 7 was requested."""
    return Requested(id="cb_1", user_id="usr_1", token_units=TokenUnits(5), mint_number=7, state=state)


@pytest.mark.parametrize(
    "reissues,ceiling",
    [
        pytest.param(0, MINUTE, id="first"),
        pytest.param(3, 8 * MINUTE, id="doubled-thrice"),
        pytest.param(6, HOUR, id="bounded"),
        pytest.param(10**6, HOUR, id="bounded-for-ever"),
    ],
)
def test_the_wait_for_an_outcome_doubles_and_is_bounded(reissues: int, ceiling: timedelta) -> None:
    """A chain that is down for a day is not asked every minute of it; jitter takes off at most a half."""
    waits = [backoff(new_id("cb"), reissues, first=MINUTE, longest=HOUR) for _ in range(200)]
    assert all(ceiling / 2 <= wait <= ceiling for wait in waits)


def test_what_was_requested_together_does_not_come_due_as_one() -> None:
    """Hundreds of cashbacks of one transaction are spread over half of the wait, each always in the same place."""
    ids = [new_id("cb") for _ in range(500)]
    waits = {id_: backoff(id_, 2, first=MINUTE, longest=HOUR) for id_ in ids}
    assert waits == {id_: backoff(id_, 2, first=MINUTE, longest=HOUR) for id_ in ids}
    quarters = [sum(wait <= 2 * MINUTE + part * 30 * SECOND for wait in waits.values()) for part in (1, 2, 3, 4)]
    assert [later - earlier > 50 for earlier, later in zip([0, *quarters], quarters, strict=False)] == [True] * 4


@pytest.mark.parametrize(
    "state,to,moves",
    [
        pytest.param(State.MINT_REQUESTED, State.MINTED, True, id="minted"),
        pytest.param(State.MINT_REQUESTED, State.STUCK, True, id="stuck"),
        pytest.param(State.STUCK, State.MINTED, True, id="minted-after-all"),
        pytest.param(State.MINTED, State.MINTED, False, id="minted-twice"),
        pytest.param(State.MINTED, State.STUCK, False, id="failure-that-comes-late"),
        pytest.param(State.STUCK, State.STUCK, False, id="stuck-twice"),
    ],
)
def test_an_outcome_moves_a_cashback_forward_or_not_at_all(state: State, to: State, moves: bool) -> None:
    """Outcomes come twice, late and in any order; only forward steps are taken."""
    assert settles(requested(state), cashback_id="cb_1", token_units=None, to=to) is moves


@pytest.mark.parametrize("wrong", [{"cashback_id": "cb_2"}, {"token_units": 6}])
def test_an_outcome_of_something_else_is_never_applied(wrong: dict[str, object]) -> None:
    """One number stands for one cashback and one amount, for ever (I2)."""
    outcome: dict[str, object] = {"cashback_id": "cb_1", "token_units": 5, **wrong}
    with pytest.raises(OutcomeContradicts):
        settles(requested(), to=State.MINTED, **outcome)  # type: ignore[arg-type]  # of the right types, one wrong value


def test_every_state_has_its_way_out_or_is_final() -> None:
    """Nothing hangs (I4): each state leads to a final one, out of which only a replaced block leads."""
    final = {State.DECLINED, State.EXPIRED, State.MINTED, State.NETTED, State.REVERSED, State.VOIDED}
    ways_out = {state: TRANSITIONS[state] for state in final if TRANSITIONS[state]}
    assert ways_out == {State.MINTED: {State.MINT_REQUESTED, State.REVERSED}, State.REVERSED: {State.MINT_REQUESTED}}
    for state in State:
        reached, front = {state}, {state}
        while front:
            front = {follower for each in front for follower in TRANSITIONS[each]} - reached
            reached |= front
        assert reached & final
