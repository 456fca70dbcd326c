"""The books' words: accounts, what moves between them, and what does not add up.

| account     | owner     | currency | holds                                                    |
|-------------|-----------|----------|----------------------------------------------------------|
| `funding`   | programme | fiat     | minus everything that was ever put into its budget        |
| `budget`    | programme | fiat     | what may still be granted                                |
| `approved`  | user      | fiat     | granted and waiting for its mint request                 |
| `fx`        | programme | fiat     | what was turned into tokens: the programme's cost        |
| `fx`        | programme | token    | minus the tokens it became                               |
| `in_flight` | user      | token    | requested, outcome unknown                               |
| `stuck`     | user      | token    | requested, and a person must act                         |
| `minted`    | user      | token    | final on the chain                                       |
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Broken


class AccountKind(StrEnum):
    """What an account is for."""

    FUNDING = "funding"
    BUDGET = "budget"
    APPROVED = "approved"
    FX = "fx"
    IN_FLIGHT = "in_flight"
    STUCK = "stuck"
    MINTED = "minted"


class Cause(StrEnum):
    """Why something moved."""

    FUNDING = "funding"
    ACCRUAL = "accrual"
    CONVERSION = "conversion"
    REQUEST = "request"
    MINT = "mint"
    STUCK = "stuck"
    RETIREMENT = "retirement"
    RECONVERSION = "reconversion"
    REVERT = "revert"


class Account(msgspec.Struct, frozen=True, order=True):
    """The name of an account; `owner` is a programme's or a user's id."""

    owner: str
    kind: AccountKind
    currency: str


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount to be moved from the debited to the credited account, which share a currency.

    `effective_at` is when it took effect economically, where that is not when it is posted.
    """

    debit: Account
    credit: Account
    amount: int
    cause: Cause
    cashback_id: str | None = None
    effective_at: datetime | None = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A posting with what both accounts hold after it: a row that cannot be out of balance (I8)."""

    posting: Posting
    debit_balance_after: int
    credit_balance_after: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two figures of ours that must be equal and are not; `place` says of whom or of what."""

    invariant: str
    kind: str
    place: str
    expected: int
    found: int


class Overdrawn(Broken):
    """A posting would take more out of an account than it holds: someone decided on stale figures."""

    code = "account_overdrawn"


class BooksMoved(Broken):
    """Accounts that were locked did not hold what they had held: someone posts without locking."""

    code = "books_moved"
