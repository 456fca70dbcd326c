"""Programmes one after the other: whatever they are and whatever is bought, nothing outgrows 63 bits."""

from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate, TokenUnits, to_token
from cashback.ledger.model import (
    Commitments,
    Conversion,
    Counters,
    Facts,
    Granted,
    NewProgramme,
    ProgrammeInvalid,
    Ruleset,
    TokenRateAbsurd,
)
from cashback.ledger.rules import check_room, check_terms, fold

NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Near the bounds as often as far below them.
large = st.integers(1, INT63_MAX) | st.integers(0, 62).map(lambda bits: 1 << bits)
programmes = st.builds(
    NewProgramme,
    name=st.just("any"),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    rate=st.integers(1, 9_999).map(Bps),
    token_rate=st.builds(TokenRate, st.integers(1, 10**12), st.integers(1, 10**12)),
    budget=large.map(Minor),
)
amounts = st.lists(large.map(Minor), max_size=10)


def granted(terms: NewProgramme, currency: Currency, spent: list[Minor]) -> list[Granted]:
    """Return what purchases of these amounts are granted under some terms."""
    facts = [
        Facts(
            merchant_id="mer_1",
            amount=amount,
            currency=currency.code,
            occurred_at=NOW,
            is_user_blocked=False,
            is_merchant_active=True,
        )
        for amount in spent
    ]
    assert terms.rate is not None
    assert terms.budget is not None
    ruleset = Ruleset(id="rul_1", programme_id="prg_1", version=1, currency=currency, rate=terms.rate)
    conversion = Conversion(rate=terms.token_rate, source="prg_1", as_of=NOW)
    decided = fold(facts, ruleset, Counters(budget_left=terms.budget), conversion)
    return [each.decision for each in decided if isinstance(each.decision, Granted)]


@given(st.lists(st.tuples(programmes, amounts), max_size=8))
def test_no_sum_over_accepted_programmes_leaves_63_bits(many: list[tuple[NewProgramme, list[Minor]]]) -> None:
    """All that users are granted, in any currency and in tokens, fits a column, however many programmes there were."""
    budgets: dict[str, int] = {}
    money: dict[str, int] = {}
    committed = tokens = 0
    for terms, spent in many:
        before = Commitments(budget=Minor(budgets.get(terms.currency, 0)), token_units=TokenUnits(committed))
        assert terms.budget is not None
        try:
            currency = check_terms(terms)
            check_room(terms.budget, terms.token_rate, currency, before)
        except (ProgrammeInvalid, TokenRateAbsurd):
            continue
        budgets[terms.currency] = budgets.get(terms.currency, 0) + terms.budget
        committed += to_token(terms.budget, exponent=currency.exponent, rate=terms.token_rate)
        for grant in granted(terms, currency, spent):
            money[terms.currency] = money.get(terms.currency, 0) + grant.amount
            tokens += grant.token_units
    assert all(amount <= INT63_MAX for amount in money.values())
    assert tokens <= committed <= INT63_MAX


@given(programmes)
def test_a_programme_alone_is_accepted_exactly_when_its_budget_fits_in_tokens(terms: NewProgramme) -> None:
    """Nothing that could be paid is refused, and nothing is accepted that could not be."""
    assert terms.budget is not None
    exponent = {"USD": 2, "JPY": 0, "KWD": 3}[terms.currency]
    fits = to_token(terms.budget, exponent=exponent, rate=terms.token_rate) <= INT63_MAX
    try:
        check_terms(terms)
    except ProgrammeInvalid:
        assert not fits
    except TokenRateAbsurd:
        worth = Fraction(terms.token_rate.numerator, terms.token_rate.denominator)
        assert not Fraction(1, 10**6) <= worth <= 10**6
    else:
        assert fits
