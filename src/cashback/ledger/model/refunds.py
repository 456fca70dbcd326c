"""The words of what refunds do to a cashback: what was returned, what is left, and what its user owes for it."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.errors import Broken, Conflict, NotFound
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.cashbacks import State


class RefundPolicy(StrEnum):
    """What becomes of debt: it is kept back from what its user earns next, or given up at once."""

    NET_FUTURE = "net_future"
    WRITE_OFF = "write_off"


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What was returned of a purchase so far, in its minor units: of each line by name, and by amount alone."""

    lines: tuple[int, ...]
    amount: int = 0

    @property
    def total(self) -> int:
        """Return everything that was returned."""
        return sum(self.lines) + self.amount


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase, and everything that was returned of it by now; the last of it by a chargeback, or a refund."""

    purchase_id: str
    returned: Returned
    is_chargeback: bool = False


class Reversible(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback, locked, as a refund or a debit finds it; `returned` is what refunds had returned before.

    `debited` is what people took back of it by hand; without a purchase it was given by hand.

    `was_requested` is so for ever once its mint was, be it that the number was retired since.
    """

    id: str
    purchase_id: str | None
    user_id: str
    programme_id: str | None
    currency: str
    net: Minor
    payable: Minor
    payable_units: TokenUnits
    state: State
    grants: bytes | None
    returned: bytes | None
    was_requested: bool
    policy: RefundPolicy
    traceparent: str | None
    debited: Minor = Minor(0)


class Reversed(msgspec.Struct, frozen=True, kw_only=True):
    """What refunds have left of a cashback, and `debt`: what these made its user owe, in token units."""

    cashback: Reversible
    state: State
    net: Minor
    payable: Minor
    payable_units: TokenUnits
    debt: TokenUnits
    returned: bytes
    debited: Minor = Minor(0)
    is_chargeback: bool = False
    given_back: tuple[tuple[str, Minor], ...] = ()
    """Of each campaign, what goes back into its budget."""

    @property
    def is_voided(self) -> bool:
        """Tell whether it was this that ended the cashback before its mint was requested."""
        return self.state is State.VOIDED and self.cashback.state is not State.VOIDED

    @property
    def is_given_up(self) -> bool:
        """Tell whether the programme gives up at once what this made the user owe.

        Never while the tokens are not on their way: one whose number was retired is requested again, less its debt. Nor
        what a person took back by hand: the policy is about refunds, and the debit would take nothing from anybody.
        """
        is_away = self.cashback.state is not State.APPROVED
        is_by_hand = self.debited > self.cashback.debited
        return self.debt > 0 and is_away and not is_by_hand and self.cashback.policy is RefundPolicy.WRITE_OFF


WRITE_OFF_BY_POLICY: Final = "policy"
WRITE_OFF_BY_AGE: Final = "age"


class WriteOff(msgspec.Struct, frozen=True, kw_only=True):
    """Debt that is given up: whose, raised under which programme, and who gives it up, why."""

    user_id: str
    programme_id: str
    token_units: TokenUnits
    person: str
    reason: str


class OpenDebt(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what a user owes: raised when and under which programme. What is paid is always the oldest."""

    user_id: str
    programme_id: str
    token_units: TokenUnits
    raised_at: datetime


class DebtFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a user, or all users of a programme, were asked back, and what became of it, in token units.

    `requested` is all debt ever raised; `collected` was kept back from later cashback; `written_off` was given up;
    `open` is still owed.
    """

    id: str
    requested: TokenUnits
    collected: TokenUnits
    written_off: TokenUnits
    open: TokenUnits


class GrantsUnknown(Broken):
    """A cashback was granted, and nothing says on which lines: what a refund leaves of it cannot be told."""

    code = "grants_unknown"


class DebtUnknown(NotFound):
    """Nothing was ever asked back of this user, or there is no such user."""

    code = "debt_unknown"


def never_in_debt() -> DebtUnknown:
    """Return that nothing was ever asked back of a user, in the same words wherever somebody asks about the debt."""
    return DebtUnknown("nothing was ever asked back of this user", parameter="user_id")


class NothingOwed(Conflict):
    """The user owes nothing that could be given up."""

    code = "nothing_owed"
