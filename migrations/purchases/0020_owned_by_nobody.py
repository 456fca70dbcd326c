"""Users who were erased before an erase ended that own no merchant any more.

merchants            without the owners that were erased
"""

from cashback.kernel.migrations import run

revision = "0020"
down_revision = "0019"

OWNERS = r"""
with gone as (
    select array_agg(id) as ids from purchases.users where erased_at is not null
)
update purchases.merchants
set owners = array(select owner from unnest(owners) as owner where owner <> all(ids))
from gone
where owners && ids;
"""


def upgrade() -> None:
    """End it for them as well."""
    run(OWNERS)
