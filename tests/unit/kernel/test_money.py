"""Money is exact: integers in, integers out, rounded down at the stated places."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import BPS_IN_WHOLE, Bps, Minor, TokenRate, TokenUnits, share, to_token

amounts = st.integers(min_value=0, max_value=2**53).map(Minor)


@given(amounts, st.integers(min_value=0, max_value=BPS_IN_WHOLE).map(Bps))
def test_a_share_is_the_largest_integer_not_above_the_exact_share(amount: Minor, rate: Bps) -> None:
    """Rounding down: never a unit more than earned, never a whole unit less."""
    exact = Fraction(amount) * rate / BPS_IN_WHOLE
    assert 0 <= exact - share(amount, rate) < 1


@given(amounts, st.integers(0, 4), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_conversion_rounds_down_once(amount: Minor, exponent: int, numerator: int, denominator: int) -> None:
    """The token amount is floor(minor * 10^6 * num / (10^e * den)), with no rounding on the way."""
    rate = TokenRate(numerator, denominator)
    exact = Fraction(amount) * 10**6 * numerator / (10**exponent * denominator)
    assert 0 <= exact - to_token(amount, exponent=exponent, rate=rate) < 1


def test_one_dollar_is_one_token_at_par() -> None:
    """A cent is 10,000 base units of a token with six decimals."""
    assert to_token(Minor(1), exponent=2, rate=TokenRate(1, 1)) == TokenUnits(10_000)
