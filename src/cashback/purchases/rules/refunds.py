"""Which refunds are sound, by themselves and against what their purchase was and what was returned of it before."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.kernel.errors import Rejected
from cashback.kernel.ids import is_id
from cashback.kernel.mistakes import first_of
from cashback.purchases.model import OPERATOR, FieldInvalid, MerchantUnknown, NotYours, PurchaseUnknown
from cashback.purchases.model.refunds import (
    LineUnknown,
    NewRefund,
    RefundAboveLine,
    RefundAbovePurchase,
    RefundLine,
    RefundLineAnswer,
)
from cashback.purchases.rules.checks import problem_of_amount, problem_of_text
from cashback.purchases.rules.lines import LINES_MAX

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(tuple[RefundLineAnswer, ...])


def problem_of_refund(refund: NewRefund) -> Rejected | None:
    """Return what is wrong with a refund, or None; whether its purchase exists is not asked."""
    if refund.owner not in (OPERATOR, refund.merchant_id):
        return NotYours("a merchant returns its own purchases only", pointer="/merchant_id")
    is_merchant = refund.merchant_id is None or is_id(refund.merchant_id, "mer")
    return first_of(
        None if is_merchant else MerchantUnknown("there is no such merchant", pointer="/merchant_id"),
        _problem_of_purchase(refund),
        _problem_of_parts(refund),
        problem_of_text(refund.reason, "/reason"),
        problem_of_text(refund.reference, "/reference"),
    )


def as_told_why(refund: NewRefund) -> NewRefund:
    """Return a refund as it is kept: without the blanks around its reason. Its key stands for it as it came."""
    return msgspec.structs.replace(refund, reason=refund.reason.strip())


def problem_of_return(
    refund: NewRefund, *, costs: Sequence[int], lines_before: Sequence[int], amount_before: int
) -> Rejected | None:
    """Return why a purchase whose lines cost so much, and of which so much was returned, cannot be refunded so."""
    problem = first_of(
        *(
            _problem_of_line(part, f"/lines/{place}", costs=costs, returned=lines_before)
            for place, part in enumerate(refund.lines or ())
        )
    )
    if problem is not None:
        return problem
    left = sum(costs) - sum(lines_before) - amount_before
    if refund.total > left:
        pointer = "/amount_minor" if refund.lines is None else "/lines"
        return RefundAbovePurchase(f"{left} is left of the purchase", pointer=pointer, left_minor=str(left))
    return None


def after(refund: NewRefund, *, lines_before: Sequence[int], amount_before: int) -> tuple[tuple[int, ...], int]:
    """Return what was returned of each line, and by amount, once this refund is made as well."""
    lines = list(lines_before)
    for part in refund.lines or ():
        lines[part.line - 1] += part.amount_minor
    return tuple(lines), amount_before + (refund.amount_minor or 0)


def told_parts(lines: tuple[RefundLine, ...] | None) -> tuple[RefundLineAnswer, ...]:
    """Return the lines of a refund in the words that leave the house."""
    return tuple(RefundLineAnswer(line=part.line, amount_minor=str(part.amount_minor)) for part in lines or ())


def encode_parts(lines: tuple[RefundLine, ...] | None) -> bytes | None:
    """Return the lines of a refund as they are stored; nothing for one by amount."""
    return None if lines is None else _encoder.encode(told_parts(lines))


def decode_parts(document: bytes | None) -> tuple[RefundLine, ...] | None:
    """Return the lines that `encode_parts` wrote.

    Raises:
        msgspec.ValidationError: they were not written by us.
    """
    if document is None:
        return None
    return tuple(RefundLine(line=part.line, amount_minor=int(part.amount_minor)) for part in _decoder.decode(document))


def _problem_of_purchase(refund: NewRefund) -> Rejected | None:
    """Return what is wrong with how a refund names its purchase."""
    if refund.purchase_id is None and refund.purchase_reference is None:
        return FieldInvalid("neither `purchase_id` nor `purchase_reference` names the purchase", pointer="/purchase_id")
    if refund.purchase_id is not None and refund.purchase_reference is not None:
        return FieldInvalid("name the purchase by its id or by your reference, not by both", pointer="/purchase_id")
    is_purchase = refund.purchase_id is None or is_id(refund.purchase_id, "pur")
    is_whose = refund.purchase_reference is None or refund.merchant_id is not None
    return first_of(
        None if is_purchase else PurchaseUnknown("there is no such purchase", pointer="/purchase_id"),
        None if is_whose else FieldInvalid("an operator says whose reference it is", pointer="/merchant_id"),
        problem_of_text(refund.purchase_reference, "/purchase_reference"),
    )


def _problem_of_parts(refund: NewRefund) -> Rejected | None:
    """Return what is wrong with what a refund returns."""
    if refund.lines is None and refund.amount_minor is None:
        return FieldInvalid("neither `amount_minor` nor `lines` says what is returned", pointer="/amount_minor")
    if refund.lines is not None and refund.amount_minor is not None:
        return FieldInvalid("say what is returned by lines or by amount, not by both", pointer="/amount_minor")
    if refund.amount_minor is not None:
        return problem_of_amount(refund.amount_minor, "/amount_minor", least=1)
    return _problem_of_lines(refund.lines or ()) or problem_of_amount(refund.total, "/lines", least=1)


def _problem_of_lines(lines: Sequence[RefundLine]) -> Rejected | None:
    """Return what is wrong with the lines of a refund; how many the purchase has is not asked."""
    if not 1 <= len(lines) <= LINES_MAX:
        return FieldInvalid(f"a refund has 1 to {LINES_MAX} lines", pointer="/lines")
    return first_of(*(_problem_of_part(lines, place) for place in range(len(lines))))


def _problem_of_part(lines: Sequence[RefundLine], place: int) -> Rejected | None:
    """Return what is wrong with one line of a refund."""
    part, at = lines[place], f"/lines/{place}"
    number: Rejected | None = None
    if not 1 <= part.line <= LINES_MAX:
        number = LineUnknown("lines are counted from 1", pointer=f"{at}/line")
    elif part.line in [other.line for other in lines[:place]]:
        number = FieldInvalid("this line is named twice", pointer=f"{at}/line")
    return first_of(number, problem_of_amount(part.amount_minor, f"{at}/amount_minor", least=1))


def _problem_of_line(part: RefundLine, at: str, *, costs: Sequence[int], returned: Sequence[int]) -> Rejected | None:
    """Return why so much of a line cannot be returned, of a purchase whose lines cost so much."""
    if part.line > len(costs):
        return LineUnknown(f"the purchase has {len(costs)} lines", pointer=f"{at}/line")
    left = costs[part.line - 1] - returned[part.line - 1]
    if part.amount_minor <= left:
        return None
    return RefundAboveLine(f"{left} is left of this line", pointer=f"{at}/amount_minor", left_minor=str(left))
