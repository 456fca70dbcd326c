"""The books' words: accounts, what moves between them, and what does not add up.

| account       | owner     | currency | holds                                                              |
|---------------|-----------|----------|--------------------------------------------------------------------|
| `funding`     | campaign  | fiat     | minus everything that was ever put into its budget                  |
| `budget`      | campaign  | fiat     | what may still be granted; may be striped                          |
| `pending`     | user      | fiat     | granted, and held or under review                                  |
| `approved`    | user      | fiat     | granted and waiting for its mint request                           |
| `fx`          | programme | fiat     | what was turned into tokens: the programme's cost                  |
| `fx`          | programme | token    | minus the tokens it became                                         |
| `in_flight`   | user      | token    | requested, outcome unknown                                         |
| `stuck`       | user      | token    | requested, and a person must act                                   |
| `minted`      | user      | token    | final on the chain                                                 |
| `debt`        | user      | token    | minus what the user owes for purchases returned after their mint   |
| `clawback`    | programme | token    | all debt ever raised                                               |
| `written_off` | programme | token    | minus the debt that was given up                                   |
| `issued`      | chain     | token    | minus what was minted as requested, up to a final block           |
| `supply`      | chain     | token    | the token's supply at that block                                  |
| `burned`      | chain     | token    | what holders burned up to it                                      |
| `unexplained` | chain     | token    | minus supply that no request and no burn explains; must be 0      |
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.errors import Broken


class AccountKind(StrEnum):
    """What an account is for."""

    FUNDING = "funding"
    BUDGET = "budget"
    PENDING = "pending"
    APPROVED = "approved"
    FX = "fx"
    IN_FLIGHT = "in_flight"
    STUCK = "stuck"
    MINTED = "minted"
    DEBT = "debt"
    CLAWBACK = "clawback"
    WRITTEN_OFF = "written_off"
    ISSUED = "issued"
    SUPPLY = "supply"
    BURNED = "burned"
    UNEXPLAINED = "unexplained"


SOURCES: Final = frozenset(
    {
        AccountKind.FUNDING,
        AccountKind.FX,
        AccountKind.DEBT,
        AccountKind.WRITTEN_OFF,
        AccountKind.ISSUED,
        AccountKind.UNEXPLAINED,
    }
)
"""Accounts that may fall below zero."""


class Cause(StrEnum):
    """Why something moved."""

    FUNDING = "funding"
    WITHDRAWAL = "withdrawal"
    REBALANCING = "rebalancing"
    ACCRUAL = "accrual"
    APPROVAL = "approval"
    VOID = "void"
    REFUND = "refund"
    EXPIRY = "expiry"
    CONVERSION = "conversion"
    REQUEST = "request"
    MINT = "mint"
    STUCK = "stuck"
    RETIREMENT = "retirement"
    RECONVERSION = "reconversion"
    REVERT = "revert"
    DEBT = "debt"
    NETTING = "netting"
    WRITE_OFF = "write_off"
    ISSUANCE = "issuance"
    BURN = "burn"
    UNEXPLAINED = "unexplained"


CHARGEBACK: Final = "chargeback"
"""The origin of what a chargeback moved."""


class Account(msgspec.Struct, frozen=True, order=True):
    """The name of an account; `owner` is a programme's, a campaign's or a user's id, or `chain`.

    A hot account is split into stripes that are locked apart; its balance is the sum of theirs.
    """

    owner: str
    kind: AccountKind
    currency: str
    stripe: int = 0


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount to be moved from the debited to the credited account, which share a currency.

    `effective_at` is when it took effect economically, where that is not when it is posted. `origin` is what moved it
    where the cause does not say: `CHARGEBACK`, or the id of a debit by hand.
    """

    debit: Account
    credit: Account
    amount: int
    cause: Cause
    cashback_id: str | None = None
    effective_at: datetime | None = None
    origin: str | None = None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A posting with what both accounts hold after it: a row that cannot be out of balance (I8)."""

    posting: Posting
    debit_balance_after: int
    credit_balance_after: int


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What postings change in order, account by account and posting by posting, whatever was there before.

    `sums` is what each account has more after all of them, `lowest` how far it falls below where it began, 0 for those
    that may fall below zero; `debits` and `credits` what each posting's accounts have more right after it.
    """

    sums: dict[Account, int]
    lowest: dict[Account, int]
    debits: list[int]
    credits: list[int]


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
