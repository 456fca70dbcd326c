"""A user's figures: whatever was granted is somewhere, once (I1)."""

import pytest

from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import State, Sum
from cashback.ledger.model.balances import StateSums
from cashback.ledger.rules.balance import balance

pytestmark = pytest.mark.invariant("I1")
PLACES = ("pending", "waiting", "in_flight", "stuck", "minted", "voided", "netted", "expired")


def standing(amount: int, *, left: int | None = None, netted: int = 0) -> StateSums:
    """Return one cashback of ten tokens a unit, of which so much is left, and of that so many tokens were netted."""
    payable = amount if left is None else left
    return StateSums(
        cashbacks=1,
        amount=Minor(amount),
        token_units=TokenUnits(10 * amount),
        payable=Minor(payable),
        payable_units=TokenUnits(10 * payable),
        netted_units=TokenUnits(netted),
    )


FOUND = {
    State.PENDING: standing(1),
    State.REVIEW: standing(2),
    State.APPROVED: standing(40, left=30),
    State.MINT_REQUESTED: standing(80, netted=5),
    State.STUCK: standing(160),
    State.MINTED: standing(320),
    State.REVERSED: standing(640),
    State.VOIDED: standing(1_280, left=0),
    State.NETTED: standing(2_560, netted=25_600),
    State.EXPIRED: standing(5_120, left=0),
}


def test_all_that_was_granted_is_somewhere_once() -> None:
    """In cashbacks, in money and in tokens; those that were refunded or netted in part are no exception."""
    told = balance({("USD", state): stand for state, stand in FOUND.items()}, "USD")
    parts = [getattr(told, place) for place in PLACES]
    assert sum(part.cashbacks for part in parts) == told.granted.cashbacks == len(FOUND)
    assert sum(part.amount for part in parts) == told.granted.amount
    # Of what was netted in part the money stays where the rest is; only the tokens were kept.
    assert sum(part.token_units for part in parts) == told.granted.token_units
    assert told.granted == Sum(10, Minor(10_203), TokenUnits(102_030))


def test_each_figure_is_of_its_states() -> None:
    """Held and reviewed are pending; what came back before the request is voided, wherever the rest stands."""
    told = balance({("USD", state): stand for state, stand in FOUND.items()}, "USD")
    figures = {place: getattr(told, place) for place in PLACES}
    assert figures == {
        "pending": Sum(2, Minor(3), TokenUnits(30)),
        "waiting": Sum(1, Minor(30), TokenUnits(300)),
        "in_flight": Sum(1, Minor(80), TokenUnits(795)),
        "stuck": Sum(1, Minor(160), TokenUnits(1_600)),
        "minted": Sum(2, Minor(960), TokenUnits(9_600)),
        "voided": Sum(1, Minor(1_290), TokenUnits(12_900)),
        "netted": Sum(1, Minor(2_560), TokenUnits(25_605)),
        "expired": Sum(1, Minor(5_120), TokenUnits(51_200)),
    }


def test_currencies_are_told_apart() -> None:
    """Nothing of one is in the figures of another."""
    assert balance({("USD", State.MINTED): standing(7)}, "EUR").granted == Sum()
