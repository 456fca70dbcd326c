"""Which mint numbers are known here: submitted, seen in logs, told by minting; none above `MINT_NUMBER_MAX` counts."""

from cashback.chain.model import KnownNumber
from cashback.kernel.db import Tx
from cashback.kernel.money import MINT_NUMBER_MAX


async def tell(tx: Tx, number: int) -> None:
    """Note that minting has told the highest number that it was asked for; it never falls."""
    await tx.execute(
        """
        insert into chain.requested_number (number, told_at)
        values (%(number)s, clock_timestamp())
        on conflict (singleton) do update
        set number = greatest(requested_number.number, excluded.number),
            told_at = excluded.told_at
        """,
        {"number": number},
    )


async def known(tx: Tx) -> KnownNumber:
    """Return the highest number that is known, and how long ago minting told."""
    cursor = await tx.execute(
        """
        select greatest(
                   (select max(number) from chain.mints where number <= %(most)s),
                   (select max(number) from chain.used_numbers where number <= %(most)s),
                   (select number from chain.requested_number),
                   0
               )::bigint,
               (
                   select greatest(1, extract(epoch from clock_timestamp() - told_at) * 1000)::bigint
                   from chain.requested_number
               )
        """,
        {"most": MINT_NUMBER_MAX},
    )
    row = await cursor.fetchone()
    return KnownNumber(0, None) if row is None else KnownNumber(row[0], row[1])
