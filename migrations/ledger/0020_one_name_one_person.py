"""One person's name is one name however Unicode writes it: composed or not, in full or half width, with any blanks."""

from cashback.kernel.migrations import run

revision = "0020"
down_revision = "0019"

NAMES = r"""
drop index ledger.review_person_once;
create unique index review_person_once on ledger.reviews (
    cashback_id, lower(btrim(regexp_replace(normalize(person, NFKC), '\s+', ' ', 'g')))
);
"""


def upgrade() -> None:
    """Tell people apart by their names in NFKC, without capitals and with single blanks."""
    run(NAMES)
