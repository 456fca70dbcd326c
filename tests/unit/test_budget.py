"""The gate of what a mint may cost: it must be able to fail."""

from typing import Final

import pytest

from tests.benchmarks.budget import CPU_TOLERANCE, Budget, within

BUDGET: Final = Budget(requests={"eth_call": 6, "eth_getLogs": 1}, cpu_references=0.5)
SPENT: Final = {"eth_call": 6.0, "eth_getLogs": 1.0}


def missed(asked: dict[str, float], spent_references: float) -> list[str]:
    """Return which figures miss the budget."""
    return [check.name for check in within(BUDGET, asked=asked, spent_references=spent_references) if not check.holds]


def test_what_the_budget_says_may_be_spent() -> None:
    """And a little more CPU, which is never measured twice alike."""
    assert missed(SPENT, BUDGET.cpu_references * (1 + CPU_TOLERANCE) - 0.01) == []


def test_less_may_be_spent() -> None:
    """A method that is asked no more is no rise."""
    assert missed({"eth_call": 5.0}, 0.1) == []


@pytest.mark.parametrize(
    "rise",
    [
        pytest.param({"eth_call": 6.25}, id="one request more in four blocks"),
        pytest.param({"eth_blockNumber": 1}, id="a method that was never asked"),
    ],
)
def test_no_request_more_may_be_asked(rise: dict[str, float]) -> None:
    """Neither of a known method nor of a new one; the sum tells it as well."""
    assert missed(SPENT | rise, BUDGET.cpu_references) == [
        f"{next(iter(rise))} for 1,000 mints",
        "requests for 1,000 mints",
    ]


def test_cpu_beyond_the_tolerance_misses() -> None:
    """By whatever it is beyond."""
    assert missed(SPENT, BUDGET.cpu_references * (1 + CPU_TOLERANCE) + 0.01) == ["CPU for 1,000 mints"]
