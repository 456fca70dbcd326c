"""Webhooks: who wants to hear of what and where, what is to be delivered, and how each try went."""

from cashback.kernel.migrations import block, run

revision = "0001"
down_revision = None

ENDPOINTS = r"""
-- Where a merchant, or the operator when there is none, hears of events of some types. `failing_since` is the first
-- failure after the last success.
create table webhooks.endpoints (
    id text collate "C" primary key,
    merchant_id text collate "C",
    url text not null constraint endpoint_url_bounded check (length(url) between 1 and 2048),
    types text[] collate "C" not null
        constraint endpoint_types_bounded
            check (cardinality(types) between 1 and 32 and array_position(types, null) is null),
    state text collate "C" not null default 'enabled'
        constraint endpoint_state_known check (state in ('enabled', 'disabled')),
    disabled_reason text collate "C"
        constraint endpoint_reason_known check (disabled_reason in ('by_hand', 'gone', 'failing')),
    failing_since timestamptz,
    created_at timestamptz not null,
    constraint endpoint_disabled_says_why check ((state = 'disabled') = (disabled_reason is not null))
);
create index endpoint_of_merchant on webhooks.endpoints (merchant_id, id);

-- What an endpoint's deliveries are signed with, sealed under the key of the service; one that has ended signs no more.
create table webhooks.secrets (
    endpoint_id text collate "C" not null references webhooks.endpoints,
    number integer not null constraint secret_number_positive check (number >= 1),
    sealed bytea not null constraint secret_sealed_bounded check (octet_length(sealed) between 33 and 256),
    created_at timestamptz not null,
    ends_at timestamptz,
    primary key (endpoint_id, number)
);
create unique index secret_newest_once on webhooks.secrets (endpoint_id) where ends_at is null;

-- Who did what to an endpoint, its secret's being shown included.
create table webhooks.endpoint_journal (
    id bigint generated always as identity primary key,
    endpoint_id text collate "C" not null references webhooks.endpoints,
    what text collate "C" not null constraint journal_what_known check (what in (
        'created', 'rotated', 'secret_shown', 'enabled', 'disabled', 'replayed')),
    done_by text not null constraint journal_by_bounded check (length(done_by) between 1 and 200),
    detail text not null default '' constraint journal_detail_bounded check (length(detail) <= 500),
    done_at timestamptz not null default now()
);
create index journal_of_endpoint on webhooks.endpoint_journal (endpoint_id, id);
"""

DELIVERIES = r"""
-- One event for one endpoint, or that once more (`replay_of` is the first). The body never changes, so that every try
-- has the same bytes. `due_at` is when it is to be tried; of one that is claimed, when the claim runs out.
-- Whoever claims raises `claims`, and what was found out is noted only while that is still the same.
create table webhooks.deliveries (
    id text collate "C" primary key,
    endpoint_id text collate "C" not null references webhooks.endpoints,
    event_id text collate "C" not null constraint delivery_event_bounded check (octet_length(event_id) <= 1024),
    type text collate "C" not null constraint delivery_type_bounded check (length(type) between 1 and 200),
    body bytea not null constraint delivery_body_bounded check (octet_length(body) <= 66560),
    occurred_at timestamptz not null,
    replay_of text collate "C" references webhooks.deliveries,
    state text collate "C" not null default 'due'
        constraint delivery_state_known check (state in ('due', 'claimed', 'delivered', 'failed')),
    due_at timestamptz default now(),
    claims integer not null default 0 constraint delivery_claims_not_negative check (claims >= 0),
    attempts integer not null default 0 constraint delivery_attempts_in_claims check (attempts between 0 and claims),
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint delivery_open_is_due check ((state in ('due', 'claimed')) = (due_at is not null)),
    constraint delivery_ended_has_time check ((state in ('delivered', 'failed')) = (ended_at is not null)),
    constraint delivery_claimed_counts check (state <> 'claimed' or claims >= 1),
    constraint delivery_delivered_was_tried check (state <> 'delivered' or attempts >= 1)
);
create unique index delivery_once on webhooks.deliveries (endpoint_id, event_id) where replay_of is null;
create index delivery_open on webhooks.deliveries (endpoint_id, due_at) where state in ('due', 'claimed');
create index delivery_of_endpoint on webhooks.deliveries (endpoint_id, occurred_at, id);
create index delivery_again on webhooks.deliveries (replay_of) where replay_of is not null;

-- How each try went: an answer with its status, or why there was none.
create table webhooks.attempts (
    delivery_id text collate "C" not null references webhooks.deliveries,
    number integer not null constraint attempt_number_positive check (number >= 1),
    at timestamptz not null,
    address inet,
    status smallint constraint attempt_status_known check (status between 100 and 999),
    error text collate "C" constraint attempt_error_bounded check (length(error) between 1 and 500),
    took_ms integer not null constraint attempt_took_not_negative check (took_ms >= 0),
    answer bytea not null constraint attempt_answer_bounded check (octet_length(answer) <= 1024),
    primary key (delivery_id, number),
    constraint attempt_answered_or_says_why check (num_nonnulls(status, error) = 1)
);
"""

GRANTS = r"""
grant usage on schema webhooks to cashback_api, cashback_webhooks, cashback_auditor;

-- The worker delivers: it makes no endpoint, shows no secret, and changes no body.
grant select on webhooks.endpoints, webhooks.secrets, webhooks.deliveries, webhooks.inbox, webhooks.inbox_failures
    to cashback_webhooks;
grant update (state, disabled_reason, failing_since) on webhooks.endpoints to cashback_webhooks;
grant insert (id, endpoint_id, event_id, type, body, occurred_at), update (state, due_at, claims, attempts, ended_at)
    on webhooks.deliveries to cashback_webhooks;
grant insert on webhooks.attempts, webhooks.inbox to cashback_webhooks;
grant insert (endpoint_id, what, done_by, detail) on webhooks.endpoint_journal to cashback_webhooks;
grant insert, delete, update (event_id, attempts, first_failed_at, retry_at, history)
    on webhooks.inbox_failures to cashback_webhooks;

-- The API makes endpoints and secrets, ends and repeats deliveries, and notes no try.
grant select on webhooks.endpoints, webhooks.secrets, webhooks.deliveries, webhooks.attempts, webhooks.endpoint_journal
    to cashback_api;
grant insert (id, merchant_id, url, types, created_at), update (state, disabled_reason, failing_since)
    on webhooks.endpoints to cashback_api;
grant insert, update (ends_at) on webhooks.secrets to cashback_api;
grant insert (id, endpoint_id, event_id, type, body, occurred_at, replay_of), update (state, due_at, ended_at)
    on webhooks.deliveries to cashback_api;
grant insert (endpoint_id, what, done_by, detail) on webhooks.endpoint_journal to cashback_api;

-- Who looks reads everything but what is sealed.
grant select on webhooks.endpoints, webhooks.deliveries, webhooks.attempts, webhooks.endpoint_journal, webhooks.inbox,
    webhooks.inbox_failures, webhooks.schema_history to cashback_auditor;
grant select (endpoint_id, number, created_at, ends_at) on webhooks.secrets to cashback_auditor;
"""


def upgrade() -> None:
    """Create the schema's tables and each role's part in them."""
    run(ENDPOINTS)
    run(DELIVERIES)
    run(block("inbox_v1", schema="webhooks"))
    run(block("inbox_v2", schema="webhooks"))
    run(GRANTS)
