"""A decision in a sentence that a customer understands."""

from typing import Final

from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL, Bps, Minor
from cashback.ledger.model import Decided, Declined, Granted, Reason, Ruleset

_PERCENT_DIGITS: Final = 2
_WITHOUT_RULES: Final = "No cashback programme is in force."


def explain(decided: Decided) -> str:
    """Return what was decided and why, with figures, in English."""
    if decided.ruleset is None or decided.decision.reason is Reason.NO_PROGRAMME:
        return _WITHOUT_RULES
    match decided.decision:
        case Granted() as granted:
            return _of_grant(decided, decided.ruleset, granted)
        case Declined() as declined:
            return _of_decline(decided, decided.ruleset, declined)


def _of_grant(decided: Decided, ruleset: Ruleset, granted: Granted) -> str:
    """Tell how much was earned, and by how much a limit made it less."""
    tokens = f"{_decimal(granted.token_units, TOKEN_DECIMALS)} {TOKEN_SYMBOL}"
    earned = f"{_percent(ruleset.rate)} of {_money(decided.facts.amount, ruleset)}"
    if granted.reason is Reason.GRANTED:
        return f"{earned} is {_money(granted.amount, ruleset)}: {tokens}."
    left = _money(granted.amount, ruleset)
    return f"{earned} would be {_money(granted.desired, ruleset)}, but only {left} was left in the budget: {tokens}."


def _of_decline(decided: Decided, ruleset: Ruleset, declined: Declined) -> str:
    """Tell why nothing was earned."""
    currency, desired = ruleset.currency.code, _money(declined.desired, ruleset)
    earned = f"{_percent(ruleset.rate)} of {_money(decided.facts.amount, ruleset)}"
    return {
        Reason.USER_BLOCKED: "This user earns no cashback at present.",
        Reason.MERCHANT_INACTIVE: "Purchases at this merchant earn no cashback at present.",
        Reason.PROGRAMME_PAUSED: "The programme was paused at that time.",
        Reason.CURRENCY_UNSUPPORTED: f"The programme pays on purchases in {currency}, not in {decided.facts.currency}.",
        Reason.BELOW_MINOR_UNIT: f"{earned} is less than {_money(Minor(1), ruleset)}.",
        Reason.BUDGET_EXHAUSTED: f"{earned} would be {desired}, but the programme's budget is used up.",
        Reason.BELOW_TOKEN_UNIT: f"{desired}, or what was left of it, is less than the smallest {TOKEN_SYMBOL}.",
        Reason.ABOVE_TOKEN_RANGE: f"{desired} is more {TOKEN_SYMBOL} than can be minted at once.",
    }[declined.reason]


def _money(amount: Minor, ruleset: Ruleset) -> str:
    """Return an amount of the programme's currency, as `19.99 USD`."""
    return f"{_decimal(amount, ruleset.currency.exponent)} {ruleset.currency.code}"


def _percent(rate: Bps) -> str:
    """Return a rate as `1.5 %`."""
    return _decimal(rate, _PERCENT_DIGITS).rstrip("0").rstrip(".") + " %"


def _decimal(units: int, digits: int) -> str:
    """Return `units` of 10^-digits as a decimal number, exactly."""
    if digits == 0:
        return str(units)
    return f"{units // 10**digits}.{units % 10**digits:0{digits}}"
