"""The temporary tables of one comparison, which numbers of them are worth a look, and how a row reads."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from cashback.kernel.db import Session
from cashback.processes.reconcile.compare import Requested, Seen, Suspect

_NUMBERS: Final = 2**64


class SeenSums(msgspec.Struct, frozen=True):
    """How many logs there are after a block, and their amounts together in base units."""

    logs: int
    amount: int


class Settling(msgspec.Struct, frozen=True):
    """Between which blocks the logs stand that ledger or minting have not settled yet, and how many there are."""

    first_block: int
    last_block: int
    unsettled_in_ledger: int


SUSPECTS: Final = """
    insert into suspect
    select number,
           asked.cashback_id, asked.recipient, asked.amount, asked.block_number, asked.transaction_hash,
           coalesce(asked.is_retired, false), asked.requested_at,
           recorded.cashback_id, recorded.recipient, recorded.amount, recorded.block_number,
           recorded.transaction_hash,
           seen.recipient, seen.amount, seen.block_number, seen.transaction_hash
    from asked
    full join recorded using (number)
    full join seen using (number)
    where not coalesce(
        not asked.is_retired
        and (asked.cashback_id, asked.recipient, asked.amount) =
            (recorded.cashback_id, recorded.recipient, recorded.amount)
        and (asked.recipient, asked.amount) = (seen.recipient, seen.amount)
        and (asked.block_number, asked.transaction_hash) = (recorded.block_number, recorded.transaction_hash)
        and (asked.block_number, asked.transaction_hash) = (seen.block_number, seen.transaction_hash),
        false)
      and not coalesce(
        seen.number is null
        and asked.number is not null
        and (asked.block_number is null or asked.block_number > %(at_block)s)
        and (recorded.number is null and (asked.is_retired or asked.requested_at >= %(lost_before)s)
             or (asked.cashback_id, asked.recipient, asked.amount) =
                (recorded.cashback_id, recorded.recipient, recorded.amount)
            and (recorded.block_number is null or recorded.block_number > %(at_block)s)),
        false)
"""
"""Every number but those that all three know as settled alike, and those that are under way: read twice by nobody."""


async def create(session: Session) -> None:
    """Create the tables."""
    await session.execute(
        """
        create temporary table seen (
            place bigint generated always as identity,
            number bigint not null,
            recipient bytea not null,
            amount numeric(78) not null,
            block_number bigint not null,
            transaction_hash bytea not null
        )
        """
    )
    for table, more in (
        ("recorded", ""),
        ("asked", ", is_retired boolean not null, requested_at timestamptz not null"),
    ):
        await session.execute(
            f"""
            create temporary table {table} (
                number bigint not null,
                cashback_id text collate "C" not null,
                recipient bytea not null,
                amount bigint not null,
                block_number bigint,
                transaction_hash bytea
                {more}
            )
            """
        )
    await session.execute(
        "create temporary table later (number bigint, place bigint primary key, first bytea, other bytea)"
    )
    await session.execute(
        """
        create temporary table suspect (
            number bigint primary key,
            mint_id text, mint_recipient bytea, mint_amount bigint, mint_block bigint, mint_hash bytea,
            is_retired boolean not null, requested_at timestamptz,
            record_id text, record_recipient bytea, record_amount bigint, record_block bigint, record_hash bytea,
            log_recipient bytea, log_amount numeric(78), log_block bigint, log_hash bytea
        )
        """
    )


def parts_of(column: bytes, width: int) -> Iterator[bytes]:
    """Yield a column's values."""
    return (column[start : start + width] for start in range(0, len(column), width))


def outside(number: int) -> int:
    """Return a number as the chain wrote it: what no bigint holds was stored as that less 2^64."""
    return number if number >= 0 else number + _NUMBERS


def suspect_of(row: tuple[Any, ...]) -> Suspect:
    """Return one row as what the three say."""
    number = outside(row[0])
    return Suspect(
        number=number,
        mint=None if row[1] is None else _requested(number, row[1:6], is_retired=row[6], requested_at=row[7]),
        record=None if row[8] is None else _requested(number, row[8:13]),
        log=None
        if row[13] is None
        else Seen(
            number=number,
            recipient=f"0x{row[13].hex()}",
            amount=int(row[14]),
            block_number=row[15],
            transaction_hash=f"0x{row[16].hex()}",
        ),
    )


def _requested(
    number: int, columns: tuple[Any, ...], *, is_retired: bool = False, requested_at: datetime | None = None
) -> Requested:
    """Return what ledger or minting say of a number."""
    cashback_id, recipient, amount, block_number, transaction_hash = columns
    return Requested(
        number=number,
        cashback_id=cashback_id,
        recipient=f"0x{recipient.hex()}",
        amount=amount,
        minted_in_block=block_number,
        transaction_hash=None if transaction_hash is None else f"0x{transaction_hash.hex()}",
        is_retired=is_retired,
        requested_at=requested_at,
    )
