"""A ledger of the release before, with something in it, comes to this one whole (I1, I8)."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from alembic import command

from cashback.kernel import migrations
from cashback.kernel.money import Minor
from cashback.ledger.model import Grants, LineGrant
from cashback.ledger.rules import decode_grants
from tests.integration.ledger.world import Dsns, open_world
from tests.support.servers import Databases

BEFORE: Final = "0005"
"""Where the release before ended: one percentage, one budget, no refunds."""

STATES: Final = ("declined", "approved", "mint_requested", "minted", "stuck", "approved again")
MONEY, TOKENS = 150, 1_500_000
USER, PROGRAMME = "usr_1", "prg_1"

Move = tuple[str, tuple[str, str, str], tuple[str, str, str], int, str | None]


@pytest.fixture
def older(databases: Databases, dsns: Dsns, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dsns]:
    """Give a database of the release before, with a cashback in each state it knew."""
    del dsns  # made for the roles, which all databases of the server share
    with databases.fresh() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(f'alter database "{name}" owner to cashback_owner'.encode())
        upgrade = command.upgrade
        with monkeypatch.context() as patched:
            patched.setattr(command, "upgrade", lambda config, _: upgrade(config, BEFORE))
            migrations.upgrade(Dsns(dsn).of("cashback_owner"), "ledger")
        with psycopg.connect(dsn) as connection:
            _fill(connection)
        yield Dsns(dsn)


@pytest.mark.invariant("I1", "I8")
async def test_a_ledger_of_the_release_before_comes_whole_with_what_a_refund_needs(older: Dsns) -> None:
    """Everything adds up, and each grant is one line that the programme's only campaign has paid."""
    migrations.upgrade(older.of("cashback_owner"), "ledger")
    async with open_world(older) as world:
        await world.assert_books_prove()
        rows = await world.rows(
            "select state, net_minor, payable_units, requested_units, grants from"
            " ledger.cashback_ledger order by position"
        )
        assert [row[:4] for row in rows] == [
            ("declined", 0, 0, None),
            ("approved", MONEY, TOKENS, None),
            ("mint_requested", MONEY, TOKENS, TOKENS),
            ("minted", MONEY, TOKENS, TOKENS),
            ("stuck", MONEY, TOKENS, TOKENS),
            ("approved", MONEY, TOKENS, None),
        ]
        line = LineGrant(base=Minor(10_000), grants=(("cmp_1", Minor(MONEY)),))
        assert rows[0][4] is None
        assert {decode_grants(row[4]) for row in rows[1:]} == {Grants(exponent=2, lines=(line,), rate=(1, 1))}
        assert await world.rows("select requested_units from ledger.retired_numbers") == [(TOKENS,)]


def _fill(connection: psycopg.Connection[Any]) -> None:
    """Store a programme and a cashback in each state, with the books of all of that."""
    connection.execute("set session_replication_role = replica")
    connection.execute(
        "insert into ledger.programmes values ('prg_1', 'first', 'USD', 2, 1, 1, now(), null);"
        "insert into ledger.rulesets values ('rul_1', 'prg_1', 1, 150, now())"
    )
    moves: list[Move] = [("funding", (PROGRAMME, "funding", "USD"), (PROGRAMME, "budget", "USD"), 10_000, None)]
    for place, state in enumerate(STATES):
        _store(connection, f"cb_{place}", place, state)
        moves += _moves(f"cb_{place}", state)
    balances: dict[tuple[str, str, str], int] = {}
    numbers: dict[tuple[str, str, str], int] = {}
    for _, debit, credit, amount, _ in moves:
        for account, change in ((debit, -amount), (credit, amount)):
            numbers.setdefault(account, len(numbers) + 1)
            balances[account] = balances.get(account, 0) + change
    for account, number in numbers.items():
        connection.execute(
            "insert into ledger.accounts (id, owner, kind, currency, balance) overriding system value"
            " values (%s, %s, %s, %s, %s)",
            (number, *account, balances[account]),
        )
    after = dict.fromkeys(numbers, 0)
    for cause, debit, credit, amount, cashback in moves:
        after[debit] -= amount
        after[credit] += amount
        connection.execute(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, cashback_id, at) values (%s, %s, %s, %s, %s, %s, %s, %s, now())",
            (numbers[debit], numbers[credit], debit[2], amount, after[debit], after[credit], cause, cashback),
        )


def _moves(cashback: str, state: str) -> list[Move]:
    """Return what a cashback has moved on its way to where it stands."""
    approved, cost = (USER, "approved", "USD"), (PROGRAMME, "fx", "USD")
    tokens, flying, stuck = (PROGRAMME, "fx", "CBK"), (USER, "in_flight", "CBK"), (USER, "stuck", "CBK")
    granted: list[Move] = [("accrual", (PROGRAMME, "budget", "USD"), approved, MONEY, cashback)]
    requested: list[Move] = [
        ("conversion", approved, cost, MONEY, cashback),
        ("request", tokens, flying, TOKENS, cashback),
    ]
    failed: list[Move] = [("stuck", flying, stuck, TOKENS, cashback)]
    again: list[Move] = [
        ("retirement", stuck, tokens, TOKENS, cashback),
        ("reconversion", cost, approved, MONEY, cashback),
    ]
    minted: list[Move] = [("mint", flying, (USER, "minted", "CBK"), TOKENS, cashback)]
    return {
        "declined": [],
        "approved": granted,
        "mint_requested": granted + requested,
        "minted": granted + requested + minted,
        "stuck": granted + requested + failed,
        "approved again": granted + requested + failed + again,
    }[state]


def _store(connection: psycopg.Connection[Any], id_: str, place: int, state: str) -> None:
    """Store one cashback with its decision and its last step."""
    wallet, now = "0x" + "1" * 40, "2026-03-01T12:00:00Z"
    is_granted, stands = state != "declined", state.split(" ", maxsplit=1)[0]
    request = (place, wallet, b"{}", now, now) if stands in ("mint_requested", "minted", "stuck") else (None,) * 5
    mint = ("0x1", 1, "0x1", now) if stands == "minted" else (None,) * 4
    connection.execute(
        "insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency,"
        " desired_minor, amount_minor, token_units, state, reason, created_at, mint_number, recipient, request,"
        " requested_at, reissue_after, transaction_hash, block_number, block_hash, minted_at, failure)"
        " values (%s, %s, %s, 'mer_1', %s, 'USD', %s, %s, %s, %s, 'granted', now(),"
        " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            id_,
            f"pur_{place}",
            USER,
            PROGRAMME,
            MONEY,
            MONEY * is_granted,
            TOKENS * is_granted,
            stands,
            *request,
            *mint,
            "refused" if stands == "stuck" else None,
        ),
    )
    connection.execute("insert into ledger.decisions values (%s, %s)", (id_, b'{"facts":{"amount":"10000"}}'))
    before = {"declined": None, "approved": None, "mint_requested": "approved"}.get(stands, "mint_requested")
    connection.execute(
        "insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)"
        " values (%s, %s, %s, 'ledger', 'told', now())",
        (id_, before, stands),
    )
    if state == "approved again":
        connection.execute(
            "insert into ledger.retired_numbers (number, cashback_id, recipient, request, requested_at, reason, person,"
            " at) values (99, %s, %s, '', now(), 'lost', 'alice', now())",
            (id_, wallet),
        )
