"""The fence before the mint numbers, and up to where numbers are accounted for."""

from cashback.kernel.db import Tx


async def is_open(tx: Tx) -> bool:
    """Tell whether numbers may be drawn on the server that `tx` runs on, and keep them from being raised until it ends.

    It is asked in the transaction that draws: what it says of the server cannot become wrong before that ends.
    """
    cursor = await tx.execute(
        """
        select pg_advisory_xact_lock_shared(hashtextextended('ledger.mint_numbers', 0)),
               exists (select from ledger.number_fence where incarnation = ledger.incarnation())
        """
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[1])


async def accounted_to(tx: Tx) -> int:
    """Return the highest number that the ledger has given out to a cashback, or that was accounted for by a person.

    One that its cashback has given up since was given out all the same.
    """
    cursor = await tx.execute(
        """
        select greatest(
            (select max(mint_number) from ledger.cashback_ledger),
            (select max(number) from ledger.retired_numbers),
            (select accounted_to from ledger.number_fence),
            0
        )
        """
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def open_up(tx: Tx) -> None:
    """Let numbers be drawn on the server that `tx` runs on, as long as it lives."""
    await tx.execute(
        """
        insert into ledger.number_fence (incarnation)
        values (ledger.incarnation())
        on conflict (singleton) do update
        set incarnation = excluded.incarnation,
            opened_at = clock_timestamp()
        """
    )


async def account_for(tx: Tx, known: int) -> None:
    """Raise the sequence above `known` if it is not, note that all up to there is accounted for, and open the fence."""
    await tx.execute("select ledger.account_for_numbers(%(known)s)", {"known": known})
