"""The gate of what an event may cost: it must be able to fail."""

from typing import Final

import msgspec
import pytest

from tests.benchmarks.backbone import LOG_TOLERANCE, Backbone, within

BUDGET: Final = Backbone(
    relay_statements=2, relay_round_trips=5, consumer_statements=2, log_bytes_per_event=900, dead_rows=10
)


def missed(spent: Backbone) -> list[str]:
    """Return which figures miss the budget."""
    return [check.name for check in within(BUDGET, spent) if not check.holds]


def test_what_the_budget_says_may_be_spent() -> None:
    """And a little more of the log, in which a page is written whole now and then."""
    more = round(BUDGET.log_bytes_per_event * (1 + LOG_TOLERANCE))
    assert missed(msgspec.structs.replace(BUDGET, log_bytes_per_event=more)) == []


@pytest.mark.parametrize(
    "rise, figure",
    [
        pytest.param({"relay_statements": 2.01}, "relay: statements", id="a statement in the relay"),
        pytest.param({"relay_round_trips": 5.01}, "relay: round trips", id="a round trip in the relay"),
        pytest.param({"consumer_statements": 2.01}, "consumer: statements", id="a statement in the consumer"),
        pytest.param({"log_bytes_per_event": 991}, "log bytes, appended, published and applied", id="the log"),
        pytest.param({"dead_rows": 10.1}, "dead rows at 500/s for 60 s, old snapshot open", id="dead rows"),
    ],
)
def test_a_rise_is_seen(rise: dict[str, float], figure: str) -> None:
    """Of each figure, and of no other."""
    assert missed(msgspec.structs.replace(BUDGET, **rise)) == [figure]
