"""Living secrets by the key that they are sealed under, and sealed anew."""

from collections.abc import Sequence

from cashback.kernel.db import Tx
from cashback.webhooks.model import SealedSecret


async def of_other_keys(tx: Tx, *, mark: bytes, after: tuple[str, int], limit: int) -> list[SealedSecret]:
    """Return living secrets whose bytes do not begin with `mark`, behind a place on, which nobody else changes now.

    Those that somebody is changing are left out, so that this waits for nobody who may wait for it.
    """
    cursor = await tx.execute(
        """
        select endpoint_id, number, sealed
        from webhooks.secrets
        where (endpoint_id, number) > (%(endpoint_id)s, %(number)s)
          and (ends_at is null or ends_at > now())
          and substring(sealed for octet_length(%(mark)s::bytea)) <> %(mark)s
        order by endpoint_id, number
        limit %(limit)s
        for no key update skip locked
        """,
        {"endpoint_id": after[0], "number": after[1], "mark": mark, "limit": limit},
    )
    return [SealedSecret(*row) for row in await cursor.fetchall()]


async def count_of_other_keys(tx: Tx, *, mark: bytes) -> int:
    """Return how many living secrets there are whose bytes do not begin with `mark`."""
    cursor = await tx.execute(
        """
        select count(*)
        from webhooks.secrets
        where (ends_at is null or ends_at > now())
          and substring(sealed for octet_length(%(mark)s::bytea)) <> %(mark)s
        """,
        {"mark": mark},
    )
    ((count,),) = await cursor.fetchall()
    return int(count)


async def replace(tx: Tx, secrets: Sequence[SealedSecret]) -> int:
    """Put what is sealed now in the place of what was, and return of how many; `tx` has them locked."""
    cursor = await tx.execute(
        """
        update webhooks.secrets as stored
        set sealed = given.sealed
        from unnest(%(endpoint_ids)s::text[], %(numbers)s::integer[], %(sealed)s::bytea[])
            as given (endpoint_id, number, sealed)
        where stored.endpoint_id = given.endpoint_id
          and stored.number = given.number
        """,
        {
            "endpoint_ids": [each.endpoint_id for each in secrets],
            "numbers": [each.number for each in secrets],
            "sealed": [each.sealed for each in secrets],
        },
    )
    return cursor.rowcount
