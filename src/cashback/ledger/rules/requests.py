"""When a mint request is published again, and what an outcome does to a cashback."""

from datetime import timedelta

from cashback.ledger.model import TRANSITIONS, OutcomeContradicts, Requested, State


def backoff(reissues: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return how long to wait for an outcome after `reissues` repetitions: doubling, and never above `longest`.

    >>> backoff(2, first=timedelta(seconds=60), longest=timedelta(hours=1))
    datetime.timedelta(seconds=240)
    """
    doublings = min(reissues, 32)
    return min(first * (1 << doublings), longest)


def settles(cashback: Requested, *, cashback_id: str, token_units: int | None, to: State) -> bool:
    """Tell whether an outcome moves the cashback to the state `to`; False when it is already past that.

    Raises:
        OutcomeContradicts: the number was requested for another cashback or another amount.
    """
    if cashback.id != cashback_id or token_units not in (None, cashback.token_units):
        raise OutcomeContradicts(
            f"the outcome of mint {cashback.mint_number} is not what was requested",
            mint_number=cashback.mint_number,
            cashback_id=cashback_id,
            token_units=token_units,
        )
    return to in TRANSITIONS[cashback.state]
