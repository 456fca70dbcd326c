"""Lists of cashbacks by what people look for: a state, a user, a merchant, a programme."""

from collections.abc import Sequence

from cashback.kernel.db import Database, Tx
from cashback.kernel.listing import Stretch, id_place
from cashback.ledger.model import CashbackItem, CashbackList, ProgrammeUnknown
from cashback.ledger.model.listing import CashbackFilter
from cashback.ledger.service.readings import LIST_MAX
from cashback.ledger.service.stories import item_of
from cashback.ledger.store import listing, programmes
from cashback.ledger.store import readings as store


async def few_purchases(tx: Tx, *, user_id: str, merchant_id: str) -> list[str] | None:
    """Return the ids of what a user bought at a merchant, None where that is more than 1,000.

    Each purchase is decided in the transaction that records it, if it earns nothing too, so the ledger knows them all,
    by an index of both that decisions read. Nothing is read of what the user bought elsewhere.
    """
    return await listing.few_purchases(tx, user_id=user_id, merchant_id=merchant_id)


class CashbackLists:
    """Lists cashbacks of all users; who may see which is known to those who ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def page(self, asked: CashbackFilter, stretch: Stretch, *, seen_by: str | None) -> CashbackList:
        """Return a page of cashbacks by id, and the place of the next one; `seen_by` a merchant none but its own.

        Raises:
            ProgrammeUnknown: there is no such programme.
            CursorInvalid: the place is none of ours.
        """
        behind = id_place(stretch.place, "cb")
        async with self._database.transaction() as tx:
            if asked.programme_id is not None and not await programmes.exists(tx, asked.programme_id):
                raise ProgrammeUnknown("there is no such programme", parameter="programme_id")
            ids, place = await listing.page(
                tx, asked, order=stretch.order, behind=behind, limit=stretch.limit, seen_by=seen_by
            )
            found = {one.id: one for one in await store.by_ids(tx, ids)} if ids else {}
        return CashbackList(items=[item_of(found[id_]) for id_ in ids], next_place=place)

    async def of_purchases(self, purchase_ids: Sequence[str]) -> dict[str, CashbackItem]:
        """Return the cashback of each purchase that has one; only the first `LIST_MAX` are looked for."""
        if not purchase_ids:
            return {}
        async with self._database.transaction() as tx:
            found = await store.by_purchases(tx, purchase_ids[:LIST_MAX])
        return {one.purchase_id: item_of(one) for one in found if one.purchase_id is not None}
