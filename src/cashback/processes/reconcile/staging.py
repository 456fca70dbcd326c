"""The three sources side by side in temporary tables of the auditor's session, where the database compares them.

    chain, a page at a time ──COPY──▶ seen     ┐
    minting, bytes for bytes ─COPY──▶ recorded ├─ full join by number ──▶ suspect: what is neither settled alike
    ledger ───────────────────select▶ asked    ┘                          by all three nor merely under way

The tables vanish with the session. This process holds one page of logs at a time, the database what its `work_mem`
allows it, and its disk the rest.
"""

import struct
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Final

from cashback.kernel.db import Database, Session, lengthen_statements
from cashback.ledger.model import ChainColumns, Closed
from cashback.minting import Readings as MintingReadings
from cashback.processes.reconcile.compare import Bounds, Suspect, duplicate
from cashback.processes.reconcile.findings import FINDINGS_OF_KIND_MAX, Finding
from cashback.processes.reconcile.tables import SUSPECTS, SeenSums, Settling, create, outside, parts_of, suspect_of

WHOLE_S_MAX: Final = 3_600
"""How long one statement over everything may take."""

WRITTEN_AT_ONCE: Final = 65_536
"""So many bytes of minting's records are handed on at once."""

PAGE: Final = 1_000
"""How many suspects are judged at once."""

_BELOW_ALL: Final = -(2**63) - 1
_ADDRESS_BYTES: Final = 20
_WORD_BYTES: Final = 32


class Staging:
    """One comparison's tables."""

    def __init__(self, session: Session) -> None:
        """Keep the tables in `session`, which nobody else uses."""
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, cashback: Database) -> AsyncIterator["Staging"]:
        """Yield empty tables in a session of its own; at the end they are gone."""
        async with cashback.session() as session:
            await lengthen_statements(session, within_s=WHOLE_S_MAX)
            await session.execute("set work_mem = '64MB'")
            await create(session)
            yield cls(session)

    async def take_logs(self, page: ChainColumns) -> None:
        """Add a page of the chain's logs; a number that no ledger gives out becomes a negative one (`outside`)."""
        many = len(page.numbers) // 8
        rows = zip(
            struct.unpack(f">{many}q", page.numbers),
            parts_of(page.recipients, _ADDRESS_BYTES),
            map(int.from_bytes, parts_of(page.amounts, _WORD_BYTES)),
            struct.unpack(f">{many}q", page.block_numbers),
            parts_of(page.transaction_hashes, _WORD_BYTES),
            strict=True,
        )
        statement = "copy seen (number, recipient, amount, block_number, transaction_hash) from stdin (format binary)"
        async with self._session.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["int8", "bytea", "numeric", "int8", "bytea"])
            for row in rows:
                await copy.write_row(row)

    async def take_records(self, minting: MintingReadings, *, after_block: int) -> None:
        """Copy minting's records that are not settled in a block up to `after_block`."""
        statement = """
            copy recorded (number, cashback_id, recipient, amount, block_number, transaction_hash)
            from stdin (format binary)
            """
        async with (
            self._session.cursor() as cursor,
            cursor.copy(statement) as copy,
            aclosing(minting.copy_open(after_block=after_block)) as parts,
        ):
            # A part is one row; each write is a round through the event loop.
            held = bytearray()
            async for part in parts:
                held += part
                if len(held) >= WRITTEN_AT_ONCE:
                    await copy.write(bytes(held))
                    held.clear()
            await copy.write(bytes(held))

    async def take_requests(self, *, after_block: int) -> None:
        """Copy what the ledger requested and has not settled in a block up to `after_block`, or has a log by now.

        A number that was given up is taken as such, whatever its cashback says.
        """
        await self._session.execute(
            """
            insert into asked (number, cashback_id, recipient, amount, block_number, transaction_hash, is_retired,
                requested_at)
            select mint_number, id, decode(substr(recipient, 3), 'hex'), requested_units, block_number,
                   decode(substr(transaction_hash, 3), 'hex'), false, requested_at
            from ledger.cashback_ledger
            where mint_number is not null
              and (block_number is null
                   or block_number > %(after_block)s
                   or mint_number in (select number from seen))
              and not exists (select from ledger.retired_numbers where number = mint_number)
            union all
            select number, cashback_id, decode(substr(recipient, 3), 'hex'), requested_units, null, null, true,
                   requested_at
            from ledger.retired_numbers
            """,
            {"after_block": after_block},
        )
        for table in ("seen", "recorded", "asked"):
            await self._session.execute(f"analyze {table}")

    async def seen(self, *, after_block: int) -> SeenSums:
        """Return the sums of the logs in blocks after one; to be asked before `duplicates`, which drops some."""
        cursor = await self._session.execute(
            """
            select count(*), coalesce(sum(amount), 0)::text
            from seen
            where block_number > %(after_block)s
            """,
            {"after_block": after_block},
        )
        [row] = await cursor.fetchall()
        return SeenSums(row[0], int(row[1]))

    async def duplicates(self) -> tuple[list[Finding], int]:
        """Return differences for logs of numbers that have an earlier one, and how many there are; drop those logs.

        At most `FINDINGS_OF_KIND_MAX` are told.
        """
        await self._session.execute(
            """
            insert into later (number, place, first, other)
            select number, place, first, transaction_hash
            from (
                select number, place, first_value(transaction_hash) over of_number as first, transaction_hash,
                       row_number() over of_number as nth
                from seen
                where number in (select number from seen group by number having count(*) > 1)
                window of_number as (partition by number order by block_number, place)
            ) as repeated
            where nth > 1
            """
        )
        cursor = await self._session.execute(
            """
            select number, '0x' || encode(first, 'hex'), '0x' || encode(other, 'hex'), count(*) over ()
            from later
            order by place
            limit %(limit)s
            """,
            {"limit": FINDINGS_OF_KIND_MAX},
        )
        rows = await cursor.fetchall()
        await self._session.execute(
            """
            delete from seen
            using later
            where seen.place = later.place
            """
        )
        found = [duplicate(outside(number), first=first, other=other) for number, first, other, _ in rows]
        return found, rows[0][3] if rows else 0

    async def suspect(self, *, at_block: int, lost_before: datetime) -> Settling | None:
        """Find the numbers that are worth a look, and tell where the logs of those stand that merely settle."""
        await self._session.execute(SUSPECTS, {"at_block": at_block, "lost_before": lost_before})
        cursor = await self._session.execute(
            """
            select min(log_block), max(log_block), count(*) filter (where mint_block is null)
            from suspect
            where log_block is not null
              and mint_id is not null
              and not is_retired
              and (mint_block is null or record_block is null)
            """
        )
        [row] = await cursor.fetchall()
        return None if row[0] is None else Settling(*row)

    async def explained(self, *, after_block: int, settled_to: int) -> int:
        """Return what logs in blocks after one minted as the ledger requested it: number, recipient and amount.

        To be asked after `duplicates` and `suspect`: whatever is no suspect is alike. A number that an earlier run has
        compared, up to `settled_to`, explains no second log.
        """
        cursor = await self._session.execute(
            """
            select ((
                select coalesce(sum(amount), 0)
                from seen
                where block_number > %(after_block)s
            ) - (
                select coalesce(sum(log_amount), 0)
                from suspect
                where log_block > %(after_block)s
                  and not coalesce(
                      not is_retired
                      and (mint_recipient, mint_amount) = (log_recipient, log_amount)
                      and (mint_block is null or mint_block > %(settled_to)s),
                      false)
            ))::text
            """,
            {"after_block": after_block, "settled_to": settled_to},
        )
        [row] = await cursor.fetchall()
        return int(row[0])

    async def suspects(self) -> AsyncIterator[Suspect]:
        """Yield those numbers in order, a page of the table at a time."""
        after = _BELOW_ALL
        while True:
            cursor = await self._session.execute(
                """
                select number, mint_id, mint_recipient, mint_amount, mint_block, mint_hash, is_retired,
                       requested_at,
                       record_id, record_recipient, record_amount, record_block, record_hash,
                       log_recipient, log_amount::text, log_block, log_hash
                from suspect
                where number > %(after)s
                order by number
                limit %(limit)s
                """,
                {"after": after, "limit": PAGE},
            )
            rows = await cursor.fetchall()
            for row in rows:
                yield suspect_of(row)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    async def requested(self, bounds: Bounds) -> int:
        """Return how many numbers the ledger gave out besides those that an earlier run has compared."""
        cursor = await self._session.execute(
            """
            select count(*)
            from asked
            where block_number is null
               or block_number > %(settled_to)s
            """,
            {"settled_to": bounds.settled_to},
        )
        [row] = await cursor.fetchall()
        return int(row[0])

    async def closed(self, *, after_block: int, to_block: int) -> tuple[Closed, Closed]:
        """Return what ledger and minting settled in blocks after one and up to another, of what was compared here."""
        parts = []
        for table in ("asked", "recorded"):
            cursor = await self._session.execute(
                f"""
                select count(*),
                       coalesce(sum(hash_record_extended(row(
                           number, cashback_id, recipient, amount, block_number, transaction_hash), 0)), 0)::text
                from {table}
                where block_number > %(after_block)s
                  and block_number <= %(to_block)s
                """,
                {"after_block": after_block, "to_block": to_block},
            )
            [row] = await cursor.fetchall()
            parts.append(Closed(row[0], int(row[1])))
        return parts[0], parts[1]
