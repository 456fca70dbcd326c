"""Mints that are held: the contracts refuse them, so no call carries them until a person lets them go again.

    accepted ──held_reason──▶ held ──released──▶ accepted

A held mint has no slot. Why it was held stays with it when the chain has it all the same, in somebody else's
transaction, so that a reorganisation finds the way back.
"""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

CHANGES = """
alter table chain.mints
    drop constraint mint_state_known,
    add constraint mint_state_known
        check (state in ('accepted', 'submitted', 'included', 'final', 'refused', 'held')),
    add column held_reason text
        constraint mint_held_reason_bounded check (length(held_reason) between 1 and 100),
    add column held_at timestamptz,
    add constraint mint_hold_is_whole check (num_nulls(held_reason, held_at) in (0, 2)),
    add constraint mint_held_says_why check (state <> 'held' or held_reason is not null),
    add constraint mint_held_has_no_slot check (held_reason is null or lane is null),
    add constraint mint_held_does_not_wait check (held_reason is null or state not in ('accepted', 'submitted'));
create index mints_held on chain.mints (number) where state = 'held';
"""

GRANTS = """
grant update (held_reason, held_at) on chain.mints to chain_adapter;
"""


def upgrade() -> None:
    """Widen the list of states, and let the adapter say why it holds a mint."""
    run(CHANGES)
    run(GRANTS)
