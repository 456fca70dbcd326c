"""A tier is held since an instant in the range of `kernel.instants`: what lies beyond could never be read again.

A tier since the year 1 by a clock east of Greenwich was stored, and no purchase of its user was recorded any more. It
is held since the beginning of the range, which is as long before every purchase. Purchases themselves were never of
before 1970, nor of more than a day ahead.
"""

from cashback.kernel.migrations import run

revision = "0005"
down_revision = "0004"

TIERS = r"""
update purchases.users
set tier_since = timestamptz '1900-01-01 00:00:00+00'
where tier_since < timestamptz '1900-01-01 00:00:00+00';
alter table purchases.users add constraint user_tier_in_range check (
    tier_since between timestamptz '1900-01-01 00:00:00+00' and timestamptz '9999-01-01 00:00:00+00');
"""


def upgrade() -> None:
    """Bring what is out of range to its beginning, and let nothing else in."""
    run(TIERS)
