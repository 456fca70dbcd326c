"""What minting's schema refuses by itself, whoever asks: states that cannot be, and roles that may not."""

import psycopg
import pytest

from cashback.kernel.migrations import head, upgrade
from tests.integration.minting.world import World, dsn_of, request

BLOCK = (
    "transaction_hash = decode(repeat('01', 32), 'hex'), block_number = 1, block_hash = decode(repeat('02', 32), 'hex')"
)


def attempt(world: World, role: str, statement: str) -> None:
    """Execute one statement as a role."""
    with psycopg.connect(dsn_of(role, world.dsn), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "change, constraint",
    [
        ("number = 0", "mint_number_positive"),
        ("recipient = decode('01', 'hex')", "mint_recipient_whole"),
        ("amount = 0", "mint_amount_positive"),
        ("fingerprint = decode('01', 'hex')", "mint_fingerprint_whole"),
        ("state = 'lost', decided_at = null, submit_after = null", "mint_state_known"),
        ("submit_attempts = -1", "mint_attempts_not_negative"),
        ("submit_after = null", "mint_requested_is_due"),
        ("state = 'accepted'", "mint_accepted_has_time"),
        (f"state = 'minted', submit_after = null, {BLOCK}", "mint_decided_has_time"),
        (f"state = 'minted', decided_at = now(), {BLOCK}", "mint_decided_is_not_due"),
        ("state = 'minted', decided_at = now(), submit_after = null", "mint_minted_has_block"),
        (BLOCK, "mint_minted_has_block"),
        ("state = 'stuck', decided_at = now(), submit_after = null", "mint_stuck_says_why"),
        ("reason = 'none'", "mint_stuck_says_why"),
        ("block_hash = decode('01', 'hex')", "mint_block_hash_whole"),
    ],
)
async def test_a_mint_that_cannot_be_cannot_be_stored(world: World, change: str, constraint: str) -> None:
    """Each illegal state is refused by a constraint that has a name."""
    await world.take(request(1))
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        world.execute(f"update minting.mints set {change}")
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.invariant("I2")
async def test_a_cashback_has_one_number(world: World) -> None:
    """I2: the database itself refuses a second one."""
    await world.take(request(1), request(2))
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        world.execute("update minting.mints set cashback_id = (select min(cashback_id) from minting.mints)")
    assert caught.value.diag.constraint_name == "mint_cashback_once"


@pytest.mark.parametrize(
    "role, statement",
    [
        ("minting_worker", "update minting.mints set amount = amount + 1"),
        ("minting_worker", "update minting.mints set recipient = fingerprint"),
        ("minting_worker", "delete from minting.mints"),
        ("minting_worker", "delete from minting.halts"),
        ("minting_worker", "update minting.halts set detail = ''"),
        ("minting_worker", "update minting.halts set lifted_at = now(), lifted_by = 'worker'"),
        ("minting_worker", "delete from minting.inbox"),
        ("minting_worker", "update minting.inbox_failures set key = 'cb_1'"),
        ("minting_worker", "update minting.inbox_failures set consumer = 'another'"),
        ("minting_worker", "truncate minting.inbox_failures"),
        ("minting_relay", "select * from minting.inbox_failures"),
        ("minting_operator", "select * from minting.inbox_failures"),
        ("minting_auditor", "delete from minting.inbox_failures"),
        ("minting_worker", "select * from minting.outbox_events"),
        ("minting_worker", "update minting.outbox_cursors set position = 0"),
        ("minting_worker", "select minting.rotate_outbox(interval '0')"),
        ("minting_worker", "create table minting.mine (id int)"),
        ("minting_relay", "select * from minting.mints"),
        ("minting_relay", "select * from minting.halts"),
        ("minting_relay", "delete from minting.outbox_events"),
        ("minting_relay", "insert into minting.outbox_cursors values (9)"),
        ("minting_operator", "select * from minting.mints"),
        ("minting_operator", "update minting.mints set amount = 1"),
        ("minting_operator", "update minting.mints set transaction_hash = null"),
        ("minting_operator", "delete from minting.mint_journal"),
        ("minting_worker", "insert into minting.mint_journal (number) values (1)"),
        ("minting_operator", "update minting.halts set detail = ''"),
        ("minting_operator", "delete from minting.halts"),
        ("minting_operator", "update minting.outcome_cursor set epoch = 'another'"),
        ("minting_auditor", "update minting.mints set submit_after = now()"),
        ("minting_auditor", "update minting.outcome_cursor set sequence = 0"),
        ("minting_auditor", "insert into minting.leases values ('outcomes', 'me', 1, now())"),
    ],
)
async def test_a_role_may_do_its_part_and_nothing_else(world: World, role: str, statement: str) -> None:
    """What was frozen is out of reach of the code that might be wrong."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt(world, role, statement)


@pytest.mark.parametrize(
    "role, statement",
    [
        ("minting_worker", "insert into minting.inbox_failures values ('c', 'k', 'e', 1, now(), now(), '[{}]')"),
        ("minting_worker", "select * from minting.inbox_failures for update"),
        ("minting_worker", "update minting.inbox_failures set event_id = '', attempts = 1, first_failed_at = now()"),
        ("minting_worker", "update minting.inbox_failures set retry_at = now(), history = '[{}]'"),
        ("minting_worker", "delete from minting.inbox_failures"),
        ("minting_auditor", "select * from minting.inbox_failures"),
        ("minting_relay", "select * from minting.outbox_events"),
        ("minting_relay", "update minting.outbox_cursors set position = position"),
        ("minting_relay", "select minting.rotate_outbox(interval '72 hours')"),
        ("minting_auditor", "select * from minting.mints, minting.halts, minting.outcome_cursor, minting.inbox"),
        ("minting_auditor", "select * from minting.mint_journal"),
        ("minting_auditor", "select * from minting.outbox_events, minting.outbox_cursors, minting.leases"),
    ],
)
async def test_a_role_reaches_what_it_needs(world: World, role: str, statement: str) -> None:
    """The worker's part is what every other test here does."""
    attempt(world, role, statement)


async def test_migrating_again_changes_nothing(world: World) -> None:
    """The head is the head."""
    await world.take(request(1))
    assert upgrade(world.dsn, "minting") == head("minting")
    assert await world.states() == {1: "requested"}


async def test_due_mints_are_found_without_reading_the_others(world: World) -> None:
    """The index holds what is due, however many mints were decided before."""
    world.execute(
        """
        insert into minting.mints (number, cashback_id, recipient, amount, fingerprint, state, requested_at,
            decided_at, reason)
        select number, 'cb_' || number, decode(repeat('01', 20), 'hex'), 1, sha256(number::text::bytea), 'stuck', now(),
            now(), 'a test'
        from generate_series(1, 20000) as number
        """
    )
    world.execute("analyze minting.mints")
    plan = await world.rows(
        "explain select number from minting.mints where submit_after <= now() order by number limit 500"
    )
    assert "mint_due" in "".join(row[0] for row in plan)
