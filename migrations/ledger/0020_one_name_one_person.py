"""One person's name is one name however Unicode writes it: composed or not, in full or half width, with any blanks.

Verdicts are never changed, so those that one person has given twice under two spellings stay: they alone are not in the
index. The first of them is, and keeps that person from a third.
"""

from cashback.kernel.migrations import run

revision = "0020"
down_revision = "0019"

NAMES = r"""
drop index ledger.review_person_once;
do $$
declare
    repeated bigint[];
begin
    select coalesce(array_agg(position order by position), '{}')
    into repeated
    from (
        select position,
               row_number() over (
                   partition by cashback_id, lower(btrim(regexp_replace(normalize(person, NFKC), '\s+', ' ', 'g')))
                   order by position) as place
        from ledger.reviews
    ) as spoken
    where place > 1;
    execute format(
        'create unique index review_person_once on ledger.reviews (
             cashback_id, lower(btrim(regexp_replace(normalize(person, NFKC), %L, %L, %L)))
         ) %s',
        '\s+', ' ', 'g',
        case when repeated = '{}' then '' else format('where position <> all (%L::bigint[])', repeated) end);
end
$$;
"""


def upgrade() -> None:
    """Tell people apart by their names in NFKC, without capitals and with single blanks."""
    run(NAMES)
