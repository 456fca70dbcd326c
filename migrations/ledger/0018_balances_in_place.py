"""Balances change in place: no index of the accounts names the balance, so an update touches none of them."""

from cashback.kernel.migrations import run

revision = "0018"
down_revision = "0017"

# An index whose predicate names the balance made PostgreSQL write a new entry into every index of the accounts with
# each posting. Debts are few: which of them is open is looked up in the row.
INDEX = r"""
drop index ledger.account_in_debt;
create index account_in_debt on ledger.accounts (owner) where kind = 'debt';
"""


def upgrade() -> None:
    """Have the index of debts no longer name the balance."""
    run(INDEX)
