"""What happens between a decision and its mint request: holds, reviews by people, expiry, pauses.

hold     until the return window of the purchase is over; the worker releases in batches, by programme
review   people say their verdict once each, append-only; the worker does what they say
expiry   what waits for a wallet too long goes back to the budgets that paid it
pause    of a programme: nothing is granted, released or requested until it is resumed
"""

from cashback.kernel.migrations import run

revision = "0011"
down_revision = "0010"

PROGRAMMES = r"""
alter table ledger.programmes
    add column review_above_minor bigint
        constraint programme_review_above_possible check (review_above_minor >= 0),
    add column second_above_minor bigint
        constraint programme_second_above_possible check (second_above_minor >= 0);
comment on column ledger.programmes.review_above_minor is
    'Larger grants are reviewed by a person; null: none. A ruleset may say so as well.';
comment on column ledger.programmes.second_above_minor is
    'What is larger is approved by two people; null: by one.';

-- Each pause and each end of one; the programme itself holds only since when it is paused.
create table ledger.programme_pauses (
    position bigint generated always as identity primary key,
    programme_id text collate "C" not null references ledger.programmes,
    is_paused boolean not null,
    person text not null constraint pause_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint pause_reason_bounded check (length(reason) between 1 and 500),
    at timestamptz not null
);
create trigger programme_pauses_immutable before update or delete or truncate on ledger.programme_pauses
    for each statement execute function ledger.refuse_change();
"""

LIFE = r"""
-- By programme, so that a paused one keeps nobody else's holds and expiries from being found.
drop index ledger.cashback_held;
create index cashback_held on ledger.cashback_ledger (programme_id, hold_until) where state = 'pending';
create index cashback_ageing on ledger.cashback_ledger (programme_id, approved_at) where state = 'approved';

-- What people said of a cashback in review; nobody says it twice, and one rejection is enough.
create table ledger.reviews (
    position bigint generated always as identity primary key,
    cashback_id text collate "C" not null references ledger.cashback_ledger,
    verdict text collate "C" not null constraint review_verdict_known check (verdict in ('approve', 'reject')),
    person text not null constraint review_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint review_reason_bounded check (length(reason) between 1 and 500),
    key_id text collate "C" not null,
    at timestamptz not null
);
-- Two people are told apart as people write names: by neither capitals nor blanks.
create unique index review_person_once on ledger.reviews (cashback_id, lower(btrim(person)));
comment on column ledger.reviews.key_id is 'The API key it was said with.';
create trigger reviews_immutable before update or delete or truncate on ledger.reviews
    for each statement execute function ledger.refuse_change();

-- What refunds gave back before: the rest of what each campaign paid is what expiry and rejection give back.
create index transfer_of_refund on ledger.transfers (cashback_id) where cause = 'refund';
"""

STEPS = r"""
-- The same list, parsed once and put into the check and the trigger as an expression: a function with settings of its
-- own is called for each row, twice for each step.
create or replace function ledger.is_step(from_state text, to_state text) returns boolean
language sql immutable
begin atomic
    select coalesce(from_state, '') || '>' || to_state in (
        '>declined', '>waitlisted', '>pending', '>review', '>approved',
        'waitlisted>declined', 'waitlisted>pending', 'waitlisted>review', 'waitlisted>approved',
        'pending>approved', 'pending>voided',
        'review>pending', 'review>approved', 'review>voided',
        'approved>mint_requested', 'approved>voided', 'approved>netted', 'approved>expired',
        'mint_requested>minted', 'mint_requested>stuck',
        'stuck>minted', 'stuck>approved', 'stuck>mint_requested',
        'minted>mint_requested', 'minted>reversed', 'reversed>mint_requested');
end;
"""

GRANTS = r"""
grant select on ledger.programme_pauses, ledger.reviews to cashback_api, cashback_ledger, cashback_auditor;
grant insert (programme_id, is_paused, person, reason, at) on ledger.programme_pauses to cashback_api;
grant update (paused_at) on ledger.programmes to cashback_api;
grant insert (cashback_id, verdict, person, reason, key_id, at) on ledger.reviews to cashback_api;
grant select on ledger.campaigns to cashback_ledger;
grant update (approved_at, payable_minor, payable_units) on ledger.cashback_ledger to cashback_ledger;
"""


def upgrade() -> None:
    """Add the terms, the two journals and the ways to find what is due, each with its grants."""
    run(PROGRAMMES)
    run(LIFE)
    run(STEPS)
    run(GRANTS)
