"""What came of each command is written beside it, once; commands are found by when they were done, and old answers go.

idempotency_keys     resource, by whoever answers; the index by time is built beside writers, once this has committed
answers_forgotten    how far answers were forgotten: what is older is not looked at again
"""

from cashback.kernel.migrations import run

revision = "0013"
down_revision = "0012"

beside = {"idempotency_by_time": "on purchases.idempotency_keys (created_at)"}

ONCE = r"""
set local lock_timeout = '5s';
-- After the row and not before it: a trigger before an update locks the row once more, for every purchase.
create trigger idempotency_resource_once after update of resource on purchases.idempotency_keys
    for each row when (old.resource is not null and new.resource is distinct from old.resource)
    execute function purchases.refuse_change();
set local lock_timeout to default;
"""

FORGETTING = r"""
create table purchases.answers_forgotten (
    is_only boolean primary key default true constraint answers_forgotten_once check (is_only),
    upto timestamptz not null
);
insert into purchases.answers_forgotten (upto) values ('-infinity');

-- Forgets the answers of the next commands that were done more than `keep` ago, of those that are called so and have
-- made something: the key stays, with what it stands for. Returns how many were looked at, none at the end or while
-- somebody else is at it, and how many answers went. Of one instant all are looked at, or the next call would leave
-- some out. Nothing younger than a week is forgotten, whoever calls.
create function purchases.forget_answers(
    keep interval, deeds text[], at_most integer, out looked_at integer, out forgotten integer
) language plpgsql security definer set search_path = purchases, pg_temp as $$
declare
    since timestamptz;
    until timestamptz;
begin
    if keep is null or keep < interval '7 days' then
        raise exception 'answers are kept for a week at least' using errcode = 'check_violation';
    end if;
    select upto into since from answers_forgotten for update skip locked;
    select max(created_at), count(*)
    into until, looked_at
    from (
        select created_at
        from idempotency_keys
        where created_at > since
          and created_at < now() - keep
        order by created_at
        limit least(at_most, 1000)
    ) as old;
    forgotten := 0;
    if until is null then
        return;
    end if;
    update idempotency_keys
    set answer = null
    where created_at > since
      and created_at <= until
      and answer is not null
      and resource is not null
      and coalesce(what, case when resource like 'pur\_%' then 'create_purchase' end) = any(deeds);
    get diagnostics forgotten = row_count;
    update answers_forgotten set upto = until;
end
$$;
revoke execute on function purchases.forget_answers from public;
"""

GRANTS = r"""
grant update (resource) on purchases.idempotency_keys to cashback_api;
grant execute on function purchases.forget_answers to cashback_api;
grant select on purchases.answers_forgotten to cashback_auditor;
"""


def upgrade() -> None:
    """Let what came of a command be written where nothing is written yet, and have old answers forgotten."""
    run(ONCE)
    run(FORGETTING)
    run(GRANTS)
