"""Several lanes side by side: what each is about to sign for, which take nothing new, and what was signed for lately.

lanes.state           `active`, or `draining`: it finishes what it has and takes nothing new
lanes.taking_*        the numbers and base units that a lane is about to sign for, for some seconds: others pass over
                      these numbers and count these units as gone
signed_amounts        base units signed for, per minute: a stolen signer's or a mistake's reach is bounded by them
"""

from cashback.kernel.migrations import run

revision = "0003"
down_revision = "0002"

CHANGES = """
alter table chain.lanes
    add column state text not null default 'active' constraint lane_state_known check (state in ('active', 'draining')),
    add column taking_first bigint,
    add column taking_last bigint,
    add column taking_amount bigint,
    add column taking_until timestamptz,
    add constraint lane_taking_is_whole
        check (num_nulls(taking_first, taking_last, taking_amount, taking_until) in (0, 4)),
    add constraint lane_taking_in_order check (taking_first <= taking_last and taking_amount > 0);

create table chain.lane_journal (
    id bigint generated always as identity primary key,
    lane smallint not null references chain.lanes,
    state text not null constraint lane_journal_state_known check (state in ('active', 'draining')),
    reason text not null constraint lane_journal_reason_bounded check (length(reason) between 1 and 500),
    person text not null constraint lane_journal_person_bounded check (length(person) between 1 and 200),
    certificate text constraint lane_journal_certificate_bounded check (length(certificate) between 1 and 200),
    at timestamptz not null default clock_timestamp()
);

create table chain.signed_amounts (
    minute timestamptz primary key
        constraint signed_minute_is_one check (minute = date_trunc('minute', minute, 'UTC')),
    amount numeric(78) not null constraint signed_amount_positive check (amount > 0)
);
"""

GRANTS = """
grant update (state, taking_first, taking_last, taking_amount, taking_until) on chain.lanes to chain_adapter;
grant select on chain.lane_journal to chain_adapter, chain_auditor;
grant insert (lane, state, reason, person, certificate) on chain.lane_journal to chain_adapter;
grant select on chain.signed_amounts to chain_adapter, chain_auditor;
grant insert, delete on chain.signed_amounts to chain_adapter;
grant update (amount) on chain.signed_amounts to chain_adapter;
"""


def upgrade() -> None:
    """Add the columns and the table, and grant the adapter what it needs of them."""
    run(CHANGES)
    run(GRANTS)
