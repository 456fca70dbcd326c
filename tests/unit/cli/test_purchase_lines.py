"""Lines of a purchase on the command line, and when it is repeated."""

import click
import pytest

from cashback.cli import command
from cashback.cli.purchases import line_of
from cashback.client.api.structs import LineBody


def test_a_line_is_named_pairs() -> None:
    """In any order; only the amount has to be there."""
    line = line_of("sku=A-1,amount=999,quantity=2,category=shoes")
    assert line == LineBody(amount_minor="999", sku="A-1", category="shoes", quantity=2)
    assert line_of("amount=999") == LineBody(amount_minor="999")


@pytest.mark.parametrize("text", ["amount=1,colour=red", "999", "amount=1,quantity=two", "sku=A-1"])
def test_what_is_no_line_is_refused(text: str) -> None:
    """An unknown name, no name, a quantity in words, no amount."""
    with pytest.raises(click.BadParameter):
        line_of(text)


def test_a_purchase_under_a_key_says_when_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """Else each repetition would say another "now", and be refused as another request; no setting is looked at."""
    words = ("purchase", "create", "--user", "usr_1", "--amount", "1999", "--idempotency-key", "order-7")
    assert command.run(words) == 2
    assert "--idempotency-key goes with --occurred-at" in capsys.readouterr().err
