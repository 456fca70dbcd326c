"""What the roles of the chain's database may not do, and which states cannot be stored."""

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from tests.integration.chain.conftest import PASSWORD

ADDRESS = b"\1" * 20
HASH = b"\2" * 32


@pytest.mark.parametrize(
    "statement",
    [
        "update chain.mints set amount = amount + 1",
        "update chain.mints set recipient = recipient",
        "delete from chain.mints",
        "update chain.slots set calldata = ''",
        "delete from chain.slots",
        "update chain.blockchain_transactions set raw = ''",
        "delete from chain.blockchain_transactions",
        "update chain.outcomes set kind = 'failed'",
        "delete from chain.outcomes",
        "update chain.mint_journal set reason = 'another'",
        "delete from chain.mint_journal",
        "update chain.anchors set root = ''",
        "update chain.anchors set up_to = 2",
        "delete from chain.anchors",
        "update chain.seen_anchors set root = ''",
        "delete from chain.minters",
        "update chain.network set epoch = 'another'",
        "create table chain.anything ()",
    ],
)
def test_the_adapter_may_not_rewrite_what_it_has_promised(shared_dsn: str, statement: str) -> None:
    """Recipients, amounts, calldata, signed bytes and outcomes stay as they were written."""
    dsn = make_conninfo(shared_dsn, user="chain_adapter", password=PASSWORD)
    with psycopg.connect(dsn) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize(
    "table", ["network", "mints", "slots", "lanes", "outcomes", "blockchain_transactions", "anchors", "seen_anchors"]
)
def test_the_auditor_reads_everything_and_changes_nothing(shared_dsn: str, table: str) -> None:
    """Every table of money can be looked at."""
    dsn = make_conninfo(shared_dsn, user="chain_auditor", password=PASSWORD)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"select * from chain.{table}")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"delete from chain.{table}")


MINT = "insert into chain.mints (number, cashback_id, recipient, amount) values (%s, 'cb', %s, %s)"
LANE = "insert into chain.lanes (address, next_nonce) values (%s, 0)"
SLOT = """
    insert into chain.slots (lane, nonce, kind, target, calldata, gas)
    select max(id), 0, 'mint', %s, '', 1 from chain.lanes
"""
ATTEMPT = """
    insert into chain.blockchain_transactions (hash, lane, nonce, raw, max_fee_wei, tip_wei, block_number)
    select %s, max(id), 0, '', 1, 1, 7 from chain.lanes
"""
HELD = "update chain.mints set state = 'held', held_reason = 'r', held_at = now()"
RETIRE = "update chain.mints set retire_lane = (select max(id) from chain.lanes)"
ANCHOR = "insert into chain.anchors (up_to, root) values (%s, %s)"
OUTCOME = "insert into chain.outcomes (epoch, sequence, number, kind) values ('e', %s, 1, 'minted')"


@pytest.mark.parametrize(
    "constraint,statements",
    [
        ("mint_number_known_once", [(MINT, (1, ADDRESS, 1)), (MINT, (1, ADDRESS, 2))]),
        ("mint_number_positive", [(MINT, (0, ADDRESS, 1))]),
        ("mint_amount_positive", [(MINT, (1, ADDRESS, 0))]),
        ("mint_recipient_is_address", [(MINT, (1, b"short", 1))]),
        ("mint_submitted_has_slot", [(MINT, (1, ADDRESS, 1)), ("update chain.mints set state = 'submitted'", ())]),
        ("mint_on_chain_has_place", [(MINT, (1, ADDRESS, 1)), ("update chain.mints set state = 'included'", ())]),
        ("mint_held_says_why", [(MINT, (1, ADDRESS, 1)), ("update chain.mints set state = 'held'", ())]),
        ("mint_hold_is_whole", [(MINT, (1, ADDRESS, 1)), ("update chain.mints set held_at = now()", ())]),
        ("mint_held_does_not_wait", [(MINT, (1, ADDRESS, 1)), (HELD.replace("'held'", "'accepted'"), ())]),
        ("mint_held_reason_bounded", [(MINT, (1, ADDRESS, 1)), (HELD.replace("'r'", "repeat('r', 101)"), ())]),
        (
            "mint_held_has_no_slot",
            [
                (MINT, (1, ADDRESS, 1)),
                (LANE, (ADDRESS,)),
                (SLOT, (ADDRESS,)),
                (HELD, ()),
                ("update chain.mints set lane = slots.lane, nonce = 0, submitted_at = now() from chain.slots", ()),
            ],
        ),
        (
            "mint_retirement_was_ordered",
            [(MINT, (1, ADDRESS, 1)), (LANE, (ADDRESS,)), (SLOT, (ADDRESS,)), (RETIRE + ", retire_nonce = 0", ())],
        ),
        (
            "mint_retirement_is_whole",
            [(MINT, (1, ADDRESS, 1)), (LANE, (ADDRESS,)), (RETIRE + ", cancelled_at = now()", ())],
        ),
        (
            "mint_retirement_has_slot",
            [(MINT, (1, ADDRESS, 1)), (LANE, (ADDRESS,)), (RETIRE + ", retire_nonce = 7, cancelled_at = now()", ())],
        ),
        ("anchor_accepted_once", [(ANCHOR, (1, HASH)), (ANCHOR, (1, HASH))]),
        ("anchor_waits_once", [(ANCHOR, (1, HASH)), (ANCHOR, (2, HASH))]),
        ("anchor_up_to_positive", [(ANCHOR, (0, HASH))]),
        ("anchor_root_is_hash", [(ANCHOR, (1, b"short"))]),
        ("anchor_submitted_has_slot", [(ANCHOR, (1, HASH)), ("update chain.anchors set state = 'submitted'", ())]),
        ("anchor_on_chain_has_place", [(ANCHOR, (1, HASH)), ("update chain.anchors set state = 'included'", ())]),
        ("anchor_held_says_why", [(ANCHOR, (1, HASH)), ("update chain.anchors set state = 'held'", ())]),
        ("lane_address_known_once", [(LANE, (ADDRESS,)), (LANE, (ADDRESS,))]),
        ("slot_nonce_reserved_once", [(LANE, (ADDRESS,)), (SLOT, (ADDRESS,)), (SLOT, (ADDRESS,))]),
        ("attempt_has_slot", [(LANE, (ADDRESS,)), (ATTEMPT, (HASH,))]),
        (
            "attempt_mined_once_per_nonce",
            [(LANE, (ADDRESS,)), (SLOT, (ADDRESS,)), (ATTEMPT, (HASH,)), (ATTEMPT, (HASH[::-1][:31] + b"3",))],
        ),
        ("outcome_of_number_once", [(MINT, (1, ADDRESS, 1)), (OUTCOME, (1,)), (OUTCOME, (2,))]),
        ("outcome_sequence_once", [(MINT, (1, ADDRESS, 1)), (OUTCOME, (1,)), (OUTCOME, (1,))]),
    ],
)
@pytest.mark.invariant("I2", "I9")
def test_an_illegal_state_cannot_be_stored(
    shared_dsn: str, constraint: str, statements: list[tuple[str, tuple[object, ...]]]
) -> None:
    """Not even by the owner: the named constraint refuses it."""
    *preparation, (refused, refused_values) = statements
    with psycopg.connect(shared_dsn) as connection:
        for statement, values in preparation:
            connection.execute(statement, values)
        with pytest.raises(errors.IntegrityError) as refusal:
            connection.execute(refused, refused_values)
    assert refusal.value.diag.constraint_name == constraint
