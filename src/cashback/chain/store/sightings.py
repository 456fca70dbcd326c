"""What was seen in blocks: logs matched to mints, transactions matched to attempts.

A mint is matched by number, recipient and amount, whoever's transaction carried it; logs of numbers that nobody has
submitted wait in `used_numbers` until somebody does.
"""

from collections.abc import Sequence
from typing import Final

from cashback.chain.model import Mint, MintedLog, Place, RetiredLog
from cashback.kernel.db import Tx


async def include(tx: Tx, logs: Sequence[MintedLog]) -> frozenset[int]:
    """Move the mints that the logs tell of to `included` and return their numbers; those already there are left out."""
    cursor = await tx.execute(
        """
        update chain.mints
        set state = 'included',
            verdict = 'minted',
            transaction_hash = given.transaction_hash,
            block_number = given.block_number,
            block_hash = given.block_hash,
            included_at = clock_timestamp()
        from unnest(
            %(numbers)s::bigint[], %(recipients)s::bytea[], %(amounts)s::numeric[], %(transactions)s::bytea[],
            %(blocks)s::bigint[], %(hashes)s::bytea[]
        ) as given (number, recipient, amount, transaction_hash, block_number, block_hash)
        where mints.number = given.number
          and mints.recipient = given.recipient
          and mints.amount = given.amount
          and mints.state in ('accepted', 'submitted', 'held')
        returning mints.number
        """,
        {
            "numbers": [log.number for log in logs],
            "recipients": [log.recipient for log in logs],
            "amounts": [log.amount for log in logs],
            **_places([log.place for log in logs]),
        },
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def contradicted(tx: Tx, logs: Sequence[MintedLog]) -> list[int]:
    """Return the numbers whose log differs from the mint stored here: other recipient, amount or place."""
    cursor = await tx.execute(
        """
        select mints.number
        from unnest(
            %(numbers)s::bigint[], %(recipients)s::bytea[], %(amounts)s::numeric[], %(transactions)s::bytea[],
            %(blocks)s::bigint[], %(hashes)s::bytea[]
        ) as given (number, recipient, amount, transaction_hash, block_number, block_hash)
        join chain.mints
          on mints.number = given.number
        where (mints.recipient, mints.amount, mints.verdict, mints.transaction_hash, mints.block_hash)
              is distinct from
              (given.recipient, given.amount, 'minted', given.transaction_hash, given.block_hash)
        """,
        {
            "numbers": [log.number for log in logs],
            "recipients": [log.recipient for log in logs],
            "amounts": [log.amount for log in logs],
            **_places([log.place for log in logs]),
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def remember(tx: Tx, logs: Sequence[MintedLog | RetiredLog]) -> None:
    """Keep the logs whose numbers nobody has submitted; a number already kept stays as it is."""
    await tx.execute(
        """
        insert into chain.used_numbers (number, verdict, recipient, amount, transaction_hash, block_number, block_hash)
        select given.*
        from unnest(
            %(numbers)s::numeric[], %(verdicts)s::text[], %(recipients)s::bytea[], %(amounts)s::numeric[],
            %(transactions)s::bytea[], %(blocks)s::bigint[], %(hashes)s::bytea[]
        ) as given (number, verdict, recipient, amount, transaction_hash, block_number, block_hash)
        where not exists (
            select
            from chain.mints
            where mints.number = given.number
        )
        on conflict (number) do nothing
        """,
        {
            "numbers": [log.number for log in logs],
            "verdicts": ["minted" if isinstance(log, MintedLog) else "retired" for log in logs],
            "recipients": [log.recipient if isinstance(log, MintedLog) else None for log in logs],
            "amounts": [log.amount if isinstance(log, MintedLog) else None for log in logs],
            **_places([log.place for log in logs]),
        },
    )


async def rely(tx: Tx) -> None:
    """Keep what was seen of numbers from being taken back until `tx` ends; for whoever asks whether one is used."""
    await tx.execute(
        """
        select pg_advisory_xact_lock_shared(hashtextextended('chain.used_numbers', 0))
        """
    )


async def revoke(tx: Tx) -> None:
    """Return once nobody relies on what was seen, and let nobody until `tx` ends: it is about to be taken back."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('chain.used_numbers', 0))
        """
    )


async def unknown(tx: Tx, *, among: Sequence[int] | None = None, limit: int) -> list[int]:
    """Return numbers, of all or of some, that were minted where every mint is known, and that nobody submitted here."""
    cursor = await tx.execute(
        """
        select used.number
        from chain.used_numbers as used
        join chain.network
          on used.block_number > network.known_from_block
        where used.verdict = 'minted'
          and (%(among)s::numeric[] is null or used.number = any (%(among)s::numeric[]))
          and not exists (
              select
              from chain.mints
              where mints.number = used.number
          )
        order by used.number
        limit %(limit)s
        """,
        {"among": None if among is None else list(among), "limit": limit},
    )
    return [int(row[0]) for row in await cursor.fetchall()]


async def used_otherwise(tx: Tx, mints: Sequence[Mint]) -> frozenset[int]:
    """Return the numbers that the chain has minted to another recipient or with another amount."""
    cursor = await tx.execute(
        """
        select used_numbers.number
        from unnest(%(numbers)s::numeric[], %(recipients)s::bytea[], %(amounts)s::numeric[])
            as given (number, recipient, amount)
        join chain.used_numbers
          on used_numbers.number = given.number
        where used_numbers.verdict = 'minted'
          and (used_numbers.recipient, used_numbers.amount) is distinct from (given.recipient, given.amount)
        """,
        {
            "numbers": [mint.number for mint in mints],
            "recipients": [mint.recipient for mint in mints],
            "amounts": [mint.amount for mint in mints],
        },
    )
    return frozenset(int(row[0]) for row in await cursor.fetchall())


async def settle_used(tx: Tx, numbers: Sequence[int]) -> None:
    """Give mints whose number the chain has used already the verdict that stands there."""
    await tx.execute(
        """
        update chain.mints
        set state = 'included',
            verdict = case used.verdict when 'minted' then 'minted' else 'failed' end,
            reason = case used.verdict when 'minted' then null else 'number_retired' end,
            transaction_hash = used.transaction_hash,
            block_number = used.block_number,
            block_hash = used.block_hash,
            included_at = clock_timestamp()
        from chain.used_numbers as used
        where used.number = any (%(numbers)s::numeric[])
          and mints.number = used.number
          and mints.state in ('accepted', 'submitted', 'held')
          and (used.verdict = 'retired' or (mints.recipient, mints.amount) = (used.recipient, used.amount))
        """,
        {"numbers": list(numbers)},
    )


async def fail(tx: Tx, sightings: Sequence[tuple[int, str, Place]], *, is_carried: bool) -> None:
    """Note that mints can never be made: number, reason, and where the chain said so.

    With `is_carried` only a transaction of the mint's own slot counts: a stranger's call proves nothing about it.
    """
    await tx.execute(
        """
        update chain.mints
        set state = 'included',
            verdict = 'failed',
            reason = given.reason,
            transaction_hash = given.transaction_hash,
            block_number = given.block_number,
            block_hash = given.block_hash,
            included_at = clock_timestamp()
        from unnest(
            %(numbers)s::bigint[], %(reasons)s::text[], %(transactions)s::bytea[], %(blocks)s::bigint[],
            %(hashes)s::bytea[]
        ) as given (number, reason, transaction_hash, block_number, block_hash)
        where mints.number = given.number
          and mints.state in ('accepted', 'submitted', 'held')
          and (not %(is_carried)s or exists (
              select
              from chain.blockchain_transactions as attempts
              where attempts.hash = given.transaction_hash
                and attempts.lane = mints.lane
                and attempts.nonce = mints.nonce
          ))
        """,
        {
            "numbers": [number for number, _, _ in sightings],
            "reasons": [reason for _, reason, _ in sightings],
            "is_carried": is_carried,
            **_places([place for _, _, place in sightings]),
        },
    )


async def unexplained(tx: Tx, skipped: Sequence[tuple[int, Place]]) -> list[int]:
    """Return the numbers that our own call found used although neither a mint nor a retirement of them is known."""
    cursor = await tx.execute(
        """
        select mints.number
        from unnest(%(numbers)s::bigint[], %(transactions)s::bytea[]) as given (number, transaction_hash)
        join chain.mints
          on mints.number = given.number
        join chain.blockchain_transactions as attempts
          on attempts.hash = given.transaction_hash
         and attempts.lane = mints.lane
         and attempts.nonce = mints.nonce
        where mints.state = 'submitted'
        """,
        {
            "numbers": [number for number, _ in skipped],
            "transactions": [place.transaction_hash for _, place in skipped],
        },
    )
    return [row[0] for row in await cursor.fetchall()]


_NO_REASON: Final = ""


async def mined(tx: Tx, places: Sequence[tuple[Place, str]]) -> int:
    """Note which attempts blocks carry, each with the reason of its revert, empty when it succeeded.

    Return how many slots were closed by it; transactions that are not ours are passed over.
    """
    cursor = await tx.execute(
        """
        with carried as (
            update chain.blockchain_transactions as attempts
            set block_number = given.block_number
            from unnest(
                %(transactions)s::bytea[], %(blocks)s::bigint[], %(hashes)s::bytea[], %(reasons)s::text[]
            ) as given (transaction_hash, block_number, block_hash, reason)
            where attempts.hash = given.transaction_hash
              and attempts.block_number is null
            returning attempts.lane, attempts.nonce, given.block_number, given.block_hash, given.reason
        )
        update chain.slots
        set state = 'mined',
            block_number = carried.block_number,
            block_hash = carried.block_hash,
            revert_reason = nullif(carried.reason, %(none)s)
        from carried
        where slots.lane = carried.lane
          and slots.nonce = carried.nonce
          and slots.state = 'open'
        """,
        {**_places([place for place, _ in places]), "reasons": [reason for _, reason in places], "none": _NO_REASON},
    )
    return cursor.rowcount


def _places(places: Sequence[Place]) -> dict[str, object]:
    """Return the three columns of a place as parameters."""
    return {
        "transactions": [place.transaction_hash for place in places],
        "blocks": [place.block_number for place in places],
        "hashes": [place.block_hash for place in places],
    }
