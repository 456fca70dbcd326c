"""What a purchase earns, gate by gate."""

from datetime import UTC, datetime

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model import Clamp, Conversion, Counters, Declined, Facts, Granted, Reason, Ruleset
from cashback.ledger.rules import decide, fold

FACTS = Facts(
    merchant_id="mer_1",
    amount=Minor(1_999),
    currency="USD",
    occurred_at=datetime(1997, 1, 12, tzinfo=UTC),
    is_user_blocked=False,
    is_merchant_active=True,
)
RULESET = Ruleset(id="rul_1", programme_id="prg_1", version=1, currency=Currency(code="USD", exponent=2), rate=Bps(150))
CONVERSION = Conversion(rate=TokenRate(1, 1), source="prg_1", as_of=datetime(2026, 1, 1, tzinfo=UTC))
PLENTY = Counters(budget_left=Minor(1_000_000))


def facts(**changes: object) -> Facts:
    """Return the facts of a purchase of 19.99 USD, save for `changes`."""
    return msgspec.structs.replace(FACTS, **changes)


def test_a_purchase_earns_the_percentage_rounded_down_and_its_tokens() -> None:
    """1.5 % of 19.99 is 0.29985: 0.29 USD, which is 0.29 tokens."""
    assert decide(FACTS, RULESET, PLENTY, CONVERSION) == Granted(
        reason=Reason.GRANTED, desired=Minor(29), amount=Minor(29), token_units=TokenUnits(290_000)
    )


@pytest.mark.parametrize(
    "currency,amount,token_units",
    [
        pytest.param(Currency(code="JPY", exponent=0), 15, 15_000_000, id="yen-has-no-minor-unit"),
        pytest.param(Currency(code="USD", exponent=2), 15, 150_000, id="cents"),
        pytest.param(Currency(code="KWD", exponent=3), 15, 15_000, id="fils"),
        pytest.param(Currency(code="CLF", exponent=4), 15, 1_500, id="four-digits"),
    ],
)
def test_tokens_follow_the_exponent_of_the_currency(currency: Currency, amount: int, token_units: int) -> None:
    """The same number of minor units is worth another number of tokens in another currency."""
    ruleset = msgspec.structs.replace(RULESET, currency=currency)
    decision = decide(facts(amount=Minor(1_000), currency=currency.code), ruleset, PLENTY, CONVERSION)
    assert isinstance(decision, Granted)
    assert (decision.amount, decision.token_units) == (amount, token_units)


@pytest.mark.parametrize(
    "changes,reason",
    [
        pytest.param({"is_user_blocked": True}, Reason.USER_BLOCKED, id="blocked"),
        pytest.param({"is_merchant_active": False}, Reason.MERCHANT_INACTIVE, id="inactive"),
        pytest.param({"currency": "EUR"}, Reason.CURRENCY_UNSUPPORTED, id="currency"),
        pytest.param({"amount": Minor(66)}, Reason.BELOW_MINOR_UNIT, id="66-cents-at-1.5-percent-are-0.99-cents"),
        pytest.param({"is_user_blocked": True, "currency": "EUR"}, Reason.USER_BLOCKED, id="first-shut-gate-counts"),
    ],
)
def test_a_shut_gate_declines_with_its_reason(changes: dict[str, object], reason: Reason) -> None:
    """Each gate has a code of its own, and the first that is shut says no."""
    decision = decide(facts(**changes), RULESET, PLENTY, CONVERSION)
    assert isinstance(decision, Declined)
    assert decision.reason is reason


def test_without_a_programme_nothing_is_earned() -> None:
    """A purchase is recorded all the same, and told why it earned nothing."""
    assert decide(FACTS, None, Counters(budget_left=Minor(0)), None) == Declined(reason=Reason.NO_PROGRAMME)


def test_the_last_of_the_budget_is_granted_and_what_it_cut_is_recorded() -> None:
    """The clamp keeps what was desired beside what was granted."""
    decision = decide(FACTS, RULESET, Counters(budget_left=Minor(10)), CONVERSION)
    assert decision == Granted(
        reason=Reason.GRANTED_PARTLY,
        desired=Minor(29),
        amount=Minor(10),
        token_units=TokenUnits(100_000),
        clamps=(Clamp(name="programme_total", desired=Minor(29), granted=Minor(10)),),
    )


def test_an_exhausted_budget_declines_and_says_what_would_have_been() -> None:
    """The desired amount is kept for the forecast of what more budget would have bought."""
    decision = decide(FACTS, RULESET, Counters(budget_left=Minor(0)), CONVERSION)
    assert decision == Declined(reason=Reason.BUDGET_EXHAUSTED, desired=Minor(29))


@pytest.mark.parametrize(
    "rate,reason",
    [
        pytest.param(TokenRate(1, 10**7), Reason.BELOW_TOKEN_UNIT, id="dust"),
        pytest.param(TokenRate(INT63_MAX, 1), Reason.ABOVE_TOKEN_RANGE, id="more-than-63-bits"),
    ],
)
def test_an_amount_that_no_token_can_express_is_declined(rate: TokenRate, reason: Reason) -> None:
    """Gas to mint nothing is still gas, and above 63 bits nothing can be stored or minted."""
    conversion = msgspec.structs.replace(CONVERSION, rate=rate)
    assert decide(FACTS, RULESET, PLENTY, conversion) == Declined(reason=reason, desired=Minor(29))


def test_a_batch_is_decided_in_order_each_seeing_what_those_before_it_left() -> None:
    """The counters of each decision are stored with it."""
    decided = fold([FACTS, facts(currency="EUR"), FACTS, FACTS], RULESET, Counters(budget_left=Minor(40)), CONVERSION)
    assert [each.counters.budget_left for each in decided] == [40, 11, 11, 0]
    assert [each.decision.reason for each in decided] == [
        Reason.GRANTED,
        Reason.CURRENCY_UNSUPPORTED,
        Reason.GRANTED_PARTLY,
        Reason.BUDGET_EXHAUSTED,
    ]
