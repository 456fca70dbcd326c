"""Decisions over all inputs: total, within the budget, and replayable byte for byte."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate
from cashback.ledger.model import Conversion, Counters, Facts, Granted, Ruleset
from cashback.ledger.rules import decided_of, document_of, explain, fold, replay

minors = st.integers(0, INT63_MAX).map(Minor)
codes = st.sampled_from(["USD", "JPY", "KWD"])
times = st.datetimes(timezones=st.just(UTC))
facts = st.builds(
    Facts,
    merchant_id=st.text(max_size=30),
    amount=st.integers(1, INT63_MAX).map(Minor),
    currency=codes,
    occurred_at=times,
    is_user_blocked=st.booleans(),
    is_merchant_active=st.booleans(),
)
rulesets = st.none() | st.builds(
    Ruleset,
    id=st.just("rul_1"),
    programme_id=st.just("prg_1"),
    version=st.integers(1, 1_000),
    currency=st.builds(Currency, code=codes, exponent=st.integers(0, 4)),
    rate=st.integers(1, 10_000).map(Bps),
)
rates = st.builds(TokenRate, st.integers(1, INT63_MAX), st.integers(1, INT63_MAX))
conversions = st.none() | st.builds(Conversion, rate=rates, source=st.just("prg_1"), as_of=times)


@given(st.lists(facts, max_size=20), rulesets, minors, conversions)
def test_any_batch_is_decided_within_the_budget(
    many: list[Facts], ruleset: Ruleset | None, budget: Minor, conversion: Conversion | None
) -> None:
    """Whatever comes in, each gets a decision, together they never exceed the budget, and each has a sentence."""
    decided = fold(many, ruleset, Counters(budget_left=budget), conversion)
    assert [each.facts for each in decided] == many
    assert sum(each.decision.amount for each in decided if isinstance(each.decision, Granted)) <= budget
    assert all(explain(each) for each in decided)


@given(facts, rulesets, minors, conversions)
def test_a_grant_is_positive_whole_and_never_more_than_was_desired(
    one: Facts, ruleset: Ruleset | None, budget: Minor, conversion: Conversion | None
) -> None:
    """What the schema demands of a grant, every grant has."""
    [decided] = fold([one], ruleset, Counters(budget_left=budget), conversion)
    if isinstance(decided.decision, Granted):
        assert 1 <= decided.decision.amount <= decided.decision.desired <= one.amount
        assert 1 <= decided.decision.token_units <= INT63_MAX


@given(facts, rulesets, minors, conversions)
def test_a_stored_decision_replays_byte_for_byte(
    one: Facts, ruleset: Ruleset | None, budget: Minor, conversion: Conversion | None
) -> None:
    """The document holds everything that the decision saw, and nothing is lost on the way through JSON."""
    [decided] = fold([one], ruleset, Counters(budget_left=budget), conversion)
    document = document_of(decided)
    assert decided_of(document) == decided
    assert replay(document) == document


def test_the_document_of_a_decision_is_what_it_always_was() -> None:
    """The bytes of engine 1 are fixed: they are replayed for as long as the books are kept."""
    [decided] = fold(
        [
            Facts(
                merchant_id="mer_1",
                amount=Minor(1_999),
                currency="USD",
                occurred_at=datetime(1997, 1, 12, tzinfo=UTC),
                is_user_blocked=False,
                is_merchant_active=True,
            )
        ],
        Ruleset(id="rul_1", programme_id="prg_1", version=3, currency=Currency(code="USD", exponent=2), rate=Bps(150)),
        Counters(budget_left=Minor(10)),
        Conversion(rate=TokenRate(1, 2), source="prg_1", as_of=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    assert document_of(decided) == (
        b'{"conversion":{"as_of":"2026-01-01T00:00:00Z","rate":{"denominator":"2","numerator":"1"},"source":"prg_1"},'
        b'"counters":{"budget_left":"10"},'
        b'"decision":{"amount":"10","clamps":[{"desired":"29","granted":"10","name":"programme_total"}],'
        b'"desired":"29","outcome":"granted","reason":"granted_partly","token_units":"50000"},'
        b'"engine":"1",'
        b'"facts":{"amount":"1999","currency":"USD","is_merchant_active":true,"is_user_blocked":false,'
        b'"merchant_id":"mer_1","occurred_at":"1997-01-12T00:00:00Z"},'
        b'"ruleset":{"currency":{"code":"USD","exponent":"2"},"id":"rul_1","programme_id":"prg_1","rate":"150",'
        b'"version":"3"}}'
    )
