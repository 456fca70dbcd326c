"""A second number for a cashback whose first one was retired, and mints that a person has tried again.

mint_cashback_once   a cashback has one number that is not retired, and any number of retired ones
mint_journal         who had a mint tried again, when and why: written once, never changed
"""

from cashback.kernel.migrations import run

revision = "0003"
down_revision = "0002"

MINTS = r"""
-- One index for both: who looks for a cashback's mints, and that all but one of their numbers are retired. The number
-- of one that is not counts as 0, which no number is.
alter table minting.mints drop constraint mint_cashback_once;
create unique index mint_cashback_once on minting.mints
    (cashback_id, (case when state = 'stuck' and reason = 'number_retired' then number else 0 end));

create table minting.mint_journal (
    id bigint generated always as identity primary key,
    number bigint not null references minting.mints,
    was_state text collate "C" not null,
    was_reason text,
    because text not null constraint mint_journal_because_bounded check (length(because) between 1 and 500),
    person text not null constraint mint_journal_person_bounded check (length(person) between 1 and 200),
    at timestamptz not null default now()
);
"""

GRANTS = r"""
grant select (number, cashback_id, state, reason) on minting.mints to minting_operator;
grant update (state, submit_after, decided_at, reason) on minting.mints to minting_operator;
grant insert (number, was_state, was_reason, because, person) on minting.mint_journal to minting_operator;
grant select on minting.mint_journal to minting_auditor;
"""


def upgrade() -> None:
    """Let retired numbers be followed by others, and the operator have a mint tried again."""
    run(MINTS)
    run(GRANTS)
