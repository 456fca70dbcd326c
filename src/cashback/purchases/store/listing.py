"""Which purchases, refunds, users and merchants a list is of: found by a walk along their ids."""

from collections.abc import Mapping, Sequence
from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order, Period
from cashback.kernel.walk import Rows, planned_by_rows, walk
from cashback.purchases.model.listing import MerchantFilter, PurchaseFilter, RefundFilter, UserFilter, WalletStory
from cashback.purchases.model.ownership import WalletProof

FEW_MAX: Final = 1_000
"""So many refunds, or purchases of one user, are found at once; where there are more, the walk goes on its way."""

_FEW: Final = "id = any(%(few)b::text[])"
_PURCHASE_LEADS: Final = {
    # The name of one purchase, and of those that were called so before it was (is_named): an index for either.
    "reference": """
        id = any(array(
            select id
            from purchases.purchases
            where merchant_id = %(merchant_id)s
              and reference = %(reference)s
              and is_named
            union all
            select id
            from purchases.purchases
            where merchant_id = %(merchant_id)s
              and reference = %(reference)s
              and not is_named))
    """,
    "few": _FEW,
    "user_id": "user_id = %(user_id)s",
    "merchant_id": "merchant_id = %(merchant_id)s",
}
# A merchant walks among its own alone: how many of a user's purchases are others', no page and no cursor tells it.
_PURCHASE_LEADS_OF_ONE: Final = {name: lead for name, lead in _PURCHASE_LEADS.items() if name != "user_id"}
_PURCHASE_SIEVES: Final = {
    "user_id": "user_id = %(user_id)s",
    "merchant_id": "merchant_id = %(merchant_id)s",
    "currency": "currency = %(currency)s",
    "occurred_since": "occurred_at >= %(occurred_since)s",
    "occurred_until": "occurred_at < %(occurred_until)s",
    "received_since": "received_at >= %(received_since)s",
    "received_until": "received_at < %(received_until)s",
}
# The column says when a refund was applied; one that had waited was asked for when it began to.
_ASKED_AT: Final = """
    coalesce((select parked_at from purchases.parked_refunds as waited where waited.id = refunds.id), created_at)
"""
_REFUND_LEADS: Final = {
    "reference": "merchant_id = %(merchant_id)s and reference = %(reference)s",
    "purchase_id": "purchase_id = %(purchase_id)s",
    "few": _FEW,
    "merchant_id": "merchant_id = %(merchant_id)s",
}
_REFUND_SIEVES: Final = {
    "purchase_id": "purchase_id = %(purchase_id)s",
    # Of each refund the one purchase: what else its user bought, and where, is not read, and no time tells of it.
    "user_id": """
        %(user_id)s = (
            select bought.user_id
            from purchases.purchases as bought
            where bought.id = refunds.purchase_id)
    """,
    "merchant_id": "merchant_id = %(merchant_id)s",
    "kind": "kind = %(kind)s",
    "created_since": f"{_ASKED_AT} >= %(created_since)s",
    "created_until": f"{_ASKED_AT} < %(created_until)s",
    "applied_since": "created_at >= %(applied_since)s",
    "applied_until": "created_at < %(applied_until)s",
}
# In the words of its two indexes (`parked_of_merchant`, `parked_unapplied`), or neither would serve.
_UNAPPLIED: Final = "outcome is distinct from 'applied'"
_PARKED_LEADS: Final = {"merchant_id": f"{_UNAPPLIED} and merchant_id = %(merchant_id)s", "unapplied": _UNAPPLIED}
_USER_LEADS: Final = {
    "reference": "reference = %(reference)s",
    "wallet": "id in (select user_id from purchases.wallets where address = %(wallet)s)",
    "blocked": "is_blocked",
}
# Whoever had the wallet leads; a sieve under a name of its own says who has it still.
_USER_SIEVES: Final = {
    "wallet_in_use": """
        %(wallet)s = (
            select address
            from purchases.wallets
            where user_id = users.id
            order by position desc
            limit 1)
    """,
    "is_blocked": "is_blocked = %(is_blocked)s",
}
_MERCHANT_LEADS: Final = {"merchant_id": "id = %(merchant_id)s"}
_MERCHANT_SIEVES: Final = {
    "name": "starts_with(lower(name), lower(%(name)s))",
    "is_active": "is_active = %(is_active)s",
}


async def purchases(
    tx: Tx,
    asked: PurchaseFilter,
    *,
    order: Order,
    behind: str | None,
    limit: int,
    seen_by: str | None = None,
    among: Sequence[str] | None = None,
) -> tuple[list[str], str | None]:
    """Return the ids of the next purchases that are asked for, and behind which one the page after them begins.

    They are `seen_by` the merchant that asks, whose own are asked for, None an operator. Where it is known that they
    are `among` a few, these alone are looked at.
    """
    if among is not None and not among:
        return [], None
    given = {
        "reference": asked.reference,
        "few": among,
        "user_id": asked.user_id,
        "merchant_id": asked.merchant_id,
        "currency": asked.currency,
        "occurred_since": asked.occurred.since,
        "occurred_until": asked.occurred.until,
        "received_since": asked.received.since,
        "received_until": asked.received.until,
    }
    leads = _PURCHASE_LEADS if seen_by is None else _PURCHASE_LEADS_OF_ONE
    rows = Rows.asked("purchases.purchases", given, leads=leads, sieves=_PURCHASE_SIEVES)
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def refunds(
    tx: Tx, asked: RefundFilter, *, order: Order, behind: str | None, limit: int, among: Sequence[str] | None = None
) -> tuple[list[str], str | None]:
    """Return the ids of the next applied refunds that are asked for, and where the page after them begins.

    Where it is known that they are of purchases `among` a few, those of these alone are looked at.
    """
    few = await _few_refunds(tx, among) if among else among
    if few is not None and not few:
        return [], None
    applied = asked.applied or Period()
    given = {
        "reference": asked.reference,
        "purchase_id": asked.purchase_id,
        "few": few,
        "user_id": asked.user_id,
        "merchant_id": asked.merchant_id,
        "kind": None if asked.kind is None else asked.kind.value,
        "created_since": asked.created.since,
        "created_until": asked.created.until,
        "applied_since": applied.since,
        "applied_until": applied.until,
    }
    rows = Rows.asked("purchases.refunds", given, leads=_REFUND_LEADS, sieves=_REFUND_SIEVES)
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def few_purchases(tx: Tx, user_id: str) -> list[str] | None:
    """Return the ids of what a user bought anywhere, None where they are more than `FEW_MAX`."""
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            """
            select id
            from purchases.purchases
            where user_id = %(user)s
            order by id
            limit %(limit)s
            """,
            {"user": user_id, "limit": FEW_MAX + 1},
        )
        return _if_few([row[0] for row in await cursor.fetchall()])


async def _few_refunds(tx: Tx, purchase_ids: Sequence[str]) -> list[str] | None:
    """Return the ids of the refunds of these purchases, None where they are more than `FEW_MAX`."""
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            """
            select refund.id
            from unnest(%(purchases)b::text[]) as purchase (id)
            cross join lateral (
                select id
                from purchases.refunds
                where purchase_id = purchase.id
                order by id
                limit %(limit)s
            ) as refund
            limit %(limit)s
            """,
            {"purchases": list(purchase_ids), "limit": FEW_MAX + 1},
        )
        return _if_few([row[0] for row in await cursor.fetchall()])


def _if_few(ids: list[str]) -> list[str] | None:
    """Return them, None where they are more than `FEW_MAX`."""
    return None if len(ids) > FEW_MAX else ids


async def parked(
    tx: Tx, merchant_id: str | None, *, order: Order, behind: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Return the ids of the next refunds that came before their purchase and were not applied, and the next place.

    Only of that merchant, unless it is None.
    """
    given = {"merchant_id": merchant_id, "unapplied": True}
    rows = Rows.asked("purchases.parked_refunds", given, leads=_PARKED_LEADS, sieves={})
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def users(
    tx: Tx, asked: UserFilter, *, order: Order, behind: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Return the ids of the next users that are asked for, and where the page after them begins."""
    given = {
        "reference": asked.reference,
        "wallet": asked.wallet,
        "wallet_in_use": asked.wallet,
        "blocked": asked.is_blocked or None,
        "is_blocked": asked.is_blocked,
    }
    rows = Rows.asked("purchases.users", given, leads=_USER_LEADS, sieves=_USER_SIEVES)
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def merchants(
    tx: Tx, asked: MerchantFilter, *, order: Order, behind: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Return the ids of the next merchants that are asked for, and where the page after them begins."""
    given = {"merchant_id": asked.merchant_id, "name": asked.name, "is_active": asked.is_active}
    rows = Rows.asked("purchases.merchants", given, leads=_MERCHANT_LEADS, sieves=_MERCHANT_SIEVES)
    return await walk(tx, rows, order=order, behind=behind, limit=limit)


async def refund_answers(tx: Tx, refund_ids: Sequence[str]) -> Mapping[str, bytes]:
    """Return how each of these refunds was answered when it was applied, by id."""
    cursor = await tx.execute(
        """
        select id, answer
        from purchases.refunds
        where id = any(%(ids)b::text[])
        """,
        {"ids": list(refund_ids)},
    )
    return dict(await cursor.fetchall())


async def first_refunds(tx: Tx, purchase_ids: Sequence[str], *, most: int) -> dict[str, list[bytes]]:
    """Return how the first refunds of each purchase were answered, the oldest first and at most so many of each."""
    cursor = await tx.execute(
        """
        select purchase.id, refund.answer
        from unnest(%(ids)b::text[]) as purchase (id)
        cross join lateral (
            select position, answer
            from purchases.refunds
            where purchase_id = purchase.id
            order by position
            limit %(most)s
        ) as refund
        order by purchase.id, refund.position
        """,
        {"ids": list(purchase_ids), "most": most},
    )
    found: dict[str, list[bytes]] = {}
    for purchase_id, answer in await cursor.fetchall():
        found.setdefault(purchase_id, []).append(answer)
    return found


async def wallets(
    tx: Tx, user_id: str, *, order: Order, behind: int | None, limit: int
) -> tuple[list[WalletStory], int | None]:
    """Return the next of all wallets that a user ever had, and where the page after them begins."""
    lead = {"user_id": "user_id = %(user_id)s"}
    rows = Rows.asked("purchases.wallets", {"user_id": user_id}, leads=lead, sieves={}, place="position")
    positions, place = await walk(tx, rows, order=order, behind=behind, limit=limit)
    if not positions:
        return [], place
    cursor = await tx.execute(
        """
        select position, address, proof, linked_at, position = (
            select max(position)
            from purchases.wallets
            where user_id = %(user)s)
        from purchases.wallets
        where user_id = %(user)s
          and position = any(%(positions)b::bigint[])
        """,
        {"user": user_id, "positions": positions},
    )
    found = {
        row[0]: WalletStory(wallet=row[1], proof=WalletProof(row[2]), linked_at=row[3], is_in_use=row[4])
        for row in await cursor.fetchall()
    }
    return [found[position] for position in positions], place
