"""A ledger with programmes of the time when one was in force: brought to the head, each takes its own currency."""

from datetime import UTC, datetime

import psycopg
import pytest

from cashback.kernel.migrations import upgrade
from cashback.ledger.rules.life import name_digest
from tests.integration.ledger.older import older
from tests.support.servers import Databases

EARLY, LATE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))


def test_a_programme_in_force_stays_in_force_and_one_that_ended_has_ended(databases: Databases) -> None:
    """Each with the window that it had, in the currency that it was funded in."""
    with older(databases, "programmes_side_by_side") as (dsn, connection):
        for name, ended_at in (("old", LATE), ("new", None)):
            connection.execute(
                "insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator,"
                " token_rate_denominator, created_at, ended_at) values (%s, %s, 'USD', 2, 1, 1, %s, %s)",
                (f"prg_{name}", name, EARLY if ended_at else LATE, ended_at),
            )
        upgrade(dsn, "ledger")
        rows = connection.execute(
            "select programme_id, currency, starts_at, ends_at from ledger.programme_currencies order by starts_at"
        ).fetchall()
    assert rows == [("prg_old", "USD", EARLY, LATE), ("prg_new", "USD", LATE, None)]


def test_a_person_who_had_spoken_twice_under_two_spellings_holds_up_no_upgrade(databases: Databases) -> None:
    """Both verdicts stay, and the person has no third, however it is written."""
    composed, taken_apart, wide = "Ren\u00e9", "Rene\u0301", "\uff32en\u00e9"
    with older(databases, "one_name_one_person") as (dsn, connection):
        connection.execute("set session_replication_role = replica")
        say = (
            "insert into ledger.reviews (cashback_id, verdict, person, reason, key_id, at)"
            " values ('cb_1', 'approve', %s, 'seen', 'key_1', now())"
        )
        for person in (composed, taken_apart):
            connection.execute(say, (person,))
        upgrade(dsn, "ledger")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(say, (wide,))
        connection.execute(say, ("alice",))
        rows = connection.execute("select person from ledger.reviews order by position").fetchall()
        digests = connection.execute("select person_digest from ledger.reviews order by position").fetchall()
    assert rows == [(composed,), (taken_apart,), ("alice",)]
    assert digests == [(name_digest(composed),), (None,), (None,)]


def test_debits_of_before_are_named_and_returns_of_before_are_not(databases: Databases) -> None:
    """Both causes of a debit, by its own instant; what is in the books stays immutable afterwards."""
    with older(databases, "what_moved_it") as (dsn, connection):
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into ledger.accounts (id, owner, kind, currency) overriding system value"
            " values (1, 'usr_1', 'approved', 'USD'), (2, 'usr_1', 'debt', 'CBK'), (3, 'cmp_1', 'budget', 'USD'),"
            " (4, 'prg_1', 'clawback', 'CBK')"
        )
        connection.execute(
            "insert into ledger.adjustments (id, kind, cashback_id, user_id, programme_id, currency, amount_minor,"
            " token_units, person, reason, at) values ('adj_1', 'debit', 'cb_1', 'usr_1', 'prg_1', 'USD', 1, 0,"
            " 'alice', 'why', %s)",
            (EARLY,),
        )
        for debit, credit, currency, cause, cashback_id, at in (
            (1, 3, "USD", "refund", "cb_1", EARLY),
            (2, 4, "CBK", "debt", "cb_1", EARLY),
            (1, 3, "USD", "refund", "cb_1", LATE),
            (1, 3, "USD", "refund", "cb_2", EARLY),
        ):
            connection.execute(
                "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
                " credit_balance_after, cause, cashback_id, at) values (%s, %s, %s, 1, 0, 0, %s, %s, %s)",
                (debit, credit, currency, cause, cashback_id, at),
            )
        upgrade(dsn, "ledger")
        rows = connection.execute("select origin from ledger.transfers order by position").fetchall()
        connection.execute("set session_replication_role = origin")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update ledger.transfers set origin = null")
    assert rows == [("adj_1",), ("adj_1",), (None,), (None,)]
