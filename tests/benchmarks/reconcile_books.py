"""Rows of ledger and minting for so many minted cashbacks, by the formulas of `reconcile_chain`.

The books of 1,000 users are whole, with one transfer of each cause a user and not one a cashback: what is measured is
the comparison with the chain, and the questions to the books have their own figure in `ledger/store/audit.py`.
"""

import psycopg

from cashback.kernel.money import TOKEN_SYMBOL
from tests.benchmarks.reconcile_chain import AMOUNT, AMOUNTS, PER_BLOCK, PER_TRANSACTION

USERS = 1_000
MINOR = 100
PROGRAMME = "prg_bench"

_PLACES = f"""
    select number,
           'cb_' || lpad(number::text, 26, '0') as id,
           lpad(to_hex(number), 40, '0') as recipient,
           {AMOUNT} + number % {AMOUNTS} as amount,
           1 + (number - 1) / {PER_BLOCK} as block_number,
           lpad(to_hex(1 + (number - 1) / {PER_BLOCK}), 32, '0')
               || lpad(to_hex((number - 1) %% {PER_BLOCK} / {PER_TRANSACTION}), 32, '0') as transaction_hash
    from generate_series(%(first)s::bigint, %(last)s::bigint) as number
"""


def fill_ledger(dsn: str, *, first: int, last: int) -> None:
    """Insert cashbacks that are minted, with their last transition."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        numbers = {"first": first, "last": last}
        connection.execute(
            f"""
            insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency,
                desired_minor, amount_minor, token_units, state, reason, created_at, mint_number, recipient, request,
                requested_at, reissue_after, transaction_hash, block_number, block_hash, minted_at)
            select id, 'pur_' || number, 'usr_' || number %% {USERS}, 'mer_bench', '{PROGRAMME}', 'EUR',
                   {MINOR}, {MINOR}, amount, 'minted', 'granted', now(), number, '0x' || recipient, '\\x00',
                   now(), now(), '0x' || transaction_hash, block_number, '0x' || repeat('0', 64), now()
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            numbers,
        )
        connection.execute(
            f"""
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'mint_requested', 'minted', 'bench', 'bench', now()
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            numbers,
        )


def fill_minting(dsn: str, *, first: int, last: int) -> None:
    """Insert records that are minted."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            f"""
            insert into minting.mints (number, cashback_id, recipient, amount, fingerprint, state, requested_at,
                accepted_at, decided_at, transaction_hash, block_number, block_hash)
            select number, id, decode(recipient, 'hex'), amount, sha256(id::bytea), 'minted', now(), now(), now(),
                   decode(transaction_hash, 'hex'), block_number, decode(repeat('00', 32), 'hex')
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            {"first": first, "last": last},
        )


def keep_books(dsn: str) -> None:
    """Have the books say what the cashbacks do: accounts, and one transfer of each cause for each user."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("truncate ledger.transfers, ledger.accounts, ledger.programmes cascade")
        connection.execute(
            "insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator,"
            " token_rate_denominator, created_at) values (%s, 'bench', 'EUR', 2, 100, 1, now())",
            [PROGRAMME],
        )
        users = connection.execute(
            "select user_id, sum(amount_minor), sum(token_units), min(id) from ledger.cashback_ledger group by user_id"
        ).fetchall()
        granted = sum(int(user[1]) for user in users)
        books = _Books(connection)
        budget = (PROGRAMME, "budget", "EUR")
        books.move((PROGRAMME, "funding", "EUR"), budget, 2 * granted, "funding", None)
        for user, minor, units, cashback in users:
            approved, fx_eur = (user, "approved", "EUR"), (PROGRAMME, "fx", "EUR")
            fx_token, in_flight = (PROGRAMME, "fx", TOKEN_SYMBOL), (user, "in_flight", TOKEN_SYMBOL)
            books.move(budget, approved, int(minor), "accrual", cashback)
            books.move(approved, fx_eur, int(minor), "conversion", cashback)
            books.move(fx_token, in_flight, int(units), "request", cashback)
            books.move(in_flight, (user, "minted", TOKEN_SYMBOL), int(units), "mint", cashback)
        books.write()


class _Books:
    """Accounts with running balances."""

    def __init__(self, connection: psycopg.Connection) -> None:
        """Begin empty."""
        self._connection = connection
        self._balances: dict[tuple[str, str, str], int] = {}
        self._moves: list[tuple[tuple[str, str, str], tuple[str, str, str], int, int, int, str, str | None]] = []

    def move(
        self, debit: tuple[str, str, str], credit: tuple[str, str, str], amount: int, cause: str, cashback: str | None
    ) -> None:
        """Move an amount from one account to another."""
        self._balances[debit] = self._balances.get(debit, 0) - amount
        self._balances[credit] = self._balances.get(credit, 0) + amount
        self._moves.append((debit, credit, amount, self._balances[debit], self._balances[credit], cause, cashback))

    def write(self) -> None:
        """Insert accounts and transfers."""
        ids = {account: place for place, account in enumerate(self._balances, start=1)}
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "insert into ledger.accounts (id, owner, kind, currency, balance) overriding system value"
                " values (%s, %s, %s, %s, %s)",
                [(ids[account], *account, balance) for account, balance in self._balances.items()],
            )
            cursor.executemany(
                "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
                " credit_balance_after, cause, cashback_id, at) values (%s, %s, %s, %s, %s, %s, %s, %s, now())",
                [
                    (ids[debit], ids[credit], debit[2], amount, debit_after, credit_after, cause, cashback)
                    for debit, credit, amount, debit_after, credit_after, cause, cashback in self._moves
                ],
            )
