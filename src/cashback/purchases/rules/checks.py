"""The bounds that amounts and texts of every command keep."""

from typing import Final

from cashback.kernel.errors import Rejected
from cashback.kernel.money import INT63_MAX
from cashback.purchases.model import FieldInvalid

TEXT_LENGTH_MAX: Final = 200


def problem_of_amount(amount_minor: int, pointer: str, *, least: int = 0) -> Rejected | None:
    """Return what is wrong with an amount that was paid, or paid back."""
    if least <= amount_minor <= INT63_MAX:
        return None
    return FieldInvalid(f"the amount must be {least} to {INT63_MAX} minor units", pointer=pointer)


def problem_of_text(text: str | None, pointer: str, *, longest: int = TEXT_LENGTH_MAX) -> Rejected | None:
    """Return what is wrong with a text that may be absent."""
    if text is None or (1 <= len(text) <= longest and text.isprintable()):
        return None
    return FieldInvalid(f"this must be 1 to {longest} printable characters", pointer=pointer)
