"""The lines of a purchase: which are sound, and how they are stored."""

from typing import Final

import msgspec

from cashback.kernel.errors import Rejected
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import Minor
from cashback.purchases.model import FieldInvalid, Line, LineAnswer, NewPurchase
from cashback.purchases.rules.checks import problem_of_amount, problem_of_text

LINES_MAX: Final = 100
NAME_LENGTH_MAX: Final = 64
"""Of a SKU or a category: a hundred lines of the longest still fit into one stored answer."""

QUANTITY_MAX: Final = 10**9

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(tuple[LineAnswer, ...])


def problem_of_lines(purchase: NewPurchase) -> Rejected | None:
    """Return what is wrong with the lines of a purchase, or None; none at all are sound."""
    lines = purchase.lines
    if lines is None:
        return None
    if not 1 <= len(lines) <= LINES_MAX:
        return FieldInvalid(f"a purchase has 1 to {LINES_MAX} lines", pointer="/lines")
    problem = first_of(*(_problem_of_line(line, f"/lines/{place}") for place, line in enumerate(lines)))
    if problem is not None:
        return problem
    if sum(line.amount_minor for line in lines) != purchase.amount_minor:
        return FieldInvalid("the lines do not add up to the amount", pointer="/lines")
    return None


def told(lines: tuple[Line, ...] | None) -> tuple[LineAnswer, ...]:
    """Return lines in the words that leave the house."""
    return tuple(
        LineAnswer(amount_minor=str(line.amount_minor), sku=line.sku, category=line.category, quantity=line.quantity)
        for line in lines or ()
    )


def encode_lines(lines: tuple[Line, ...] | None) -> bytes | None:
    """Return lines as they are stored: canonical JSON, amounts as strings; nothing for a purchase without any."""
    return None if lines is None else _encoder.encode(told(lines))


def decode_lines(document: bytes | None) -> tuple[Line, ...] | None:
    """Return the lines that `encode_lines` wrote.

    Raises:
        msgspec.ValidationError: they were not written by us.
    """
    if document is None:
        return None
    return tuple(
        Line(amount_minor=int(line.amount_minor), sku=line.sku, category=line.category, quantity=line.quantity)
        for line in _decoder.decode(document)
    )


def costs(lines: tuple[Line, ...] | None, amount_minor: int) -> list[Minor]:
    """Return what each line of a purchase cost; one without lines is one line."""
    return [Minor(amount_minor)] if lines is None else [Minor(line.amount_minor) for line in lines]


def _problem_of_line(line: Line, at: str) -> Rejected | None:
    """Return what is wrong with one line."""
    is_counted = line.quantity is None or 1 <= line.quantity <= QUANTITY_MAX
    return first_of(
        problem_of_amount(line.amount_minor, f"{at}/amount_minor"),
        problem_of_text(line.sku, f"{at}/sku", longest=NAME_LENGTH_MAX),
        problem_of_text(line.category, f"{at}/category", longest=NAME_LENGTH_MAX),
        None if is_counted else FieldInvalid(f"the quantity must be 1 to {QUANTITY_MAX}", pointer=f"{at}/quantity"),
    )
