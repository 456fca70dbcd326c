"""The sentence that a customer gets."""

from datetime import UTC, datetime

import pytest

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate
from cashback.ledger.model import Conversion, Counters, Facts, Reason, Ruleset
from cashback.ledger.rules import explain, fold

PAR = TokenRate(1, 1)


def sentence(
    *,
    amount: int = 1_999,
    currency: str = "USD",
    is_user_blocked: bool = False,
    is_merchant_active: bool = True,
    is_programme_paused: bool = False,
    left: int = 1_000_000,
    rate: TokenRate = PAR,
    has_programme: bool = True,
) -> tuple[Reason, str]:
    """Return reason and explanation of one decision."""
    facts = Facts(
        merchant_id="mer_1",
        amount=Minor(amount),
        currency=currency,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_user_blocked=is_user_blocked,
        is_merchant_active=is_merchant_active,
        is_programme_paused=is_programme_paused,
    )
    ruleset = Ruleset(
        id="rul_1", programme_id="prg_1", version=1, currency=Currency(code="USD", exponent=2), rate=Bps(150)
    )
    conversion = Conversion(rate=rate, source="prg_1", as_of=datetime(2026, 1, 1, tzinfo=UTC))
    [decided] = fold(
        [facts],
        ruleset if has_programme else None,
        Counters(budget_left=Minor(left)),
        conversion if has_programme else None,
    )
    return decided.decision.reason, explain(decided)


CASES = {
    Reason.GRANTED: ({}, "1.5 % of 19.99 USD is 0.29 USD: 0.290000 CBK."),
    Reason.GRANTED_PARTLY: (
        {"left": 10},
        "1.5 % of 19.99 USD would be 0.29 USD, but only 0.10 USD was left in the budget: 0.100000 CBK.",
    ),
    Reason.NO_PROGRAMME: ({"has_programme": False}, "No cashback programme is in force."),
    Reason.USER_BLOCKED: ({"is_user_blocked": True}, "This user earns no cashback at present."),
    Reason.MERCHANT_INACTIVE: (
        {"is_merchant_active": False},
        "Purchases at this merchant earn no cashback at present.",
    ),
    Reason.PROGRAMME_PAUSED: ({"is_programme_paused": True}, "The programme was paused at that time."),
    Reason.CURRENCY_UNSUPPORTED: ({"currency": "JPY"}, "The programme pays on purchases in USD, not in JPY."),
    Reason.BELOW_MINOR_UNIT: ({"amount": 1}, "1.5 % of 0.01 USD is less than 0.01 USD."),
    Reason.BUDGET_EXHAUSTED: (
        {"left": 0},
        "1.5 % of 19.99 USD would be 0.29 USD, but the programme's budget is used up.",
    ),
    Reason.BELOW_TOKEN_UNIT: (
        {"rate": TokenRate(1, 10**9)},
        "0.29 USD, or what was left of it, is less than the smallest CBK.",
    ),
    Reason.ABOVE_TOKEN_RANGE: ({"rate": TokenRate(INT63_MAX, 1)}, "0.29 USD is more CBK than can be minted at once."),
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    """No reason is left without words, and the figures in them are exact."""
    changes, words = CASES[reason]
    assert sentence(**changes) == (reason, words)  # type: ignore[arg-type]  # the table's values vary by name
