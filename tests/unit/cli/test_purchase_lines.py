"""Lines of a purchase on the command line, and when it is repeated."""

import click
import pytest

from cashback.cli import command
from cashback.cli.purchases import line_of


def test_a_line_is_named_pairs() -> None:
    """In any order; only the amount has to be there, and the API says so."""
    assert line_of("sku=A-1,amount=999,quantity=2,category=shoes") == {
        "amount_minor": "999",
        "sku": "A-1",
        "category": "shoes",
        "quantity": 2,
    }


@pytest.mark.parametrize("text", ["amount=1,colour=red", "999", "amount=1,quantity=two"])
def test_what_is_no_line_is_refused(text: str) -> None:
    """An unknown name, no name, a quantity in words."""
    with pytest.raises(click.BadParameter):
        line_of(text)


def test_a_purchase_under_a_key_says_when_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """Else each repetition would say another "now", and be refused as another request; no setting is looked at."""
    words = ("purchase", "create", "--user", "usr_1", "--amount", "1999", "--idempotency-key", "order-7")
    assert command.run(words) == 2
    assert "--idempotency-key goes with --occurred-at" in capsys.readouterr().err
