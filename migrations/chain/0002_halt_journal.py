"""Who halted minting and who lifted that, when and why: written once, never changed.

    network.halted_reason   the switch: nothing is signed while it is set
    halt_journal            every turn of it; the halts since the last resumption are the ones that are open

The adapter's role may add to the journal and read it, and that is all.
"""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

JOURNAL = """
create table chain.halt_journal (
    id bigint generated always as identity primary key,
    act text not null constraint halt_act_known check (act in ('halted', 'resumed')),
    reason text not null constraint halt_reason_bounded check (length(reason) between 1 and 100),
    detail text not null constraint halt_detail_bounded check (length(detail) <= 500),
    person text not null constraint halt_person_bounded check (length(person) between 1 and 200),
    certificate text constraint halt_certificate_bounded check (length(certificate) between 1 and 200),
    at timestamptz not null default clock_timestamp(),
    constraint halt_by_hand_says_why check (reason <> 'by_hand' or detail <> '')
);
create index halt_resumptions on chain.halt_journal (id) where act = 'resumed';
insert into chain.halt_journal (act, reason, detail, person, at)
select 'halted', halted_reason, '', 'before the journal', halted_at
from chain.network
where halted_reason is not null;

grant select on chain.halt_journal to chain_adapter, chain_auditor;
grant insert (act, reason, detail, person, certificate) on chain.halt_journal to chain_adapter;
"""


def upgrade() -> None:
    """Create the journal, beginning with a halt that is on."""
    run(JOURNAL)
