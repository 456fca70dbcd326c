"""The books as a whole: a trial balance, and every balance computed anew."""

from datetime import datetime

import msgspec

from cashback.ledger.model.stories import Amount


class KindTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts of a kind in one currency: what they owe under `debit`, what they hold under `credit`."""

    kind: str
    accounts: int
    debit: Amount
    credit: Amount


class CurrencyTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One currency: debits and credits must be equal (I8)."""

    currency: str
    exponent: int
    debit: Amount
    credit: Amount
    is_balanced: bool
    kinds: list[KindTotal]


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Every account by kind and currency; `at` is null for balances as they stand, else as known at that instant."""

    at: datetime | None
    is_balanced: bool
    currencies: list[CurrencyTrial]


class KindSum(msgspec.Struct, frozen=True):
    """What the accounts of a kind owe and hold in one currency."""

    currency: str
    kind: str
    accounts: int
    debit: int
    credit: int


class AccountSum(msgspec.Struct, frozen=True, kw_only=True):
    """An account with its balance, the sum of its entries, and the balance after the last of them (0 without any)."""

    number: int
    name: str
    balance: int
    computed: int
    last: int
    entries: int

    @property
    def is_proved(self) -> bool:
        """Tell whether all three agree."""
        return self.balance == self.computed == self.last


class Recomputed(msgspec.Struct, frozen=True, kw_only=True):
    """One recomputation of every balance; `first_difference` names the first account that differs, and how."""

    by: str
    began_at: datetime
    ended_at: datetime
    accounts: int
    entries: int
    differences: int
    first_difference: str | None
