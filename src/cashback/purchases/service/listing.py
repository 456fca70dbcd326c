"""Lists of purchases, refunds and cashbacks, filtered and in an order; whose they are is checked first.

What does not exist has no empty list, and neither has what its asker may not see. The merchant that a filter names is
the asker's own, unless an operator asks.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final, cast

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import is_id
from cashback.kernel.listing import Stretch, id_place
from cashback.kernel.money import Amount
from cashback.ledger import CashbackFilter, CashbackItem, CashbackLists, State, few_purchases
from cashback.purchases.model import LineAnswer, MerchantUnknown, Purchase, PurchaseUnknown, UserUnknown
from cashback.purchases.model.listing import PurchaseFilter, RefundFilter, RefundsShown
from cashback.purchases.model.refunds import RefundAnswer
from cashback.purchases.rules import decode_lines, told
from cashback.purchases.service.parked_answers import as_applied
from cashback.purchases.service.stories import PurchaseStory
from cashback.purchases.store import listing as store
from cashback.purchases.store import purchases
from cashback.purchases.store.standing import MERCHANTS, USERS, is_known

__all__ = ["CashbackFilter", "Lists", "PurchaseItem", "State"]

CASHBACK: Final = "cashback"
REFUNDS: Final = "refunds"
"""What may be told with a purchase."""

SHOWN_MAX: Final = 20
"""So many refunds are told with a purchase."""


class PurchaseItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A purchase in a list; `lines` when it came with lines, `cashback` and `refunds` when they were asked for."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: Amount
    currency: str
    occurred_at: datetime
    received_at: datetime
    lines: tuple[LineAnswer, ...] = ()
    cashback: CashbackItem | None = None
    refunds: RefundsShown | None = None


class Lists:
    """Lists what was bought, what was returned, and what that earned."""

    def __init__(self, database: Database, cashbacks: CashbackLists) -> None:
        """Read from `database`, and ask `cashbacks` for what was earned."""
        self._database = database
        self._cashbacks = cashbacks

    async def purchases(
        self, asked: PurchaseFilter, stretch: Stretch, *, seen_by: str | None, expand: frozenset[str]
    ) -> tuple[list[PurchaseItem], str | None]:
        """Return a page of purchases by id, each with what is to be expanded, and the place of the next one.

        It is `seen_by` the merchant that asks, who learns nothing of what is another's, None an operator.

        Raises:
            MerchantUnknown, UserUnknown: there is none such to be asked for.
            CursorInvalid: the place is none of ours.
        """
        behind = id_place(stretch.place, "pur")
        async with self._database.transaction() as tx:
            await _must_exist(tx, merchant_id=asked.merchant_id, user_id=asked.user_id)
            ids, place = await store.purchases(
                tx,
                asked,
                order=stretch.order,
                behind=behind,
                limit=stretch.limit,
                seen_by=seen_by,
                among=await few_asked(tx, asked),
            )
            found = await purchases.read_many(tx, ids) if ids else {}
            refunds = await _shown(tx, ids) if REFUNDS in expand else {}
        earned = await self._cashbacks.of_purchases(ids) if CASHBACK in expand else {}
        return [_item(found[id_], cashback=earned.get(id_), refunds=refunds.get(id_)) for id_ in ids], place

    async def with_refunds(self, story: PurchaseStory) -> PurchaseStory:
        """Return the story of a purchase with its first refunds."""
        async with self._database.transaction() as tx:
            refunds = await _shown(tx, [story.id])
        return msgspec.structs.replace(story, refunds=refunds[story.id])

    async def refunds(self, asked: RefundFilter, stretch: Stretch) -> tuple[list[RefundAnswer], str | None]:
        """Return a page of refunds by id, each as it was answered when it was applied, and the place of the next one.

        Raises:
            MerchantUnknown, UserUnknown, PurchaseUnknown: there is none such to be asked for.
            CursorInvalid: the place is none of ours.
        """
        behind = id_place(stretch.place, "rfd")
        async with self._database.transaction() as tx:
            await _must_exist(tx, merchant_id=asked.merchant_id, user_id=asked.user_id)
            if asked.purchase_id is not None:
                await _must_be_seen(tx, asked.purchase_id, merchant_id=asked.merchant_id)
            among = await few_returned(tx, asked)
            ids, place = await store.refunds(
                tx, asked, order=stretch.order, behind=behind, limit=stretch.limit, among=among
            )
            found = await store.refund_answers(tx, ids) if ids else {}
            answers = await as_applied(tx, [found[id_] for id_ in ids])
        return [_as_answered(answer) for answer in answers], place

    async def cashbacks(
        self, asked: CashbackFilter, stretch: Stretch, *, seen_by: str | None
    ) -> tuple[list[CashbackItem], str | None]:
        """Return a page of cashbacks by id, and the place of the next one; `seen_by` as above.

        Raises:
            MerchantUnknown, UserUnknown, ProgrammeUnknown: there is none such to be asked for.
            CursorInvalid: the place is none of ours.
        """
        async with self._database.transaction() as tx:
            await _must_exist(tx, merchant_id=asked.merchant_id, user_id=asked.user_id)
        page = await self._cashbacks.page(asked, stretch, seen_by=seen_by)
        return page.items, page.next_place


async def few_asked(tx: Tx, asked: PurchaseFilter) -> list[str] | None:
    """Return the purchases that those are among that are asked for, None where they are too many, or led to otherwise.

    These are a user's at a merchant. A user alone leads to them by an index, and so does a name.
    """
    if asked.reference is not None or asked.user_id is None or asked.merchant_id is None:
        return None
    return await few_purchases(tx, user_id=asked.user_id, merchant_id=asked.merchant_id)


async def few_returned(tx: Tx, asked: RefundFilter) -> list[str] | None:
    """Return the purchases whose refunds are asked for, None where they are too many, or led to otherwise.

    These are a user's, and where a merchant is named, or asks, none but what was bought there is read.
    """
    if asked.reference is not None or asked.purchase_id is not None or asked.user_id is None:
        return None
    if asked.merchant_id is None:
        return await store.few_purchases(tx, asked.user_id)
    return await few_purchases(tx, user_id=asked.user_id, merchant_id=asked.merchant_id)


async def _must_exist(tx: Tx, *, merchant_id: str | None, user_id: str | None = None) -> None:
    """Return when there is whoever is named.

    Raises:
        MerchantUnknown, UserUnknown: there is no such merchant or user.
    """
    if merchant_id is not None and not (is_id(merchant_id, "mer") and await is_known(tx, MERCHANTS, merchant_id)):
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    if user_id is not None and not (is_id(user_id, "usr") and await is_known(tx, USERS, user_id)):
        raise UserUnknown("there is no such user", parameter="user_id")


async def _must_be_seen(tx: Tx, purchase_id: str, *, merchant_id: str | None) -> None:
    """Return when there is such a purchase, and of that merchant unless it is None.

    Raises:
        PurchaseUnknown: there is none.
    """
    found = await purchases.read(tx, purchase_id) if is_id(purchase_id, "pur") else None
    if found is None or merchant_id not in (None, found.merchant_id):
        raise PurchaseUnknown("there is no such purchase", parameter="purchase_id")


async def _shown(tx: Tx, purchase_ids: Sequence[str]) -> dict[str, RefundsShown]:
    """Return the first refunds of each purchase."""
    if not purchase_ids:
        return {}
    found = await store.first_refunds(tx, purchase_ids, most=SHOWN_MAX + 1)
    first = {id_: found.get(id_, [])[:SHOWN_MAX] for id_ in purchase_ids}
    answers = iter(await as_applied(tx, [answer for several in first.values() for answer in several]))
    return {
        id_: RefundsShown(
            items=[_as_answered(answer) for answer in islice(answers, len(several))],
            has_more=len(found.get(id_, [])) > SHOWN_MAX,
        )
        for id_, several in first.items()
    }


def _as_answered(answer: bytes) -> RefundAnswer:
    """Return a refund as it was answered: its bytes go into the list as they are, for there may be thousands."""
    return cast("RefundAnswer", msgspec.Raw(answer))


def _item(purchase: Purchase, *, cashback: CashbackItem | None, refunds: RefundsShown | None) -> PurchaseItem:
    """Return a purchase as a list shows it."""
    return PurchaseItem(
        id=purchase.id,
        merchant_id=purchase.merchant_id,
        user_id=purchase.user_id,
        reference=purchase.reference,
        amount_minor=str(purchase.amount_minor),
        currency=purchase.currency,
        occurred_at=purchase.occurred_at,
        received_at=purchase.received_at,
        lines=told(decode_lines(purchase.lines)),
        cashback=cashback,
        refunds=refunds,
    )
