"""Names of those who give verdicts are compared in the database as they are in the code: folded, in NFKC.

PostgreSQL has no case folding before its version 18, so `lower` kept `Straße` and `STRASSE` apart: said at the same
time, they were two people. What is compared is stored by whoever compares, as a digest: folding makes a name up to
eighteen times as long, and an index entry is bounded.

Verdicts never change, so of those that one person has given twice under two spellings the first has the digest alone.
The index before stays for releases that store none yet.
"""

import hashlib
import unicodedata

import sqlalchemy as sa
from alembic import op

from cashback.kernel.migrations import run

revision = "0023"
down_revision = "0022"

BATCH = 1_000

COLUMN = r"""
alter table ledger.reviews
    add column person_digest bytea constraint review_person_digest_whole check (length(person_digest) = 32);
comment on column ledger.reviews.person_digest is 'SHA-256 of the name as it is compared; null: an earlier release.';
create temporary table spoken (position bigint, digest bytea) on commit drop;
"""

ONCE = r"""
alter table ledger.reviews disable trigger reviews_immutable;
update ledger.reviews
set person_digest = first.digest
from (
    select distinct on (cashback_id, digest) position, digest
    from spoken
    join ledger.reviews using (position)
    order by cashback_id, digest, position
) as first
where reviews.position = first.position;
alter table ledger.reviews enable trigger reviews_immutable;
create unique index review_person_once_folded on ledger.reviews (cashback_id, person_digest);
grant insert (person_digest) on ledger.reviews to cashback_api;
"""


def digest_of(name: str) -> bytes:
    """Return a name's digest as it was made when this revision was written."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return hashlib.sha256(" ".join(unicodedata.normalize("NFKC", folded).split()).encode()).digest()


def upgrade() -> None:
    """Store of each verdict the digest of its person's name, once for each cashback."""
    run(COLUMN)
    bind, after = op.get_bind(), 0
    page = sa.text("select position, person from ledger.reviews where position > :after order by position limit :batch")
    fill = sa.text("insert into spoken (position, digest) values (:position, :digest)")
    while rows := bind.execute(page, {"after": after, "batch": BATCH}).all():
        bind.execute(fill, [{"position": position, "digest": digest_of(person)} for position, person in rows])
        after = rows[-1][0]
    run(ONCE)
