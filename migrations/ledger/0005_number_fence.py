"""The fence before the mint numbers: none is given out by a server whose ledger was not compared with what others know.

    incarnation()    which server's, database's and sequence's life this is: each restart, failover, restore is another
    number_fence     the incarnation in which the last comparison was well, and up to where numbers are accounted for

A restored or promoted ledger has another incarnation than the row says that it brought along: the fence is down by
itself, for every worker, until one of them has compared.
"""

from cashback.kernel.migrations import run

revision = "0005"
down_revision = "0004"

FENCE = r"""
-- A server that was restored, promoted or restarted started at another time; a copy of a database has another oid, and
-- so has a sequence that was dumped and restored.
create function ledger.incarnation() returns text language sql stable set search_path = pg_catalog as $$
    select extract(epoch from pg_postmaster_start_time()) || '/'
        || (select oid from pg_database where datname = current_database()) || '/'
        || 'ledger.mint_numbers'::regclass::oid
$$;

create table ledger.number_fence (
    singleton boolean primary key default true constraint number_fence_is_one_row check (singleton),
    incarnation text collate "C" not null,
    accounted_to bigint not null default 0
        constraint number_fence_possible check (accounted_to between 0 and 4611686018427387904),
    opened_at timestamptz not null default clock_timestamp()
);
comment on column ledger.number_fence.accounted_to is
    'Numbers up to here that the ledger has no record of were listed to a person, and are never given out again.';

-- Raises the sequence and opens the fence; it never lowers anything. Whoever draws holds the lock shared.
create function ledger.account_for_numbers(known bigint) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('ledger.mint_numbers', 0));
    -- At the last value as well: before the first draw it is 1, and 1 was not given out.
    if known > 0 and known >= (select last_value from ledger.mint_numbers) then
        perform setval('ledger.mint_numbers', known);
    end if;
    insert into ledger.number_fence (incarnation, accounted_to)
    values (ledger.incarnation(), known)
    on conflict (singleton) do update
    set incarnation = excluded.incarnation,
        accounted_to = greatest(number_fence.accounted_to, excluded.accounted_to),
        opened_at = excluded.opened_at;
end
$$;
"""

GRANTS = r"""
revoke execute on function ledger.incarnation, ledger.account_for_numbers from public;
grant execute on function ledger.incarnation to cashback_ledger, cashback_auditor;
grant execute on function ledger.account_for_numbers to cashback_ledger;
grant select on ledger.number_fence to cashback_ledger, cashback_auditor;
grant insert (incarnation), update (incarnation, opened_at) on ledger.number_fence to cashback_ledger;
"""


def upgrade() -> None:
    """Create the fence, down, and give the worker what it needs to open it."""
    run(FENCE)
    run(GRANTS)
