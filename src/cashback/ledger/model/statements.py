"""A user's statement and balances at an instant, in the words that leave the house: money and tokens apart.

Amounts are whole numbers of the smallest unit, as strings, and never without the exponent of their currency: 1 unit is
10^-exponent of the whole. Two times are never mixed: `at` is when we wrote something down, `effective_at` when it took
effect (a purchase earns when it is made).
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from cashback.kernel.errors import Invalid
from cashback.ledger.model.stories import Amount, Signed

Basis: TypeAlias = Literal["known", "effective"]
"""By which time a balance is asked: what was written down by then, or what had taken effect by then."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A currency's balance at the beginning and at the end of a period."""

    currency: str
    exponent: int
    opening: Signed
    closing: Signed


class StatementPart(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of a line: `position` and `amount` are those that its proof shows."""

    position: Amount
    amount: Amount


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement: `amount` went from one of the user's accounts to another, or from or to somebody else (null).

    What moved at once and for one reason is one line, from however many budgets it came: `transfers` are its parts,
    each proved by itself, and `position` is the first one's.

    `change` is what it did to the balance in its currency, and `balance` what that was afterwards: everything that the
    user has there, in flight and stuck included. `adjusted_because` is the reason that a person gave for giving it or
    taking it back by hand; null for everything else.
    """

    position: Amount
    at: datetime
    effective_at: datetime | None
    cause: str
    text: str
    cashback_id: str | None
    currency: str
    exponent: int
    amount: Amount
    change: Signed
    balance: Signed
    from_account: str | None
    to_account: str | None
    transfers: list[StatementPart]
    adjusted_because: str | None = None


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was written down within its period, the end not included; `next_cursor` is null on the last one.

    `is_before_first` says that the user's first movement is later than the whole period.
    """

    user_id: str
    since: datetime = msgspec.field(name="from")
    until: datetime = msgspec.field(name="to")
    is_before_first: bool
    money: list[Figure]
    tokens: list[Figure]
    money_lines: list[StatementLine]
    token_lines: list[StatementLine]
    next_cursor: str | None


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What one of a user's accounts held."""

    account: str
    amount: Signed


class CurrencyAt(msgspec.Struct, frozen=True, kw_only=True):
    """What a user had in one currency, in all and by account: what is in flight counts."""

    currency: str
    exponent: int
    total: Signed
    accounts: list[Holding]


class BalanceAt(msgspec.Struct, frozen=True, kw_only=True):
    """A user's balances at an instant, by one of the two times.

    Before the first movement everything is 0 and `is_before_first` says why; `first_at` is when that was, by the same
    time, and null when there never was one.
    """

    user_id: str
    basis: Basis
    at: datetime
    is_before_first: bool
    first_at: datetime | None
    money: list[CurrencyAt]
    tokens: list[CurrencyAt]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a user held in a currency before a place, and whether anything had moved in it by then."""

    balance: int
    has_moved: bool


class Totals(msgspec.Struct, frozen=True):
    """A currency's balance before and at the end of a period."""

    currency: str
    opening: int
    closing: int


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as one user's statement has it; kinds are None where the account is somebody else's."""

    position: int
    at: datetime
    effective_at: datetime | None
    cause: str
    cashback_id: str | None
    currency: str
    amount: int
    change: int
    balance: int
    from_kind: str | None
    to_kind: str | None
    xact: int
    origin: str | None = None
    adjusted_because: str | None = None


class PeriodInvalid(Invalid):
    """A period that ends before it begins, an instant out of range, or one asked for by both times or by neither."""

    code = "period_invalid"


class StatementTooLong(Invalid):
    """More lines than one document holds; ask for a shorter period."""

    code = "statement_too_long"
