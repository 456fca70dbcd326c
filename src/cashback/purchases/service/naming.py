"""A merchant's reference is the name of one purchase: the second wall, behind the idempotency keys (I7).

is the key known? ──▶ passes, and is answered by what the key stands for
is the name taken? ──▶ refused, with the id of the purchase that has it
is it another key's, in this batch? ──▶ refused without an id: that purchase has none yet

Two transactions that record one name at once cannot see each other. The second waits at the index, where the schema
refuses it, also without an id. Either is done once more: by then the purchase can be seen.
"""

from collections.abc import Mapping, Sequence

from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.purchases.model import NewPurchase, PurchaseExists, Refused
from cashback.purchases.service.once import Result
from cashback.purchases.store import idempotency
from cashback.purchases.store.idempotency import Key, owned_key
from cashback.purchases.store.refunds import Name


def names_of(purchases: Sequence[NewPurchase]) -> list[Name]:
    """Return what merchants call these purchases, each name once."""
    return sorted({name for purchase in purchases if (name := _name(purchase)) is not None})


async def problems_of_names(
    tx: Tx, purchases: Sequence[NewPurchase], taken: Mapping[Name, str]
) -> list[Rejected | None]:
    """Return for each purchase that another one has its name, or None; what was recorded before keeps its own.

    The names that are `taken`, with the purchase of each, were asked for by an earlier statement: whoever took one has
    its key in there by now.
    """
    met = [owned_key(purchase) for purchase in purchases if _name(purchase) in taken]
    known = await idempotency.known(tx, met) if met else set()
    firsts: dict[Name, Key] = {}
    problems: list[Rejected | None] = []
    for purchase in purchases:
        name, key = _name(purchase), owned_key(purchase)
        if name is None or key in known:
            problems.append(None)
        elif name in taken:
            problems.append(_exists(purchase_id=taken[name]))
        else:
            problems.append(None if firsts.setdefault(name, key) == key else _exists())
    return problems


def is_outpaced(result: Result) -> bool:
    """Tell whether another purchase took the name at that very moment: done once more, it is told which."""
    error = result.error if isinstance(result, Refused) else result
    return isinstance(error, PurchaseExists) and "purchase_id" not in error.fields


def _exists(**fields: object) -> PurchaseExists:
    """Return why a purchase is not recorded whose name another one has."""
    return PurchaseExists("another purchase of the merchant has this reference", pointer="/reference", **fields)


def _name(purchase: NewPurchase) -> Name | None:
    """Return what the merchant calls a purchase, if anything."""
    return None if purchase.reference is None else (purchase.merchant_id, purchase.reference)
