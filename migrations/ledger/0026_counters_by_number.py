"""Counters are counted on by their numbers, as accounts are posted to: their four names are compared once a purchase.

They are found by name and then updated, both in one transaction that protects them.
"""

from cashback.kernel.migrations import run

revision = "0026"
down_revision = "0025"

NUMBERS = r"""
alter table ledger.counters
    add column id bigint generated always as identity,
    drop constraint counters_pkey,
    add constraint counter_once unique (owner, subject, kind, period),
    add constraint counters_pkey primary key (id);
"""


def upgrade() -> None:
    """Number the counters that there are."""
    run(NUMBERS)
