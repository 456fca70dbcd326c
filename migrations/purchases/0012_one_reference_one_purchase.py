"""A merchant's reference is the name of one purchase: the second wall, behind the idempotency keys.

What has a name that an earlier purchase has already keeps its reference, and is told by its id alone as it was before.
"""

from cashback.kernel.migrations import run

revision = "0012"
down_revision = "0011"

NAMES = r"""
-- A constant default: no row is written anew. The strongest lock comes first: after one of those below we would wait
-- for whoever has read the table and now wants to write to it, and they for us.
set local lock_timeout = '5s';
alter table purchases.purchases add column is_named boolean not null default true;
comment on column purchases.purchases.is_named is
    'False: an earlier purchase has its reference, from before a reference was the name of one. Nothing new may be so.';

alter table purchases.purchases disable trigger purchases_immutable;
with repeated as (
    select merchant_id, reference
    from purchases.purchases
    where reference is not null
    group by merchant_id, reference
    having count(*) > 1
),
ranked as (
    select id, row_number() over (partition by merchant_id, reference order by created_at, id) as turn
    from repeated
    join purchases.purchases using (merchant_id, reference)
)
update purchases.purchases as purchase
set is_named = false
from ranked
where ranked.id = purchase.id
  and turn > 1;
alter table purchases.purchases enable trigger purchases_immutable;

drop index purchases.purchase_by_reference;
create unique index purchase_reference_once on purchases.purchases (merchant_id, reference)
    where reference is not null and is_named;
create index purchase_named_alike on purchases.purchases (merchant_id, reference) where not is_named;
set local lock_timeout to default;
"""

GRANTS = r"""
-- Column by column, and without `is_named`: nobody gets round the wall by saying that a purchase has no name.
revoke insert on purchases.purchases from cashback_api;
grant insert (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, created_at, lines)
    on purchases.purchases to cashback_api;
"""


def upgrade() -> None:
    """Mark the repetitions of before, let none be added, and keep everybody from marking more."""
    run(NAMES)
    run(GRANTS)
