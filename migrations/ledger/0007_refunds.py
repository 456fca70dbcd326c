"""Refunds: what each cashback's refunds have to know of its decision."""

from cashback.kernel.migrations import run

revision = "0007"
down_revision = "0006"

# Until now a decision was one percentage of the whole purchase, paid by its programme's only campaign.
GRANTS_KNOWN = r"""
alter table ledger.cashback_ledger disable trigger cashback_frozen;
update ledger.cashback_ledger as cashback
set grants = convert_to(
        '{"exponent":"' || programme.exponent
        || '","lines":[{"base":"' || (convert_from(decision.document, 'UTF8')::jsonb -> 'facts' ->> 'amount')
        || '","grants":[["' || campaign.id || '","' || cashback.amount_minor
        || '"]]}],"rate":["' || programme.token_rate_numerator || '","' || programme.token_rate_denominator || '"]}',
        'UTF8')
from ledger.decisions as decision, ledger.programmes as programme, ledger.campaigns as campaign
where decision.cashback_id = cashback.id
  and programme.id = cashback.programme_id
  and campaign.programme_id = cashback.programme_id
  and campaign.name = 'base'
  and cashback.amount_minor > 0
  and cashback.grants is null;
alter table ledger.cashback_ledger enable trigger cashback_frozen;
"""


def upgrade() -> None:
    """Write down the grants of cashbacks that were decided before."""
    run(GRANTS_KNOWN)
