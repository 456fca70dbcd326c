"""What a credit by hand makes, and what a debit by hand leaves of a cashback."""

from cashback.kernel.money import INT63_MAX, Minor, TokenUnits, to_token
from cashback.ledger.model import Grants, GrantsUnknown, LineGrant, Reversed, Reversible, State
from cashback.ledger.model.adjustments import AdjustmentInvalid, AdjustmentTerms, DebitAboveRest
from cashback.ledger.rules.grants import decode_grants, encode_grants
from cashback.ledger.rules.reversals import decode_returned, reverse

_POINTER = "/amount_minor"


def check_amount(amount: int) -> Minor:
    """Return an amount that an adjustment may have.

    Raises:
        AdjustmentInvalid: it is nothing, or more than the books hold.
    """
    if not 1 <= amount <= INT63_MAX:
        raise AdjustmentInvalid(f"an amount is 1 to {INT63_MAX} minor units", pointer=_POINTER)
    return Minor(amount)


def tokens_of(amount: Minor, terms: AdjustmentTerms, *, limit: TokenUnits | None) -> TokenUnits:
    """Return what a credit is in tokens, at the programme's rate; `limit` is the most that is minted at once.

    Raises:
        AdjustmentInvalid: it is less than the smallest token unit, or more than can be minted.
    """
    units = to_token(amount, exponent=terms.currency.exponent, rate=terms.rate)
    most = INT63_MAX if limit is None else min(limit, INT63_MAX)
    if units > most:
        raise AdjustmentInvalid(f"this is {units} base units, and at most {most} are minted at once", pointer=_POINTER)
    if not units:
        raise AdjustmentInvalid("this is less than the smallest token unit", pointer=_POINTER)
    return units


def first_state(amount: Minor, terms: AdjustmentTerms) -> State:
    """Return where a credit begins: with other people above the programme's review amount, else approved, unheld."""
    return State.REVIEW if terms.review_above is not None and amount > terms.review_above else State.APPROVED


def credit_grants(amount: Minor, terms: AdjustmentTerms, *, payer: str) -> bytes:
    """Return the grants document of a credit: one line that is worth what it grants, so that all of it can go back."""
    line = LineGrant(base=amount, grants=((payer, amount),))
    rate = (terms.rate.numerator, terms.rate.denominator)
    return encode_grants(Grants(exponent=terms.currency.exponent, lines=(line,), rate=rate))


def debited(cashback: Reversible, amount: Minor) -> Reversed:
    """Return what a debit leaves of a cashback: as a refund of so much of the cashback itself would.

    Raises:
        DebitAboveRest: less than that is left.
        GrantsUnknown: it was granted, and nothing says on which lines.
    """
    # Of what was voided or has expired nothing is left to its user, whatever refunds had left of it before.
    left = cashback.net if cashback.payable else Minor(0)
    if amount > left:
        raise DebitAboveRest(f"{left} minor units are left of it", pointer=_POINTER, left_minor=str(left))
    if cashback.grants is None:
        raise GrantsUnknown(f"nothing says on which lines {cashback.id} was granted", cashback_id=cashback.id)
    lines = len(decode_grants(cashback.grants).lines)
    returned = decode_returned(cashback.returned, lines=lines)
    # What refunds leave may round below what is left after debits: what is taken counts from what there is.
    return reverse(cashback, returned, debited=Minor(cashback.debited + amount))
