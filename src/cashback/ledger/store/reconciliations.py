"""The runs of the reconciliation, written once, and what the ledger has settled up to a block."""

from datetime import datetime

import msgspec
from psycopg.types.json import Jsonb

from cashback.kernel.db import Tx
from cashback.ledger.model import Checkpoint, Closed, Reconciliation


async def insert(tx: Tx, run: Reconciliation, checkpoint: Checkpoint | None) -> None:
    """Write a run down, with its checkpoint where it has one."""
    closed = (
        {"ledger_rows": None, "ledger_digest": None, "minting_rows": None, "minting_digest": None}
        if checkpoint is None
        else {
            "ledger_rows": checkpoint.ledger.rows,
            "ledger_digest": checkpoint.ledger.digest,
            "minting_rows": checkpoint.minting.rows,
            "minting_digest": checkpoint.minting.digest,
        }
    )
    await tx.execute(
        """
        insert into ledger.reconciliations (mode, reason, asked_by, began_at, ended_at, after_block, at_block,
            at_block_hash, requested, logs, logs_amount, burned, explained, total_supply, findings, kinds,
            settled_to, ledger_rows, ledger_digest, minting_rows, minting_digest)
        values (%(mode)s, %(reason)s, %(asked_by)s, %(began_at)s, %(ended_at)s, %(after_block)s, %(at_block)s,
            %(at_block_hash)s, %(requested)s, %(logs)s, %(logs_amount)s, %(burned)s, %(explained)s, %(total_supply)s,
            %(findings)s, %(kinds)s, %(settled_to)s, %(ledger_rows)s, %(ledger_digest)s, %(minting_rows)s,
            %(minting_digest)s)
        """,
        {**msgspec.structs.asdict(run), "kinds": Jsonb(run.kinds), **closed},
    )


async def page(tx: Tx, *, numbers_below: int, limit: int) -> list[tuple[int, Reconciliation]]:
    """Return runs below a number with theirs, the newest first."""
    cursor = await tx.execute(
        """
        select mode, reason, asked_by, began_at, ended_at, after_block, at_block, at_block_hash, requested, logs,
               logs_amount::text, burned::text, total_supply::text, findings, kinds, settled_to,
               explained::text, position
        from ledger.reconciliations
        where position < %(below)s
        order by position desc
        limit %(limit)s
        """,
        {"below": numbers_below, "limit": limit},
    )
    return [
        (
            row[17],
            Reconciliation(
                mode=row[0],
                reason=row[1],
                asked_by=row[2],
                began_at=row[3],
                ended_at=row[4],
                after_block=row[5],
                at_block=row[6],
                at_block_hash=row[7],
                requested=row[8],
                logs=row[9],
                logs_amount=int(row[10]),
                burned=int(row[11]),
                total_supply=int(row[12]),
                findings=row[13],
                kinds=row[14],
                settled_to=row[15],
                explained=None if row[16] is None else int(row[16]),
            ),
        )
        for row in await cursor.fetchall()
    ]


async def last_ended(tx: Tx) -> tuple[datetime | None, datetime | None]:
    """Return when the newest run ended, and when the newest whole one did; None where there is none."""
    cursor = await tx.execute(
        """
        select max(ended_at), max(ended_at) filter (where mode = 'whole')
        from ledger.reconciliations
        """
    )
    [row] = await cursor.fetchall()
    return row[0], row[1]


async def checkpoints(tx: Tx, *, limit: int) -> list[Checkpoint]:
    """Return the newest checkpoints, newest first."""
    cursor = await tx.execute(
        """
        select at_block, at_block_hash, settled_to, logs, logs_amount::text, burned::text,
               ledger_rows, ledger_digest::text, minting_rows, minting_digest::text
        from ledger.reconciliations
        where settled_to is not null
        order by position desc
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [
        Checkpoint(
            at_block=row[0],
            at_block_hash=row[1],
            settled_to=row[2],
            logs=row[3],
            logs_amount=int(row[4]),
            burned=int(row[5]),
            ledger=Closed(row[6], int(row[7])),
            minting=Closed(row[8], int(row[9])),
        )
        for row in await cursor.fetchall()
    ]


async def closed(tx: Tx, *, to_block: int) -> Closed:
    """Return what is settled in blocks up to one; a number that was given up counts as settled in none.

    The caller's `tx` must allow a question about everything there is: see `kernel.db.long_statements`.
    """
    cursor = await tx.execute(
        """
        select count(*),
               coalesce(sum(hash_record_extended(row(
                   mint_number, id, decode(substr(recipient, 3), 'hex'), requested_units, block_number,
                   decode(substr(transaction_hash, 3), 'hex')), 0)), 0)::text
        from ledger.cashback_ledger
        where block_number <= %(to_block)s
          and not exists (select from ledger.retired_numbers where number = mint_number)
        """,
        {"to_block": to_block},
    )
    [row] = await cursor.fetchall()
    return Closed(row[0], int(row[1]))
