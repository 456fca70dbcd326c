"""The usual way to post: a transfer a transaction, by an SQL function that locks both rows (as pgledger does).

It is given every advantage: PostgreSQL's own benchmark client in C, a prepared statement, one round trip a transfer,
the accounts known by number instead of by name, a superuser's connection, the best number of clients. It has tables of
its own, alike in columns, indexes and checks, and tied by foreign keys: what ours does for batches is not in its way.
"""

import asyncio
import re
from pathlib import Path
from typing import Final

from psycopg import AsyncConnection

from cashback.processes.embedded import postgres_program

FUNCTION: Final = Path(__file__).parent / "row_locks.sql"
WIDE: Final = r"""
\set from random(0, :accounts - 1)
\set to (:from + random(1, :accounts - 1)) % :accounts
\set from :first + :from
\set to :first + :to
select bench.create_transfer(:from, :to, 1);
"""
HOT: Final = r"""
\set to random(0, :accounts - 1)
\set to :first + :to
select bench.create_transfer(:hot, :to, 1);
"""
THREADS: Final = 2
_DONE: Final = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED: Final = re.compile(r"number of failed transactions: (\d+)")
_RATE: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class RowLocks:
    """Rounds of pgbench; counts what it posted."""

    def __init__(self, dsn: str, folder: Path, *, first: int, accounts: int, hot: int) -> None:
        """Post between `accounts` accounts from number `first` on, or out of the one account `hot`."""
        self._dsn = dsn
        self._folder = folder
        self._variables = ("-D", f"first={first}", "-D", f"accounts={accounts}", "-D", f"hot={hot}")
        self.posted = 0
        self.failed = 0

    async def create(self) -> None:
        """Make the function and its tables, with a copy of the accounts of the benchmark."""
        async with await AsyncConnection.connect(self._dsn) as connection:
            await connection.execute(FUNCTION.read_bytes())

    async def astray(self) -> int:
        """Return how many transfers are lost or doubled, plus how many balances are not what the transfers come to."""
        async with await AsyncConnection.connect(self._dsn) as connection:
            cursor = await connection.execute(
                """
                with moved as (
                    select debit_account as id, -amount as amount from bench.transfers
                    union all
                    select credit_account, amount from bench.transfers
                )
                select (select count(*) from bench.transfers),
                       (select count(*)
                        from bench.accounts as account
                        join bench.opened using (id)
                        left join (select id, sum(amount) as amount from moved group by id) as moved using (id)
                        where account.balance <> opened.balance + coalesce(moved.amount, 0))
                """
            )
            transfers, wrong = await cursor.fetchone() or (0, 0)
        return abs(int(transfers) - self.posted) + int(wrong)

    async def rate(self, script: str, *, clients: int, duration_s: int) -> float:
        """Return transfers a second of one round of a script.

        Raises:
            RuntimeError: pgbench failed; its words are in the error.
        """
        file = self._folder / "row_locks_script.sql"
        file.write_text(script, encoding="utf-8")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            str(postgres_program("pgbench")),
            *("-n", "-M", "prepared", "-c", str(clients), "-j", str(min(THREADS, clients)), "-T", str(duration_s)),
            *(*self._variables, "-f", str(file), self._dsn),
            stdout=pipe,
            stderr=pipe,
        )
        out, errors = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"pgbench failed: {errors.decode()[-2000:]}")
        said = out.decode()
        self.posted += int(_found(_DONE, said))
        self.failed += int(_found(_FAILED, said))
        return float(_found(_RATE, said))


def _found(pattern: re.Pattern[str], said: str) -> str:
    """Return what pgbench says of one figure.

    Raises:
        RuntimeError: it says nothing of it.
    """
    found = pattern.search(said)
    if found is None:
        raise RuntimeError(f"pgbench says nothing of {pattern.pattern!r}:\n{said}")
    return found[1]
