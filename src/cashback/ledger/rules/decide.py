"""What a purchase earns.

gates (who, where, which currency) ──▶ percentage, rounded down ──▶ clamp to what is left of the budget ──▶ tokens

The first gate that is shut ends it. Changing what any of this returns for the same input needs a new `ENGINE`.
"""

from collections.abc import Iterable
from typing import Final

from cashback.kernel.money import INT63_MAX, Minor, TokenUnits, share, to_token
from cashback.ledger.model import (
    Clamp,
    Conversion,
    Counters,
    Decided,
    Decision,
    Declined,
    Facts,
    Granted,
    Reason,
    Ruleset,
)

ENGINE: Final = 1
"""Version of the behaviour below; it is stored with every decision."""

TOTAL_BUDGET: Final = "programme_total"


def decide(facts: Facts, ruleset: Ruleset | None, counters: Counters, conversion: Conversion | None) -> Decision:
    """Return what `facts` earn; total, and the same for the same arguments for ever.

    `ruleset` and `conversion` are None when no programme is in force. Both the percentage and the tokens are rounded
    down, at those two places only.
    """
    if ruleset is None or conversion is None:
        return Declined(reason=Reason.NO_PROGRAMME)
    shut = _shut_gate(facts, ruleset)
    if shut is not None:
        return Declined(reason=shut)
    desired = share(facts.amount, ruleset.rate)
    amount = min(desired, counters.budget_left)
    token_units = to_token(amount, exponent=ruleset.currency.exponent, rate=conversion.rate)
    unpayable = _unpayable(desired, amount, token_units)
    if unpayable is not None:
        return Declined(reason=unpayable, desired=desired)
    is_whole = amount == desired
    return Granted(
        reason=Reason.GRANTED if is_whole else Reason.GRANTED_PARTLY,
        desired=desired,
        amount=amount,
        token_units=token_units,
        clamps=() if is_whole else (Clamp(name=TOTAL_BUDGET, desired=desired, granted=amount),),
    )


def fold(
    many: Iterable[Facts], ruleset: Ruleset | None, counters: Counters, conversion: Conversion | None
) -> list[Decided]:
    """Return a decision for each of `many` in order, each having seen what those before it left."""
    decided = []
    for facts in many:
        decision = decide(facts, ruleset, counters, conversion)
        decided.append(
            Decided(
                engine=ENGINE, facts=facts, ruleset=ruleset, counters=counters, conversion=conversion, decision=decision
            )
        )
        counters = _after(counters, decision)
    return decided


def _shut_gate(facts: Facts, ruleset: Ruleset) -> Reason | None:
    """Return the reason of the first gate that does not let the purchase through, or None."""
    if facts.is_user_blocked:
        return Reason.USER_BLOCKED
    if not facts.is_merchant_active:
        return Reason.MERCHANT_INACTIVE
    if facts.currency != ruleset.currency.code:
        return Reason.CURRENCY_UNSUPPORTED
    return Reason.PROGRAMME_PAUSED if facts.is_programme_paused else None


def _unpayable(desired: Minor, amount: Minor, token_units: TokenUnits) -> Reason | None:
    """Return why what was calculated cannot be granted, or None when it can."""
    if desired == 0:
        return Reason.BELOW_MINOR_UNIT
    if amount == 0:
        return Reason.BUDGET_EXHAUSTED
    if token_units == 0:
        # Dust is declined rather than minted: gas to mint nothing is still gas.
        return Reason.BELOW_TOKEN_UNIT
    return Reason.ABOVE_TOKEN_RANGE if token_units > INT63_MAX else None


def _after(counters: Counters, decision: Decision) -> Counters:
    """Return the counters as the next decision sees them."""
    if isinstance(decision, Declined):
        return counters
    return Counters(budget_left=Minor(counters.budget_left - decision.amount))
