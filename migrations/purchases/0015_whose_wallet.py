"""Whose wallet it is: what is asked of it, what was proved, and the changes that wait until they take effect.

wallets            how it came that a wallet is in use: an operator said so, or somebody proved to hold it
wallet_challenges  texts to be signed by a wallet, each good for one proof and a short time
wallet_changes     every change that was asked for with a proof or in a person's name, and what became of it
"""

from cashback.kernel.migrations import run

revision = "0015"
down_revision = "0014"

WALLETS = r"""
set local lock_timeout = '5s';
-- A constant default: no row is written anew, and who knows nothing of proofs goes on inserting rows.
alter table purchases.wallets
    add column proof text collate "C" not null default 'operator',
    add constraint wallet_proof_known check (proof in ('operator', 'eip4361')) not valid;
set local lock_timeout to default;
"""

CHALLENGES = r"""
create table purchases.wallet_challenges (
    nonce text collate "C" primary key constraint challenge_nonce_shaped check (nonce ~ '^[0-9a-f]{32}$'),
    user_id text collate "C" not null references purchases.users,
    address text collate "C" not null
        constraint challenge_wallet_shaped check (address ~ '^0x[0-9a-fA-F]{40}$' and address !~ '^0x0{40}$'),
    message text not null constraint challenge_message_bounded check (length(message) between 1 and 4096),
    domain text not null constraint challenge_domain_bounded check (length(domain) between 1 and 300),
    chain_id bigint not null constraint challenge_chain_positive check (chain_id > 0),
    by_key text collate "C" constraint challenge_asker_shaped check (by_key like 'key\_%'),
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    signed_by text collate "C" constraint challenge_signer_known check (signed_by in ('owner', 'contract')),
    signature bytea constraint challenge_signature_bounded check (octet_length(signature) <= 8192),
    constraint challenge_ends_later check (expires_at > issued_at),
    constraint challenge_use_whole check (num_nonnulls(used_at, signed_by, signature) in (0, 3))
);
comment on column purchases.wallet_challenges.signed_by is 'Whose signature it was: the key''s, or a contract''s.';
create index challenge_unused on purchases.wallet_challenges (expires_at) where used_at is null;
create index challenge_open_of_user on purchases.wallet_challenges (user_id, expires_at) where used_at is null;

create trigger wallet_challenges_kept before truncate on purchases.wallet_challenges
    for each statement execute function purchases.refuse_change();
"""

CHANGES = r"""
create table purchases.wallet_changes (
    position bigint generated always as identity,
    id text collate "C" primary key constraint wallet_change_id_shaped check (id like 'whc\_%'),
    user_id text collate "C" not null references purchases.users,
    address text collate "C" not null
        constraint wallet_change_shaped check (address ~ '^0x[0-9a-fA-F]{40}$' and address !~ '^0x0{40}$'),
    proof text collate "C" not null constraint wallet_change_proof_known check (proof in ('operator', 'eip4361')),
    nonce text collate "C" references purchases.wallet_challenges
        constraint wallet_change_proved_once unique,
    person text constraint wallet_change_person_bounded check (length(person) between 1 and 200),
    reason text constraint wallet_change_reason_bounded check (length(reason) between 1 and 500),
    asked_at timestamptz not null,
    effective_at timestamptz not null,
    ended_at timestamptz,
    ended_as text collate "C" constraint wallet_change_end_known
        check (ended_as in ('applied', 'cancelled', 'superseded', 'refused')),
    ended_person text constraint wallet_change_ender_bounded check (length(ended_person) between 1 and 200),
    ended_reason text constraint wallet_change_ending_bounded check (length(ended_reason) between 1 and 500),
    constraint wallet_change_asked_whole check (
        case proof when 'eip4361' then nonce is not null and num_nonnulls(person, reason) = 0
                   else nonce is null and num_nonnulls(person, reason) = 2 end),
    constraint wallet_change_not_before check (effective_at >= asked_at),
    constraint wallet_change_end_whole check (num_nonnulls(ended_at, ended_as) in (0, 2)),
    constraint wallet_change_cancelled_whole check (
        num_nonnulls(ended_person, ended_reason) = case when ended_as = 'cancelled' then 2 else 0 end)
);
comment on column purchases.wallet_changes.effective_at is 'From when on it is used, unless it ends first.';
create unique index wallet_change_open on purchases.wallet_changes (user_id) where ended_at is null;
create index wallet_change_due on purchases.wallet_changes (effective_at, id) where ended_at is null;
create index wallet_change_wanted on purchases.wallet_changes (address) where ended_at is null;
create index wallet_change_of_user on purchases.wallet_changes (user_id, position);

create trigger wallet_changes_kept before delete or truncate on purchases.wallet_changes
    for each statement execute function purchases.refuse_change();
"""

FORGETTING = r"""
-- Forgets challenges that nobody has answered and that ended a day ago; one that was answered is kept, as what proves.
create function purchases.forget_challenges(as_of timestamptz, at_most integer) returns integer
language plpgsql security definer set search_path = purchases, pg_temp as $$
declare
    forgotten integer;
begin
    delete from wallet_challenges
    where nonce = any(array(
        select nonce
        from wallet_challenges
        where used_at is null
          and expires_at < as_of - interval '1 day'
        order by expires_at
        limit least(at_most, 1000)
        for update skip locked
    ));
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
"""

GRANTS = r"""
revoke execute on function purchases.forget_challenges from public;
grant execute on function purchases.forget_challenges to cashback_api;
grant select on purchases.wallet_challenges, purchases.wallet_changes to cashback_api, cashback_auditor;
grant insert (nonce, user_id, address, message, domain, chain_id, by_key, issued_at, expires_at)
    on purchases.wallet_challenges to cashback_api;
grant update (used_at, signed_by, signature) on purchases.wallet_challenges to cashback_api;
grant insert (id, user_id, address, proof, nonce, person, reason, asked_at, effective_at, ended_at, ended_as)
    on purchases.wallet_changes to cashback_api;
grant update (ended_at, ended_as, ended_person, ended_reason) on purchases.wallet_changes to cashback_api;
"""


def upgrade() -> None:
    """Say how wallets came to be in use, and add what is asked, proved and waits."""
    run(WALLETS)
    run(CHALLENGES)
    run(CHANGES)
    run(FORGETTING)
    run(GRANTS)
