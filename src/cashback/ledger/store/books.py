"""Accounts and the transfers between them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.db import Tx
from cashback.ledger.model import Account, AccountKind, Changes, Posting, Transfer

POSTED: Final = """posted as (
            insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                          credit_balance_after, cause, cashback_id, at, effective_at, origin)
            select debit, credit, currency, amount, debit_after, credit_after, cause, cashback_id, %(at)s, effective_at,
                   origin
            from unnest(
                %(debits)b::bigint[], %(credits)b::bigint[], %(posted)b::text[], %(sums)b::bigint[],
                %(debits_after)b::bigint[], %(credits_after)b::bigint[], %(causes)b::text[], %(cashbacks)b::text[],
                %(effective)b::timestamptz[], %(origins)b::text[]
            ) with ordinality
                as given (debit, credit, currency, amount, debit_after, credit_after, cause, cashback_id, effective_at,
                          origin, place)
            order by place
        ),
        moved as (
            update ledger.accounts as account
            set balance = given.after
            from unnest(%(numbers)b::bigint[], %(before)b::bigint[], %(after)b::bigint[]) as given (id, before, after)
            where account.id = given.id
              and account.balance = given.before
            returning account.id
        )"""
"""Stores transfers in order, as `posted`, and sets balances that still are as they had been, which are `moved`."""


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """Transfers in order between accounts that are locked: number and balance of each, before and after them."""

    numbers: Mapping[Account, int]
    before: Mapping[Account, int]
    after: Mapping[Account, int]
    transfers: Sequence[Transfer]


async def lock(tx: Tx, accounts: Sequence[Account]) -> dict[Account, tuple[int, int]] | None:
    """Return number and balance of the accounts, each named once, locked in ascending order of number until `tx` ends.

    Where one of them does not exist, None is returned and nothing is locked.
    """
    cursor = await tx.execute(
        """
        with found as materialized (
            select account.id, place
            from unnest(%(owners)b::text[], %(kinds)b::text[], %(currencies)b::text[], %(stripes)b::smallint[])
                with ordinality as wanted (owner, kind, currency, stripe, place)
            join ledger.accounts as account using (owner, kind, currency, stripe)
        )
        select place, account.id, account.balance
        from found
        join ledger.accounts as account using (id)
        where (select count(*) from found) = %(many)s
        order by account.id
        for update of account
        """,
        {**_columns(accounts), "many": len(accounts)},
    )
    locked = await cursor.fetchall()
    return {accounts[place - 1]: (id_, balance) for place, id_, balance in locked} if locked or not accounts else None


async def mark(tx: Tx) -> None:
    """Remember what is locked now, for `let_go`.

    A savepoint in words of its own: psycopg's is none, but a whole transaction, where it is the first of a connection.
    """
    await tx.execute("savepoint accounts")


async def let_go(tx: Tx) -> None:
    """Let go of every lock that was taken since `mark`, and of the accounts that were opened since."""
    await tx.execute("rollback to savepoint accounts")


async def missing(tx: Tx, accounts: Sequence[Account]) -> list[Account]:
    """Return those accounts that do not exist yet; nothing is locked."""
    cursor = await tx.execute(
        """
        select owner, kind, currency, stripe
        from unnest(%(owners)b::text[], %(kinds)b::text[], %(currencies)b::text[], %(stripes)b::smallint[])
            as wanted (owner, kind, currency, stripe)
        where not exists (
            select
            from ledger.accounts as account
            where (account.owner, account.kind, account.currency, account.stripe)
                = (wanted.owner, wanted.kind, wanted.currency, wanted.stripe))
        """,
        _columns(accounts),
    )
    return [Account(row[0], AccountKind(row[1]), row[2], row[3]) for row in await cursor.fetchall()]


async def open_accounts(tx: Tx, accounts: Sequence[Account]) -> None:
    """Make the accounts that do not exist yet; those that someone else is opening are waited for."""
    await tx.execute(
        """
        insert into ledger.accounts (owner, kind, currency, stripe)
        select owner, kind, currency, stripe
        from unnest(%(owners)b::text[], %(kinds)b::text[], %(currencies)b::text[], %(stripes)b::smallint[])
            as wanted (owner, kind, currency, stripe)
        order by owner, kind, currency, stripe
        on conflict on constraint account_once do nothing
        """,
        _columns(accounts),
    )


async def post(tx: Tx, moves: Moves, *, at: datetime) -> int:
    """Store the transfers in order and set the balances; return how many balances still were as they had been."""
    cursor = await tx.execute(
        f"""
        with {POSTED}
        select count(*)
        from moved
        """,
        {**columns_of(moves), "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


def columns_of(moves: Moves) -> dict[str, list[Any]]:
    """Return as arrays what `POSTED` stores."""
    postings = [transfer.posting for transfer in moves.transfers]
    moved = list(moves.numbers)
    return {
        "debits": [moves.numbers[posting.debit] for posting in postings],
        "credits": [moves.numbers[posting.credit] for posting in postings],
        "posted": [posting.debit.currency for posting in postings],
        "sums": [posting.amount for posting in postings],
        "debits_after": [transfer.debit_balance_after for transfer in moves.transfers],
        "credits_after": [transfer.credit_balance_after for transfer in moves.transfers],
        "causes": [posting.cause.value for posting in postings],
        "cashbacks": [posting.cashback_id for posting in postings],
        "effective": [posting.effective_at for posting in postings],
        "origins": [posting.origin for posting in postings],
        "numbers": [moves.numbers[account] for account in moved],
        "before": [moves.before[account] for account in moved],
        "after": [moves.after[account] for account in moved],
    }


async def post_at_once(tx: Tx, postings: Sequence[Posting], changes: Changes, *, at: datetime) -> int | None:
    """Lock, move and store in one statement: nobody waits for this process while the accounts are locked.

    A statement sees its rows as they were when it began, and what it locks, by ascending number, as that is by then: so
    balances are taken from what is locked, and rows to update found by number alone. Return how many balances moved;
    where an account is missing, or would fall below zero that may not, None is returned and nothing stored.
    """
    accounts = list(changes.sums)
    cursor = await tx.execute(
        """
        with found as materialized (
            select account.id, change, lowest, place
            from unnest(%(owners)b::text[], %(kinds)b::text[], %(currencies)b::text[], %(stripes)b::smallint[],
                        %(changes)b::bigint[], %(lowest)b::bigint[])
                with ordinality as wanted (owner, kind, currency, stripe, change, lowest, place)
            join ledger.accounts as account using (owner, kind, currency, stripe)
        ),
        locked as materialized (
            select account.id, account.balance, change, lowest, place
            from found
            join ledger.accounts as account using (id)
            where (select count(*) from found) = %(many)s
            order by account.id
            for update of account
        ),
        held as materialized (
            select array_agg(id order by place) as ids, array_agg(balance order by place) as balances
            from locked
            having bool_and(lowest = 0 or balance + lowest >= 0)
        ),
        posted as (
            insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                          credit_balance_after, cause, cashback_id, at, effective_at, origin)
            select ids[debit], ids[credit], currency, amount, balances[debit] + debit_change,
                   balances[credit] + credit_change, cause, cashback_id, %(at)s, effective_at, origin
            from unnest(
                %(debits)b::integer[], %(credits)b::integer[], %(moved)b::text[], %(amounts)b::bigint[],
                %(debit_changes)b::bigint[], %(credit_changes)b::bigint[], %(causes)b::text[], %(cashbacks)b::text[],
                %(effective)b::timestamptz[], %(origins)b::text[]
            ) with ordinality as given (debit, credit, currency, amount, debit_change, credit_change, cause,
                                        cashback_id, effective_at, origin, place)
            cross join held
            order by place
        ),
        moved as (
            update ledger.accounts as account
            set balance = locked.balance + locked.change
            from locked
            cross join held
            where account.id = locked.id
            returning account.id
        )
        select count(*)
        from moved
        having exists (select from held)
        """,
        {**_columns(accounts), **_changed(accounts, postings, changes), "many": len(accounts), "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


def _changed(
    accounts: Sequence[Account], postings: Sequence[Posting], changes: Changes
) -> dict[str, list[int] | list[str] | list[str | None] | list[datetime | None]]:
    """Return as arrays what changes on each account, and each posting with its accounts by their place among them."""
    places = {account: place for place, account in enumerate(accounts, 1)}
    return {
        "changes": [changes.sums[account] for account in accounts],
        "lowest": [changes.lowest[account] for account in accounts],
        "debits": [places[posting.debit] for posting in postings],
        "credits": [places[posting.credit] for posting in postings],
        "moved": [posting.debit.currency for posting in postings],
        "amounts": [posting.amount for posting in postings],
        "debit_changes": changes.debits,
        "credit_changes": changes.credits,
        "causes": [posting.cause.value for posting in postings],
        "cashbacks": [posting.cashback_id for posting in postings],
        "effective": [posting.effective_at for posting in postings],
        "origins": [posting.origin for posting in postings],
    }


def _columns(accounts: Sequence[Account]) -> dict[str, list[str] | list[int]]:
    """Return the accounts' names as arrays."""
    return {
        "owners": [account.owner for account in accounts],
        "kinds": [account.kind.value for account in accounts],
        "currencies": [account.currency for account in accounts],
        "stripes": [account.stripe for account in accounts],
    }
