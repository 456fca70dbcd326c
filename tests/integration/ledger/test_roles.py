"""What each role may do, and above all what it may not."""

import psycopg
import pytest

from tests.integration.ledger.world import ROLES, Dsns, World, buy

FORBIDDEN = {
    "cashback_api": [
        "update webhooks.endpoints set merchant_id = null",
        "update webhooks.secrets set sealed = ''",
        "update webhooks.deliveries set body = ''",
        "insert into webhooks.attempts (delivery_id) values ('whd_1')",
        "delete from webhooks.endpoint_journal",
        "select * from webhooks.inbox",
        "update ledger.cashback_ledger set amount_minor = 1",
        "update ledger.cashback_ledger set netted_units = 1",
        "delete from ledger.write_offs",
        "delete from ledger.waitlist",
        "update ledger.waitlist set wanted_minor = 1",
        "update purchases.refunds set amount_minor = 1",
        "update purchases.parked_refunds set amount_minor = 1",
        "delete from purchases.parked_refunds",
        "update ledger.transfers set amount = 1",
        "insert into ledger.cashback_ledger (id, mint_number) values ('cb_1', 1)",
        "delete from ledger.transfers",
        "delete from purchases.purchases",
        "update purchases.purchases set amount_minor = 1",
        "update purchases.idempotency_keys set fingerprint = ''",
        "delete from purchases.idempotency_keys",
        "update purchases.api_keys set scope = 'operator'",
        "update ledger.accounts set owner = 'usr_me'",
        "delete from ledger.accounts",
        "select nextval('ledger.mint_numbers')",
        "select * from ledger.inbox",
        "select * from ledger.inbox_failures",
        "delete from ledger.outbox_events",
        "select ledger.rotate_outbox(interval '0')",
        "update ledger.programmes set token_rate_numerator = 1",
        "update ledger.rulesets set starts_at = now()",
        "update ledger.campaigns set day_limit_minor = null",
        "update ledger.budget_changes set reason = 'x'",
        "update ledger.exchange_rates set numerator = 1",
        "update ledger.programme_currencies set currency = 'EUR'",
        "delete from ledger.ruleset_withdrawals",
        "update ledger.ruleset_drafts set programme_id = 'prg_1'",
        "select chained_at from ledger.leaves",
        "select ledger_digest from ledger.reconciliations",
        "insert into ledger.leaves (number) values (1)",
        "insert into ledger.seals (number) values (1)",
        "insert into ledger.anchors (seal) values (1)",
        "update ledger.anchors set state = 'final'",
        "insert into ledger.reconciliations (mode) values ('whole')",
        "insert into ledger.recomputations (by) values ('me')",
        "create table ledger.mine ()",
        "create table public.mine ()",
    ],
    "cashback_ledger": [
        "select * from purchases.purchases",
        "select * from purchases.api_keys",
        "select * from purchases.refunds",
        "update ledger.waitlist set waits_until = now()",
        "insert into ledger.waitlist (cashback_id) values ('cb_1')",
        "update ledger.write_offs set token_units = 1",
        "insert into ledger.cashback_ledger (id) values ('cb_1')",
        "update ledger.cashback_ledger set user_id = 'usr_me'",
        "update ledger.recipients set wallet = '0x'",
        "insert into ledger.recipients (user_id) values ('usr_me')",
        "update ledger.transfers set amount = 1",
        "delete from ledger.inbox",
        "update ledger.inbox_failures set key = 'pur_1'",
        "update ledger.inbox_failures set consumer = 'another'",
        "truncate ledger.inbox_failures",
        "delete from ledger.decisions",
        "update ledger.counters set period = ''",
        "update ledger.decisions set document = ''",
        "update ledger.cashback_ledger set programme_id = 'prg_1'",
        "update ledger.waitlist set cashback_id = 'cb_1'",
        "insert into ledger.retired_numbers (number) values (1)",
        "insert into ledger.exchange_rates (base) values ('EUR')",
        "update ledger.campaigns set closed_at = now()",
        "select ledger.rotate_outbox(interval '0')",
    ],
    "cashback_relay": [
        "select * from purchases.purchases",
        "select * from ledger.cashback_ledger",
        "select * from ledger.inbox_failures",
        "insert into ledger.outbox_events (type) values ('x')",
        "update ledger.outbox_events set data = ''",
        "delete from ledger.outbox_events",
    ],
    "cashback_operator": [
        "select * from purchases.purchases",
        "insert into ledger.outbox_events (type) values ('x')",
        "update ledger.cashback_ledger set token_units = 1",
        "update ledger.cashback_ledger set transaction_hash = ''",
        "update ledger.retired_numbers set reason = 'x'",
        "delete from ledger.retired_numbers",
        "update ledger.transfers set amount = 1",
        "update ledger.recipients set wallet = '0x'",
        "select nextval('ledger.mint_numbers')",
        "select * from webhooks.endpoints",
    ],
    "cashback_webhooks": [
        "select recipient from ledger.cashback_ledger",
        "select amount_minor from ledger.cashback_ledger",
        "select request from ledger.cashback_ledger",
        "update ledger.cashback_ledger set merchant_id = null",
        "select * from ledger.transfers",
        "select * from ledger.outbox_events",
        "select * from purchases.merchants",
        "insert into webhooks.endpoints (id) values ('whe_1')",
        "update webhooks.endpoints set url = 'https://me'",
        "update webhooks.endpoints set merchant_id = null",
        "insert into webhooks.secrets (endpoint_id) values ('whe_1')",
        "update webhooks.secrets set ends_at = now()",
        "update webhooks.deliveries set body = ''",
        "update webhooks.deliveries set endpoint_id = 'whe_1'",
        "insert into webhooks.deliveries (id, replay_of) values ('whd_1', 'whd_2')",
        "delete from webhooks.deliveries",
        "update webhooks.attempts set status = 200",
        "delete from webhooks.attempts",
        "delete from webhooks.endpoint_journal",
        "delete from webhooks.inbox",
        "update webhooks.inbox_failures set key = 'k'",
        "create table webhooks.mine ()",
    ],
    "cashback_auditor": [
        "select sealed from webhooks.secrets",
        "update webhooks.deliveries set state = 'due'",
        "select secret_hmac from purchases.api_keys",
        "update ledger.accounts set balance = 0",
        "delete from ledger.inbox_failures",
        "insert into ledger.transfers (amount) values (1)",
        "delete from ledger.cashback_ledger",
        "select ledger.rotate_outbox(interval '0')",
    ],
}


NOTING = (
    "insert into ledger.inbox_failures values ('c', 'k', 'evt_1', 1, now(), now(), '[{}]')",
    "select * from ledger.inbox_failures for update",
    "update ledger.inbox_failures set attempts = 2, retry_at = now(), history = '[{}, {}]'",
    "update ledger.inbox_failures set event_id = 'evt_2', attempts = 1, first_failed_at = now()",
    "delete from ledger.inbox_failures",
)


@pytest.mark.parametrize("role", list(FORBIDDEN))
async def test_a_role_cannot_do_what_is_not_its_part(dsns: Dsns, role: str) -> None:
    """Least privilege, stated one statement at a time: the database refuses, not the code."""
    async with await psycopg.AsyncConnection.connect(dsns.of(role), autocommit=True) as connection:
        for statement in FORBIDDEN[role]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement.encode())


@pytest.mark.parametrize("state", ["pending", "minted", "mint_requested", "expired"])
async def test_the_api_takes_back_and_does_nothing_else_to_a_cashback(world: World, state: str) -> None:
    """Of the steps of a cashback's life it takes those of refunds alone."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_api"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("update ledger.cashback_ledger set state = %s", [state])


async def test_nothing_granted_becomes_less_or_more_without_what_explains_it(world: World) -> None:
    """The ledger worker may change amounts of what waits, and of nothing else; less is left only by what came back."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_ledger"), autocommit=True) as connection:
        for change in ("amount_minor = 1", "net_minor = net_minor + 1", "grants = null", "reason = 'x'"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is frozen"):
                await connection.execute(f"update ledger.cashback_ledger set {change}".encode())
        with pytest.raises(psycopg.errors.CheckViolation, match="cashback_net_explained"):
            await connection.execute("update ledger.cashback_ledger set net_minor = net_minor - 1")


async def test_the_auditor_reads_everything_but_the_hmacs(world: World) -> None:
    """Whoever checks needs every table, and no key to any door."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    tables = await world.rows(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('ledger', 'purchases') and table_name <> 'api_keys'"
    )
    assert len(tables) > 10
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_auditor")) as connection:
        for (table,) in tables:
            await connection.execute(f"select count(*) from {table}".encode())


async def test_the_ledger_worker_notes_failures_counts_them_and_forgets_them(world: World) -> None:
    """What the worker needs of its consumers' failures, and the terms on which it has it."""
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_ledger"), autocommit=True) as connection:
        for statement in NOTING:
            await connection.execute(statement.encode())


async def test_no_role_owns_anything_save_the_owner(world: World) -> None:
    """Nobody who runs a process can change a table or switch a trigger off."""
    owners = await world.rows(
        "select distinct tableowner from pg_tables where schemaname in ('ledger', 'purchases', 'webhooks')"
    )
    assert owners == [("cashback_owner",)]
    assert set(ROLES) - {"cashback_owner"} == set(FORBIDDEN)


async def test_nobody_changes_the_terms_of_a_programme(world: World) -> None:
    """What is read from them long after a decision, as when it expires, is what held then: a change is a new one."""
    granted = await world.rows(
        "select distinct column_name from information_schema.column_privileges"
        " where (table_schema, table_name, privilege_type) = ('ledger', 'programmes', 'UPDATE')"
        " and grantee not in ('cashback_owner', (select rolname from pg_roles where oid = 10)) order by 1"
    )
    assert [column for (column,) in granted] == ["ended_at", "ended_because", "paused_at"]
    removable = await world.rows(
        "select grantee from information_schema.table_privileges"
        " where (table_schema, table_name) = ('ledger', 'programmes') and privilege_type in ('DELETE', 'TRUNCATE')"
        " and grantee not in ('cashback_owner', (select rolname from pg_roles where oid = 10))"
    )
    assert removable == []
