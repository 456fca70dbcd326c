"""Where an endpoint is and what it hears of, as people change it."""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def change(tx: Tx, endpoint_id: str, *, url: str, types: Sequence[str]) -> None:
    """Have an endpoint be there and hear of these types; at another address it has not failed yet."""
    await tx.execute(
        """
        update webhooks.endpoints
        set url = %(url)s,
            types = %(types)s::text[],
            failing_since = case when url = %(url)s then failing_since end
        where id = %(endpoint_id)s
        """,
        {"endpoint_id": endpoint_id, "url": url, "types": list(types)},
    )
