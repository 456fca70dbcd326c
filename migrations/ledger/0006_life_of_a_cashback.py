"""The whole life of a cashback: held, reviewed, waitlisted, shrunk by refunds, netted by debt, expired, reversed.

    amount_minor   what the decision granted; frozen
    net_minor      what is left of it after all refunds; never rises
    payable_minor  what a request turns into tokens: falls with the net until the request, and is frozen by it;
                   amount - payable has gone back to the budgets
    payable_units  the tokens of that = requested_units (minted on the chain) + netted_units (kept against debt)
    debt_units     what its refunds after the request made its user owe

Budgets belong to campaigns. An account may be striped: its stripes are accounts of the same name.
"""

from cashback.kernel.migrations import run

revision = "0006"
down_revision = "0005"

CAMPAIGNS = r"""
alter table ledger.programmes
    add column time_zone text not null default 'UTC'
        constraint programme_zone_bounded check (length(time_zone) between 1 and 64),
    add column hold_days integer not null default 0
        constraint programme_hold_possible check (hold_days between 0 and 365),
    add column refund_policy text collate "C" not null default 'net_future'
        constraint programme_refund_policy_known check (refund_policy in ('net_future', 'write_off')),
    add column expire_after_days integer
        constraint programme_expiry_possible check (expire_after_days between 1 and 3650),
    add column write_off_after_days integer
        constraint programme_write_off_possible check (write_off_after_days between 1 and 3650),
    add column paused_at timestamptz;
comment on column ledger.programmes.expire_after_days is
    'So long an approved cashback waits for a wallet; null: for ever.';
comment on column ledger.programmes.write_off_after_days is 'So long a debt is open at most; null: for ever.';

-- Who pays: every rule names a campaign, and every campaign has a budget in the books that it cannot exceed.
create table ledger.campaigns (
    id text collate "C" primary key constraint campaign_id_shaped check (id like 'cmp\_%'),
    programme_id text collate "C" not null references ledger.programmes,
    name text not null constraint campaign_name_bounded check (length(name) between 1 and 200),
    starts_at timestamptz not null,
    ends_at timestamptz constraint campaign_window_forward check (ends_at > starts_at),
    day_limit_minor bigint constraint campaign_day_limit_positive check (day_limit_minor > 0),
    on_exhaustion text collate "C" not null default 'partial_fill'
        constraint campaign_exhaustion_known check (on_exhaustion in ('partial_fill', 'decline', 'waitlist')),
    stripes smallint not null default 1 constraint campaign_stripes_possible check (stripes between 1 and 64),
    created_at timestamptz not null,
    constraint campaign_name_once unique (programme_id, name)
);

insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
select 'cmp_' || substr(id, 5), id, 'base', created_at, created_at
from ledger.programmes;

-- The document that decides, canonical JSON; a bare percentage is one rule.
alter table ledger.rulesets
    add column document bytea constraint ruleset_document_bounded check (octet_length(document) <= 1048576),
    add column digest bytea constraint ruleset_digest_whole check (octet_length(digest) = 32),
    add column starts_at timestamptz,
    add column ends_at timestamptz,
    add column published_by text collate "C" not null default 'operator';
alter table ledger.rulesets disable trigger rulesets_immutable;
update ledger.rulesets as ruleset
set document = convert_to(
        '{"rules":[{"id":"base","campaign":"cmp_' || substr(programme_id, 5)
        || '","earns":{"kind":"percent","rate_bps":' || rate_bps || '}}]}', 'UTF8'),
    starts_at = published_at,
    ends_at = (
        select min(next.published_at)
        from ledger.rulesets as next
        where next.programme_id = ruleset.programme_id
          and next.version > ruleset.version);
update ledger.rulesets set digest = sha256(document);
alter table ledger.rulesets enable trigger rulesets_immutable;
alter table ledger.rulesets
    alter column document set not null,
    alter column digest set not null,
    alter column starts_at set not null,
    alter column rate_bps drop not null,
    add constraint ruleset_window_forward check (ends_at > starts_at),
    add constraint ruleset_digest_true check (digest = sha256(document));

create trigger campaigns_kept before delete or truncate on ledger.campaigns
    for each statement execute function ledger.refuse_change();
"""

BOOKS = r"""
alter table ledger.accounts
    add column stripe smallint not null default 0 constraint account_stripe_possible check (stripe between 0 and 63),
    drop constraint account_once,
    add constraint account_once unique (owner, kind, currency, stripe),
    drop constraint account_kind_known,
    add constraint account_kind_known check (kind in (
        'funding', 'budget', 'pending', 'approved', 'fx', 'in_flight', 'stuck', 'minted', 'debt', 'clawback',
        'written_off', 'issued', 'supply', 'burned', 'unexplained')),
    drop constraint account_not_overdrawn,
    add constraint account_not_overdrawn check (
        balance >= 0 or kind in ('funding', 'fx', 'debt', 'written_off', 'issued', 'unexplained'));
update ledger.accounts
set owner = 'cmp_' || substr(owner, 5)
where kind in ('funding', 'budget');

alter table ledger.transfers
    drop constraint transfer_cause_known,
    add constraint transfer_cause_known check (cause in (
        'funding', 'withdrawal', 'rebalancing', 'accrual', 'approval', 'void', 'refund', 'expiry', 'conversion',
        'request', 'mint', 'stuck', 'retirement', 'reconversion', 'revert', 'debt', 'netting', 'write_off', 'issuance',
        'burn', 'unexplained')),
    drop constraint transfer_of_cashback,
    add constraint transfer_of_cashback check ((cashback_id is null) = (cause in (
        'funding', 'withdrawal', 'rebalancing', 'write_off', 'issuance', 'burn', 'unexplained')));
"""

CASHBACKS = r"""
alter table ledger.cashback_ledger
    alter column purchase_id drop not null,
    add column adjustment_id text collate "C"
        constraint cashback_adjustment_shaped check (adjustment_id like 'adj\_%')
        constraint cashback_adjustment_once unique,
    add constraint cashback_of_one_origin check (num_nonnulls(purchase_id, adjustment_id) = 1),
    add column grants bytea constraint cashback_grants_bounded check (octet_length(grants) <= 65536),
    add column net_minor bigint,
    add column payable_minor bigint,
    add column payable_units bigint,
    add column requested_units bigint,
    add column netted_units bigint not null default 0
        constraint cashback_netted_not_negative check (netted_units >= 0),
    add column debt_units bigint not null default 0
        constraint cashback_debt_not_negative check (debt_units >= 0),
    add column hold_until timestamptz,
    add column approved_at timestamptz;
comment on column ledger.cashback_ledger.grants is
    'What a refund needs: base and grants of each line and campaign, and the frozen rate; canonical JSON.';

alter table ledger.cashback_ledger disable trigger cashback_frozen;
update ledger.cashback_ledger
set net_minor = amount_minor,
    payable_minor = amount_minor,
    payable_units = token_units,
    requested_units = case when mint_number is null then null else token_units end,
    approved_at = case when state = 'declined' then null else created_at end;
alter table ledger.cashback_ledger enable trigger cashback_frozen;

alter table ledger.cashback_ledger
    alter column net_minor set not null,
    alter column payable_minor set not null,
    alter column payable_units set not null,
    drop constraint cashback_state_known,
    add constraint cashback_state_known check (state in (
        'declined', 'waitlisted', 'pending', 'review', 'approved', 'mint_requested', 'minted', 'stuck', 'voided',
        'netted', 'expired', 'reversed')),
    drop constraint cashback_declined_is_nothing,
    add constraint cashback_declined_is_nothing check ((state in ('declined', 'waitlisted')) = (amount_minor = 0)),
    add constraint cashback_net_within_amount check (net_minor between 0 and amount_minor),
    add constraint cashback_net_of_state check (
        (net_minor > 0 or state not in ('pending', 'review')) and (net_minor = 0 or state <> 'reversed')),
    add constraint cashback_payable_within_amount check (
        payable_minor between 0 and amount_minor and payable_units between 0 and token_units
        and (payable_units = 0 or payable_minor > 0)),
    add constraint cashback_payable_of_state check (
        case when state in ('declined', 'waitlisted', 'voided', 'expired') then payable_minor = 0
             else payable_minor >= net_minor and payable_units > 0 end),
    add constraint cashback_netted_within_payable check (
        netted_units <= payable_units or state in ('voided', 'expired')),
    add constraint cashback_tokens_accounted check (
        case when state in ('mint_requested', 'minted', 'stuck', 'reversed')
             then requested_units > 0 and requested_units + netted_units = payable_units
             else requested_units is null end
        and (state <> 'netted' or netted_units = payable_units)),
    add constraint cashback_held_until check (state <> 'pending' or hold_until is not null),
    drop constraint cashback_request_whole,
    add constraint cashback_request_whole check (
        num_nonnulls(mint_number, recipient, request, requested_at, reissue_after)
        = case when state in ('mint_requested', 'minted', 'stuck', 'reversed') then 5 else 0 end),
    drop constraint cashback_mint_whole,
    add constraint cashback_mint_whole check (
        num_nonnulls(transaction_hash, block_number, block_hash, minted_at)
        = case when state in ('minted', 'reversed') then 4 else 0 end),
    drop constraint cashback_minted_without_failure,
    add constraint cashback_minted_without_failure check (state not in ('minted', 'reversed') or failure is null);
create index cashback_held on ledger.cashback_ledger (hold_until) where state = 'pending';
create index cashback_in_review on ledger.cashback_ledger (position) where state = 'review';
create index cashback_waitlisted on ledger.cashback_ledger (position) where state = 'waitlisted';

-- One list for both: what the trigger lets happen and what the history may tell.
create function ledger.is_step(from_state text, to_state text) returns boolean
language sql immutable set search_path = pg_catalog as $$
    select coalesce(from_state, '') || '>' || to_state in (
        '>declined', '>waitlisted', '>pending', '>review', '>approved',
        'waitlisted>declined', 'waitlisted>pending', 'waitlisted>review', 'waitlisted>approved',
        'pending>approved', 'pending>voided',
        'review>pending', 'review>approved', 'review>voided',
        'approved>mint_requested', 'approved>voided', 'approved>netted', 'approved>expired',
        'mint_requested>minted', 'mint_requested>stuck',
        'stuck>minted', 'stuck>approved', 'stuck>mint_requested',
        'minted>mint_requested', 'minted>reversed', 'reversed>mint_requested')
$$;

alter table ledger.cashback_transitions
    drop constraint transition_known,
    add constraint transition_known check (ledger.is_step(from_state, to_state));

create or replace function ledger.keep_cashback_frozen() returns trigger language plpgsql as $$
declare
    is_given_back constant boolean not null := old.state = 'stuck' and new.state = 'approved';
    is_granted_late constant boolean not null := old.state = 'waitlisted' and new.state <> 'waitlisted';
    was_requested constant boolean not null := old.mint_number is not null;
begin
    if row(new.id, new.position, new.purchase_id, new.adjustment_id, new.user_id, new.merchant_id, new.currency,
           new.created_at)
       is distinct from
       row(old.id, old.position, old.purchase_id, old.adjustment_id, old.user_id, old.merchant_id, old.currency,
           old.created_at)
       or not is_granted_late
       and row(new.programme_id, new.desired_minor, new.amount_minor, new.token_units, new.reason, new.grants)
           is distinct from
           row(old.programme_id, old.desired_minor, old.amount_minor, old.token_units, old.reason, old.grants)
       or not is_given_back and was_requested
       and row(new.mint_number, new.recipient, new.request, new.requested_at, new.requested_units, new.payable_minor,
               new.payable_units, new.netted_units)
           is distinct from
           row(old.mint_number, old.recipient, old.request, old.requested_at, old.requested_units, old.payable_minor,
               old.payable_units, old.netted_units)
       or not is_granted_late
       and (new.net_minor > old.net_minor or new.payable_minor > old.payable_minor
            or new.payable_units > old.payable_units)
       or new.netted_units < old.netted_units or new.debt_units < old.debt_units
    then
        raise exception 'cashback % is frozen', old.id using errcode = 'integrity_constraint_violation';
    end if;
    if is_given_back and (old.failure <> 'number_retired' or not exists (
        select
        from ledger.retired_numbers as retired
        where retired.number = old.mint_number
          and (retired.cashback_id, retired.recipient, retired.request, retired.requested_at, retired.requested_units)
              = (old.id, old.recipient, old.request, old.requested_at, old.requested_units)))
    then
        raise exception 'cashback % is stuck, and its number is not retired', old.id
            using errcode = 'integrity_constraint_violation';
    end if;
    if current_user = 'cashback_operator' and not is_given_back
       or new.state <> old.state and not ledger.is_step(old.state, new.state)
    then
        raise exception 'cashback % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'integrity_constraint_violation';
    end if;
    -- They are counted under one number; under the next one they begin anew.
    if is_given_back and new.reversals <> 0
       or not is_given_back and new.reversals < old.reversals
       or old.state in ('minted', 'stuck', 'reversed') and new.state = 'mint_requested'
          and new.reversals = old.reversals
    then
        raise exception 'cashback % goes back to mint_requested only with one more reversal', old.id
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;

-- What was requested under a number that is given up: the cashback's own figures move on.
alter table ledger.retired_numbers add column requested_units bigint;
alter table ledger.retired_numbers disable trigger retired_numbers_immutable;
update ledger.retired_numbers as retired
set requested_units = cashback.token_units
from ledger.cashback_ledger as cashback
where cashback.id = retired.cashback_id;
alter table ledger.retired_numbers enable trigger retired_numbers_immutable;
alter table ledger.retired_numbers alter column requested_units set not null;
"""

GRANTS = r"""
revoke execute on function ledger.is_step from public;
grant execute on function ledger.is_step to cashback_api, cashback_ledger, cashback_operator;
grant select on ledger.campaigns to cashback_api, cashback_ledger, cashback_auditor;
grant insert on ledger.campaigns to cashback_api;
grant insert (net_minor, payable_minor, payable_units, grants, hold_until, approved_at)
    on ledger.cashback_ledger to cashback_api;
grant update (requested_units, netted_units) on ledger.cashback_ledger to cashback_ledger;
grant update (requested_units) on ledger.cashback_ledger to cashback_operator;
grant insert (stripe) on ledger.accounts to cashback_api, cashback_ledger, cashback_operator;
"""


def upgrade() -> None:
    """Add campaigns, striped accounts and the states, each with the grants that today's code needs."""
    run(CAMPAIGNS)
    run(BOOKS)
    run(CASHBACKS)
    run(GRANTS)
