"""The reference for `record`: PostgreSQL's own benchmark client writing the rows of a purchase, one transaction each.

It is given every advantage that keeps the rows the same: a C client, a prepared statement, one round trip, the answer
with the key instead of after it, no look at the programme, the user or the key, no notification, the best number of
clients. What it may not leave out are the locks that a row's content needs: the balance after each transfer is that of
a locked budget, and an event's position is given out under its lane's lock, or the relay would skip events.
"""

import asyncio
import re
from itertools import count
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from cashback.processes.embedded import postgres_program
from tests.benchmarks.shop import Shop

SCRIPT: Final = Path(__file__).parent / "record.sql"
STRIPES: Final = 128
THREADS: Final = 2

_LOCKS: Final = (
    "pg_advisory_xact_lock(:purchases_outbox, :purchases_lane), pg_advisory_xact_lock(:ledger_outbox, :ledger_lane)"
)
_DONE: Final = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED: Final = re.compile(r"number of failed transactions: (\d+)")
_RATE: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_clocks: Final = count(1_700_000_000_000, 10_000_000)


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What one recorded purchase left: the accounts it moved, and the bytes that every other one repeats in size."""

    budget: int
    first_account: int
    last_account: int
    first_stripe: int
    purchases_outbox: int
    ledger_outbox: int
    amount: int
    merchant: str
    programme: str
    traceparent: str
    fingerprint: bytes
    answer: bytes
    document: bytes
    grants: bytes
    created: bytes
    approved: bytes


class Pgbench:
    """Rounds of pgbench on a shop; counts what it recorded."""

    def __init__(self, shop: Shop, template: Template, folder: Path) -> None:
        """Write like `template`; the script goes to `folder`."""
        self._shop = shop
        self._variables = [part for name, value in _variables(template).items() for part in ("-D", f"{name}={value}")]
        self._folder = folder
        self.recorded = 0
        self.failed = 0

    async def rate(self, *, clients: int, duration_s: int, is_locking: bool = True) -> float:
        """Return purchases a second of one round.

        Without `is_locking` each client has a budget of its own and no lane is locked: the order of events is lost,
        which no reference may do, but it tells what the locks cost.

        Raises:
            RuntimeError: pgbench failed; its words are in the error.
        """
        script = SCRIPT.read_text(encoding="utf-8")
        script = script.replace("{locks}", _LOCKS if is_locking else "1")
        script = script.replace("{budget}", ":budget" if is_locking else ":first_stripe::bigint + :client_id::bigint")
        file = self._folder / f"record-{'locked' if is_locking else 'striped'}.sql"
        file.write_text(script, encoding="utf-8")
        said = await self._run(
            *("-n", "-M", "prepared", "-c", str(clients), "-j", str(THREADS), "-T", str(duration_s)),
            *("-D", f"clock={next(_clocks)}", *self._variables, "-f", str(file)),
        )
        self.recorded += int(_found(_DONE, said))
        self.failed += int(_found(_FAILED, said))
        return float(_found(_RATE, said))

    async def _run(self, *arguments: str) -> str:
        """Return what pgbench says."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            str(postgres_program("pgbench")), *arguments, self._shop.dsn, stdout=pipe, stderr=pipe
        )
        said, errors = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"pgbench failed: {errors.decode()[-2000:]}")
        return said.decode()


async def template_of(shop: Shop, key: str) -> Template:
    """Return what the purchase recorded under `key` left, and make the stripes."""
    async with await psycopg.AsyncConnection.connect(shop.postgres.dsn("cashback")) as connection:
        await connection.execute(
            """
            insert into ledger.accounts (kind, owner, currency)
            select 'funding', 'stripe-' || number, 'USD'
            from generate_series(1, %s) as number
            """,
            (STRIPES,),
        )
        cursor = await connection.execute(
            """
            select transfer.debit_account,
                   (select min(id) from ledger.accounts where kind = 'approved'),
                   (select max(id) from ledger.accounts where kind = 'approved'),
                   (select min(id) from ledger.accounts where owner like 'stripe-%%'),
                   hashtext('outbox:purchases'), hashtext('outbox:ledger'),
                   transfer.amount, purchase.merchant_id, cashback.programme_id, cashback.traceparent, used.fingerprint,
                   used.answer, decision.document, cashback.grants, created.data, approved.data
            from purchases.idempotency_keys as used
            join purchases.purchases as purchase on purchase.id = convert_from(used.answer, 'UTF8')::jsonb ->> 'id'
            join ledger.cashback_ledger as cashback on cashback.purchase_id = purchase.id
            join ledger.decisions as decision on decision.cashback_id = cashback.id
            join ledger.transfers as transfer on transfer.cashback_id = cashback.id
            join purchases.outbox_events as created on created.key = purchase.id
            join ledger.outbox_events as approved on approved.key = cashback.id
            where used.key = %s
            """,
            (key,),
        )
        row = await cursor.fetchone()
    return msgspec.convert(dict(zip(Template.__struct_fields__, row or (), strict=True)), Template)


def _variables(template: Template) -> dict[str, object]:
    """Return a template as pgbench's variables, bytes as PostgreSQL reads them."""
    values = msgspec.structs.asdict(template)
    return {name: f"\\x{value.hex()}" if isinstance(value, bytes) else value for name, value in values.items()}


def _found(pattern: re.Pattern[str], said: str) -> str:
    """Return what pgbench says of one figure.

    Raises:
        RuntimeError: it says nothing of it.
    """
    found = pattern.search(said)
    if found is None:
        raise RuntimeError(f"pgbench says nothing of {pattern.pattern!r}:\n{said}")
    return found[1]
