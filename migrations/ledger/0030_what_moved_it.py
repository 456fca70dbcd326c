"""What moved it, where a transfer's cause does not say: a chargeback, or the adjustment of a person.

A refund, a chargeback and a debit by hand post the same causes. Whose transfers they are was told by the instant, which
two of them may share; and a chargeback was told as a return. The column is no part of what is chained and sealed.
"""

from cashback.kernel.migrations import run

revision = "0030"
down_revision = "0026"

ORIGINS = r"""
alter table ledger.transfers
    add column origin text collate "C",
    add constraint transfer_origin_known check (origin = 'chargeback' or origin like 'adj\_%') not valid;
comment on column ledger.transfers.origin is
    'What moved it beside its cause: chargeback, or the id of a debit by hand; null: a purchase, a refund, time.';
"""

DEBITS = r"""
-- Debits of before are found once, as they were told until now: by the accounts of their user and their own instant.
alter table ledger.transfers disable trigger transfers_immutable;
update ledger.transfers as transfer
set origin = adjustment.id
from ledger.adjustments as adjustment
join ledger.accounts as account on account.owner = adjustment.user_id
where adjustment.kind = 'debit'
  and transfer.debit_account = account.id
  and transfer.cashback_id = adjustment.cashback_id
  and transfer.cause in ('refund', 'void', 'debt')
  and transfer.at = adjustment.at;
alter table ledger.transfers enable trigger transfers_immutable;
"""

GRANTS = r"""
grant insert (origin) on ledger.transfers to cashback_api, cashback_ledger, cashback_operator;
"""


def upgrade() -> None:
    """Have transfers name what moved them, and name the debits that were posted before."""
    run(ORIGINS)
    run(DEBITS)
    run(GRANTS)
