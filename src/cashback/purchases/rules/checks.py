"""The bounds that amounts and texts of every command keep, and who signs one."""

from typing import Final, TypeVar

import msgspec

from cashback.kernel.errors import Rejected
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import INT63_MAX
from cashback.purchases.model import FieldInvalid, Signed

TEXT_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500

S = TypeVar("S", bound=Signed)


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


def problem_of_blanks(text: str, pointer: str) -> Rejected | None:
    """Return what is wrong with a text that has to say something; blanks say nothing."""
    return None if text.strip() else FieldInvalid("this must be more than blanks", pointer=pointer)


def problem_of_signature(command: Signed) -> Rejected | None:
    """Return what is wrong with who orders something, or why; blanks say nothing."""
    return first_of(
        problem_of_text(command.person.strip(), "/person"),
        problem_of_text(command.reason.strip(), "/reason", longest=REASON_LENGTH_MAX),
    )


def as_kept(command: S) -> S:
    """Return a signed command as it is kept: without the blanks around person and reason.

    Its key stands for the command as it came, so that a repeat is known.
    """
    return msgspec.structs.replace(command, person=command.person.strip(), reason=command.reason.strip())
