"""What a user's cashback comes to, so that nothing that was granted is left out and nothing counts twice (I1)."""

from collections.abc import Iterable, Mapping
from typing import Final

from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import Balance, State, Sum
from cashback.ledger.model.balances import StateSums

_PLACES: Final[Mapping[str, tuple[State, ...]]] = {
    "pending": (State.PENDING, State.REVIEW),
    "waiting": (State.APPROVED,),
    "in_flight": (State.MINT_REQUESTED,),
    "stuck": (State.STUCK,),
    # The tokens of a purchase that was returned later stay where they are: the user owes them.
    "minted": (State.MINTED, State.REVERSED),
}
_NOTHING: Final = StateSums(
    cashbacks=0,
    amount=Minor(0),
    token_units=TokenUnits(0),
    payable=Minor(0),
    payable_units=TokenUnits(0),
    netted_units=TokenUnits(0),
)


def balance(found: Mapping[tuple[str, State], StateSums], currency: str) -> Balance:
    """Return one currency's figures from what stands in each state."""
    stands = {state: found.get((currency, state), _NOTHING) for state in State}
    places = {name: _total(_left(stands[state]) for state in states) for name, states in _PLACES.items()}
    netted, expired = stands[State.NETTED], stands[State.EXPIRED]
    returned = _total(_returned(stand) for state, stand in stands.items() if state is not State.EXPIRED)
    return Balance(
        currency=currency,
        granted=_total(Sum(stand.cashbacks, stand.amount, stand.token_units) for stand in stands.values()),
        voided=Sum(stands[State.VOIDED].cashbacks, returned.amount, returned.token_units),
        netted=Sum(netted.cashbacks, netted.payable, TokenUnits(sum(stand.netted_units for stand in stands.values()))),
        expired=Sum(expired.cashbacks, expired.amount, expired.token_units),
        **places,
    )


def _left(stand: StateSums) -> Sum:
    """Return what of a state's cashbacks is still payable to the user or was paid."""
    return Sum(stand.cashbacks, stand.payable, TokenUnits(stand.payable_units - stand.netted_units))


def _returned(stand: StateSums) -> Sum:
    """Return what of a state's cashbacks has gone back to the budgets."""
    return Sum(0, Minor(stand.amount - stand.payable), TokenUnits(stand.token_units - stand.payable_units))


def _total(sums: Iterable[Sum]) -> Sum:
    """Return sums added up."""
    parts = list(sums)
    return Sum(
        sum(part.cashbacks for part in parts),
        Minor(sum(part.amount for part in parts)),
        TokenUnits(sum(part.token_units for part in parts)),
    )
