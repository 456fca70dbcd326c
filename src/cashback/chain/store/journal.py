"""What persons did to mints: cancelled or released, by whom and why, written once."""

from collections.abc import Collection
from typing import Literal

from cashback.chain.model import Person
from cashback.kernel.db import Tx


async def note(
    tx: Tx, act: Literal["cancelled", "released"], numbers: Collection[int], *, by: Person, because: str
) -> None:
    """Keep that a person did this to the mints."""
    await tx.execute(
        """
        insert into chain.mint_journal (number, act, reason, person, certificate)
        select number, %(act)s, %(because)s, %(person)s, %(certificate)s
        from unnest(%(numbers)s::bigint[]) as given (number)
        order by number
        """,
        {"numbers": list(numbers), "act": act, "because": because, "person": by.name, "certificate": by.certificate},
    )
