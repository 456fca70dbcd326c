"""Which terms of a programme are sound."""

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Bps, Currency, Minor, TokenRate
from cashback.ledger.model import NewProgramme, ProgrammeInvalid
from cashback.ledger.rules import check_terms, currency_of

TERMS = NewProgramme(name="Spring", currency="USD", rate=Bps(150), token_rate=TokenRate(1, 1), budget=Minor(1_000_000))


def test_sound_terms_come_back_with_their_currency() -> None:
    """The exponent is ISO 4217's, nobody types it in."""
    assert check_terms(TERMS) == Currency(code="USD", exponent=2)


@pytest.mark.parametrize(
    "changes,pointer",
    [
        pytest.param({"currency": "XXX"}, "/currency", id="no-currency"),
        pytest.param({"currency": "usd"}, "/currency", id="lower-case"),
        pytest.param({"name": ""}, "/name", id="no-name"),
        pytest.param({"name": "a\x00b"}, "/name", id="unprintable"),
        pytest.param({"rate": Bps(0)}, "/rate_bps", id="nothing"),
        pytest.param({"rate": Bps(10_001)}, "/rate_bps", id="more-than-everything"),
        pytest.param({"budget": Minor(0)}, "/budget_minor", id="no-budget"),
        pytest.param({"budget": Minor(INT63_MAX + 1)}, "/budget_minor", id="too-large"),
        pytest.param({"token_rate": TokenRate(0, 1)}, "/token_rate/numerator", id="free"),
        pytest.param({"token_rate": TokenRate(1, 0)}, "/token_rate/denominator", id="infinite"),
    ],
)
def test_an_unsound_term_is_refused_with_its_place(changes: dict[str, object], pointer: str) -> None:
    """The pointer names the field that must change."""
    with pytest.raises(ProgrammeInvalid) as refused:
        check_terms(msgspec.structs.replace(TERMS, **changes))
    assert refused.value.fields["pointer"] == pointer


@pytest.mark.parametrize(
    "code,exponent", [("JPY", 0), ("EUR", 2), ("BHD", 3), ("CLF", None), ("XAU", None), ("DEM", None), ("", None)]
)
def test_currencies_are_those_in_use_with_their_exponents(code: str, exponent: int | None) -> None:
    """Metals, funds, withdrawn currencies and nonsense are none."""
    currency = currency_of(code)
    assert (currency and currency.exponent) == exponent
