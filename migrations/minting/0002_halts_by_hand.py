"""Halts by hand: raised and lifted by a person, who is named, with a reason, and written once.

Lifting takes a role of its own: the worker can halt minting, and not un-halt it.
"""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

HALTS = r"""
alter table minting.halts
    drop constraint halt_kind_known,
    add constraint halt_kind_known check (kind in (
        'foreign_fingerprint', 'second_number', 'adapter_conflict', 'unrequested_outcome', 'foreign_outcome',
        'contradicted_outcome', 'cursor_ahead', 'by_hand')),
    add column raised_by text constraint halt_raised_by_bounded check (length(raised_by) between 1 and 200),
    add column lifted_because text
        constraint halt_lifted_because_bounded check (length(lifted_because) between 1 and 500),
    add constraint halt_by_hand_names_someone check ((kind = 'by_hand') = (raised_by is not null));
-- Two persons may halt for two reasons, and both are to be known to whoever lifts them.
drop index minting.halt_open_once;
create unique index halt_open_once on minting.halts (kind, number, cashback_id)
    where lifted_at is null and kind <> 'by_hand';

create function minting.keep_halt() returns trigger language plpgsql as $$
begin
    if old.lifted_at is not null then
        raise exception 'a halt that was lifted is not changed' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger halts_are_lifted_once before update on minting.halts
    for each row execute function minting.keep_halt();
"""

GRANTS = r"""
revoke execute on function minting.keep_halt from public;
revoke update (lifted_at, lifted_by) on minting.halts from minting_worker;

grant usage on schema minting to minting_operator;
grant select on minting.halts, minting.outcome_cursor to minting_operator;
grant insert (kind, number, cashback_id, detail, raised_by), update (lifted_at, lifted_by, lifted_because)
    on minting.halts to minting_operator;
grant update (sequence) on minting.outcome_cursor to minting_operator;
"""


def upgrade() -> None:
    """Name who halts and why it was lifted, and take the lifting from the worker."""
    run(HALTS)
    run(GRANTS)
