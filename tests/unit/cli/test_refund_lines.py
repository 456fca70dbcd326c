"""Lines of a refund on the command line."""

import click
import pytest

from cashback.cli.refunds import part_of
from cashback.client.api.structs import RefundLineBody


def test_a_line_is_its_number_and_an_amount() -> None:
    """The API says what is wrong with either."""
    assert part_of("2=999") == RefundLineBody(line=2, amount_minor="999")


@pytest.mark.parametrize("text", ["999", "two=1", "=1"])
def test_what_is_no_line_of_a_refund_is_refused(text: str) -> None:
    """No number, or a number in words."""
    with pytest.raises(click.BadParameter):
        part_of(text)
