"""Which cashbacks a list is of: found by a walk along their ids."""

from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order
from cashback.kernel.walk import Rows, planned_by_rows, walk
from cashback.ledger.model import State
from cashback.ledger.model.listing import CashbackFilter

RARE: Final = frozenset(
    {State.REVIEW, State.WAITLISTED, State.STUCK, State.VOIDED, State.NETTED, State.EXPIRED, State.REVERSED}
)
"""The states of few cashbacks, which have an index (`cashback_rare`); those of the others are met on the way."""

FEW_MAX: Final = 1_000
"""So many cashbacks of one user at one merchant are found at once; where there are more, the walk goes on its way."""

_LEADS: Final = {
    "few": "id = any(%(few)b::text[])",
    "user_id": "user_id = %(user_id)s",
    "merchant_id": "merchant_id = %(merchant_id)s",
    # As the index says it, too: a state that only the call knows would not be seen to be among them.
    "rare": "state = %(state)s and state in ({})".format(", ".join(f"'{state}'" for state in sorted(RARE))),
}
# A merchant walks among its own alone: how many of a user's cashbacks are others', no page and no cursor tells it.
_LEADS_OF_ONE: Final = {name: lead for name, lead in _LEADS.items() if name != "user_id"}
_SIEVES: Final = {
    "user_id": "user_id = %(user_id)s",
    "merchant_id": "merchant_id = %(merchant_id)s",
    "state": "state = %(state)s",
    "programme_id": "programme_id = %(programme_id)s",
}


async def page(
    tx: Tx, asked: CashbackFilter, *, order: Order, behind: str | None, limit: int, seen_by: str | None = None
) -> tuple[list[str], str | None]:
    """Return the ids of the next cashbacks that are asked for, and behind which one the page after them begins.

    They are `seen_by` the merchant that asks, whose own are asked for, None an operator.
    """
    few = None
    if asked.user_id is not None and asked.merchant_id is not None:
        few = await _few(tx, "id", user_id=asked.user_id, merchant_id=asked.merchant_id)
        if few == []:
            return [], None
    given = {
        "few": few,
        "user_id": asked.user_id,
        "merchant_id": asked.merchant_id,
        "rare": True if asked.state in RARE else None,
        "state": None if asked.state is None else asked.state.value,
        "programme_id": asked.programme_id,
    }
    leads = _LEADS if seen_by is None else _LEADS_OF_ONE
    rows = Rows.asked("ledger.cashback_ledger", given, leads=leads, sieves=_SIEVES)
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def few_purchases(tx: Tx, *, user_id: str, merchant_id: str) -> list[str] | None:
    """Return the ids of what a user bought at a merchant, None where they are more than `FEW_MAX`."""
    return await _few(tx, "purchase_id", user_id=user_id, merchant_id=merchant_id)


async def _few(tx: Tx, column: str, *, user_id: str, merchant_id: str) -> list[str] | None:
    """Return that column of what a user earned at a merchant, None where it is more than `FEW_MAX`.

    In the order of an index by both (`cashback_bought`), which reads nothing of what that user earned elsewhere. What
    no purchase earned is of no merchant.
    """
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            f"""
            select {column}
            from ledger.cashback_ledger
            where user_id = %(user)s
              and merchant_id = %(merchant)s
              and purchase_id is not null
            order by created_at
            limit %(limit)s
            """,
            {"user": user_id, "merchant": merchant_id, "limit": FEW_MAX + 1},
        )
        found = [row[0] for row in await cursor.fetchall()]
    return None if len(found) > FEW_MAX else found
