"""The words of refunds: what is returned of which purchase, and how that is answered."""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound
from cashback.kernel.money import Amount
from cashback.purchases.model import Command, Signed


class RefundKind(StrEnum):
    """Who takes the money back: the merchant gives it, or the cardholder's bank."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"


class RefundLine(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    amount_minor: int


class NewRefund(Command, frozen=True, kw_only=True):
    """Something to be returned of a purchase, by lines or by amount; `reference` is the merchant's own name for it.

    The purchase goes by its id, or by the merchant's name for it; then the merchant is named too. One that is not here
    yet is waited for.
    """

    reason: str
    merchant_id: str | None = None
    purchase_id: str | None = None
    purchase_reference: str | None = None
    lines: tuple[RefundLine, ...] | None = None
    amount_minor: int | None = None
    kind: RefundKind = RefundKind.REFUND
    reference: str | None = None

    @property
    def total(self) -> int:
        """Return what is returned in all."""
        return sum(line.amount_minor for line in self.lines) if self.lines is not None else self.amount_minor or 0


class RefundedPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund has to know of its purchase; `lines` is their stored document."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: int
    currency: str
    lines: bytes | None


class ParkedRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that came before its purchase; `outcome` is what became of it, `applied` or the code of a refusal."""

    id: str
    refund: NewRefund
    parked_at: datetime
    outcome: str | None = None


class RefundState(StrEnum):
    """What became of a refund: it was applied, waits for its purchase, waited in vain, or was refused by it."""

    APPLIED = "applied"
    PARKED = "parked"
    LAPSED = "lapsed"
    REFUSED = "refused"


class RefundLineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    amount_minor: Amount


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund has left of the cashback: its state, its money, and the tokens its user owes for this refund.

    The money is in the currency of the cashback, which may be another than that of the purchase.
    """

    id: str
    state: str
    net_minor: Amount
    currency: str
    debt_units: Amount


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a refund; while it is parked there is neither a purchase nor a cashback.

    `created_at` is when it was asked for, whatever became of it since, and `applied_at` when it was applied: at once,
    or when the purchase came that it had waited for. `code` says why it was refused when its purchase came.
    """

    id: str
    state: RefundState
    merchant_id: str
    purchase_id: str | None
    purchase_reference: str | None
    reference: str | None
    kind: RefundKind
    reason: str
    amount_minor: Amount
    currency: str | None
    lines: tuple[RefundLineAnswer, ...]
    created_at: datetime
    cashback: TakenBack | None
    code: str | None = None
    # Answers that were stored before this was told have none of it: so it may be missing.
    applied_at: datetime | None = None


class DebtWriteOff(Signed, frozen=True, kw_only=True):
    """What a user owes is to be given up, at most so much of it: who says so, and why."""

    user_id: str
    token_units: int | None = None


class WriteOffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a user's debt was given up, in base units of the token."""

    user_id: str
    token_units: Amount
    person: str
    reason: str
    at: datetime


class RefundAbovePurchase(Conflict):
    """More would be returned than the purchase cost."""

    code = "refund_above_purchase"


class RefundAboveLine(Conflict):
    """More would be returned of a line than it cost."""

    code = "refund_above_line"


class LineUnknown(Invalid):
    """The purchase has no such line."""

    code = "line_unknown"


class RefundExists(Conflict):
    """The merchant's name for the refund stands for another one; `refund_id` tells which, once that can be seen."""

    code = "refund_exists"


class PurchaseAmbiguous(Conflict):
    """Several purchases of the merchant have this name; only an id tells them apart."""

    code = "purchase_ambiguous"


class RefundUnknown(NotFound):
    """There is no such refund."""

    code = "refund_unknown"
