"""Which terms of a programme are sound."""

from contextlib import nullcontext
from datetime import UTC, datetime

import click
import msgspec
import pytest

from cashback.cli.programmes import create
from cashback.kernel.errors import Invalid
from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model import (
    Commitments,
    Conditions,
    CurrencyUnknown,
    GrantAboveLimit,
    NewProgramme,
    ProgrammeInvalid,
)
from cashback.ledger.model.engine import ProgrammeFacts
from cashback.ledger.model.problems import Severity
from cashback.ledger.rules import check_limit, check_room, check_terms, currency_of
from cashback.ledger.rules.engine import rules_of
from cashback.ledger.rules.linting import lint
from cashback.ledger.rules.programme import bare_percentage
from cashback.purchases.http.programmes import ProgrammeBody

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERMS = NewProgramme(name="Spring", currency="USD", rate=Bps(150), token_rate=TokenRate(1, 1), budget=Minor(1_000_000))


def test_sound_terms_come_back_with_their_currency() -> None:
    """The exponent is ISO 4217's, nobody types it in."""
    assert check_terms(TERMS) == Currency(code="USD", exponent=2)


@pytest.mark.parametrize(
    "changes,pointer",
    [
        pytest.param({"name": ""}, "/name", id="no-name"),
        pytest.param({"name": "a\x00b"}, "/name", id="unprintable"),
        pytest.param({"rate": Bps(0)}, "/rate_bps", id="nothing"),
        pytest.param({"rate": Bps(10_001)}, "/rate_bps", id="more-than-everything"),
        pytest.param({"rate": Bps(10_000)}, "/rate_bps", id="everything"),
        pytest.param({"budget": Minor(0)}, "/budget_minor", id="no-budget"),
        pytest.param({"budget": Minor(INT63_MAX + 1)}, "/budget_minor", id="too-large"),
        pytest.param({"budget": Minor(INT63_MAX // 10_000 + 1)}, "/budget_minor", id="too-many-tokens"),
        pytest.param({"token_rate": TokenRate(10**12, 1)}, "/budget_minor", id="too-dear"),
        pytest.param({"token_rate": TokenRate(0, 1)}, "/token_rate/numerator", id="free"),
        pytest.param({"token_rate": TokenRate(1, 0)}, "/token_rate/denominator", id="infinite"),
    ],
)
def test_an_unsound_term_is_refused_with_its_place(changes: dict[str, object], pointer: str) -> None:
    """The pointer names the field that must change."""
    with pytest.raises(ProgrammeInvalid) as refused:
        check_terms(msgspec.structs.replace(TERMS, **changes))
    assert refused.value.fields["pointer"] == pointer


@pytest.mark.parametrize("currency", ["XXX", "usd"])
def test_what_is_no_currency_is_said_to_be_none(currency: str) -> None:
    """Of the programme, and of what it accepts."""
    with pytest.raises(CurrencyUnknown) as refused:
        check_terms(msgspec.structs.replace(TERMS, currency=currency))
    assert refused.value.fields["pointer"] == "/currency"
    with pytest.raises(CurrencyUnknown) as accepted:
        check_terms(msgspec.structs.replace(TERMS, conditions=Conditions(accepts=("EUR", currency))))
    assert accepted.value.fields["pointer"] == "/accepts/1"


@pytest.mark.parametrize("rate", [1, 5_001, 9_999, 10_000])
def test_a_programme_starts_with_the_rates_that_a_ruleset_may_have_and_no_other(rate: int) -> None:
    """The terms, REST and the command line refuse what lint calls an error in the first version, and nothing else."""
    rules = rules_of(bare_percentage("cmp_1", Bps(rate)))
    facts = ProgrammeFacts(id="prg_1", funding=Currency("USD", 2))
    is_sound = all(found.severity is not Severity.ERROR for found in lint(rules, facts, ["cmp_1"]))
    assert is_sound == (rate < 10_000)
    with nullcontext() if is_sound else pytest.raises(ProgrammeInvalid):
        check_terms(msgspec.structs.replace(TERMS, rate=Bps(rate)))
    with nullcontext() if is_sound else pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {"name": "Spring", "currency": "USD", "rate_bps": rate, "budget_minor": "1"}, type=ProgrammeBody
        )
    [option] = [each for each in create.params if each.name == "rate_bps"]
    with nullcontext() if is_sound else pytest.raises(click.BadParameter):
        option.type.convert(str(rate), option, None)


def test_the_last_budget_that_fits_is_sound() -> None:
    """One cent is 10,000 base units at one token a dollar: the bound is exact."""
    assert check_terms(msgspec.structs.replace(TERMS, budget=Minor(INT63_MAX // 10_000))).code == "USD"


@pytest.mark.parametrize(
    "before,is_sound",
    [
        pytest.param(Commitments(), True, id="the-first"),
        pytest.param(Commitments(budget=Minor(INT63_MAX - 1_000_000)), True, id="the-last-money"),
        pytest.param(Commitments(budget=Minor(INT63_MAX - 999_999)), False, id="too-much-money"),
        pytest.param(Commitments(token_units=TokenUnits(INT63_MAX - 10**10)), True, id="the-last-tokens"),
        pytest.param(Commitments(token_units=TokenUnits(INT63_MAX - 10**10 + 1)), False, id="too-many-tokens"),
    ],
)
def test_all_budgets_together_stay_within_63_bits(before: Commitments, is_sound: bool) -> None:
    """What users hold adds up over programmes, and no column of the books may overflow."""
    currency = check_terms(TERMS)
    if is_sound:
        check_room(Minor(1_000_000), TERMS.token_rate, currency, before)
    else:
        with pytest.raises(ProgrammeInvalid) as refused:
            check_room(Minor(1_000_000), TERMS.token_rate, currency, before)
        assert refused.value.fields["pointer"] == "/budget_minor"


@pytest.mark.parametrize(
    "code,exponent",
    [
        ("JPY", 0),
        ("EUR", 2),
        ("BHD", 3),
        ("CLF", 4),
        ("UYW", 4),
        ("CHE", None),
        ("XAU", None),
        ("DEM", None),
        ("", None),
    ],
)
def test_currencies_are_those_in_use_with_their_exponents(code: str, exponent: int | None) -> None:
    """Metals, funds, withdrawn currencies and nonsense are none."""
    currency = currency_of(code)
    assert (currency and currency.exponent) == exponent


def test_a_programme_of_which_one_grant_is_more_than_is_minted_at_once_does_not_fit() -> None:
    """To the last base unit of its budget."""
    terms = NewProgramme(name="Spring", currency="USD", rate=Bps(500), token_rate=TokenRate(1, 1), budget=Minor(100))
    currency = check_terms(terms)
    check_limit(terms, currency, TokenUnits(1_000_000))
    with pytest.raises(GrantAboveLimit, match=r"'Spring'.* setLimit .* smaller budget"):
        check_limit(terms, currency, TokenUnits(999_999))


@pytest.mark.parametrize(
    "changes,code,pointer",
    [
        ({"currency": "HRK"}, "currency_withdrawn", "/currency"),
        ({"token_rate": TokenRate(1, 10**6 + 1)}, "token_rate_absurd", "/token_rate/numerator"),
        ({"token_rate": TokenRate(10**6 + 1, 1), "budget": Minor(1)}, "token_rate_absurd", "/token_rate/numerator"),
        ({"rate": None}, "programme_invalid", "/budget_minor"),
        ({"conditions": Conditions(time_zone="Europe/Atlantis")}, "time_zone_unknown", "/time_zone"),
        ({"conditions": Conditions(time_zone="localtime")}, "time_zone_unknown", "/time_zone"),
        ({"conditions": Conditions(refund_policy="seize")}, "programme_invalid", "/refund_policy"),
        ({"conditions": Conditions(hold_days=366)}, "programme_invalid", "/hold_days"),
        ({"conditions": Conditions(expire_after_days=0)}, "programme_invalid", "/expire_after_days"),
        ({"conditions": Conditions(write_off_after_days=3_651)}, "programme_invalid", "/write_off_after_days"),
        ({"conditions": Conditions(hold_days=-1)}, "programme_invalid", "/hold_days"),
        ({"conditions": Conditions(review_above=Minor(-1))}, "programme_invalid", "/review_above_minor"),
        ({"conditions": Conditions(second_above=Minor(2**63))}, "programme_invalid", "/second_above_minor"),
        (
            {"conditions": Conditions(review_above=Minor(2), second_above=Minor(1))},
            "programme_invalid",
            "/second_above_minor",
        ),
        ({"conditions": Conditions(accepts=("EUR", "DEM"))}, "currency_withdrawn", "/accepts/1"),
        ({"conditions": Conditions(accepts=("EUR", "EUR"))}, "programme_invalid", "/accepts/1"),
        ({"conditions": Conditions(accepts=("USD",))}, "programme_invalid", "/accepts/0"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_by_its_code(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each at its place; what is mistyped is told from what is out of bounds."""
    with pytest.raises(Invalid) as refused:
        check_terms(msgspec.structs.replace(TERMS, **changes))
    assert (refused.value.code, refused.value.fields["pointer"]) == (code, pointer)


@pytest.mark.parametrize("rate", [TokenRate(1, 10**6), TokenRate(10**6, 1)])
def test_the_rates_at_the_bounds_are_sound(rate: TokenRate) -> None:
    """A millionth of a token and a million tokens for a unit of money."""
    assert check_terms(msgspec.structs.replace(TERMS, token_rate=rate, budget=Minor(100))).code == "USD"
