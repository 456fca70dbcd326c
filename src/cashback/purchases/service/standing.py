"""Who may earn at present: users are blocked and merchants deactivated in a person's name, each once by its key.

What was granted before lives on: this shuts a gate for purchases to come, and moves no money.
"""

from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import NotFound
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.kernel.telemetry import logger
from cashback.purchases.model import MerchantUnknown, Outcome, Recorded, UserUnknown
from cashback.purchases.model.standing import (
    ActivityAnswer,
    ActivityItem,
    BlockAnswer,
    BlockItem,
    MerchantActivity,
    UserBlock,
)
from cashback.purchases.service.editing import seen_merchant, seen_user
from cashback.purchases.service.orders import Orders
from cashback.purchases.store import standing as store

__all__ = ["ActivityAnswer", "ActivityItem", "BlockAnswer", "BlockItem", "Standings"]

Said: TypeAlias = UserBlock | MerchantActivity

log = logger(__name__)


class Standings:
    """Has people say who may earn, and tells what they said."""

    def __init__(self, database: Database, orders: Orders) -> None:
        """Read from `database`; have each command done once by `orders`."""
        self._database = database
        self._orders = orders

    async def set(self, said: Said, *, seen: str | None = None) -> Outcome:
        """Block or deactivate, or end that, once; the answer is a `BlockAnswer` or an `ActivityAnswer`.

        With `seen` only where the user or merchant is still as that.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        result = await self._orders.do_signed(said, partial(_do, seen))
        if isinstance(result, Recorded) and not result.is_replay:
            id_ = said.user_id if isinstance(said, UserBlock) else said.merchant_id
            log.warning("order.given", order=type(said).__name__, id=id_)
        return result

    async def blocks(self, user_id: str, *, place: str | None, limit: int) -> tuple[list[BlockItem], str | None]:
        """Return a page of a user's blocks and ends of them, newest first, and the place where the next one starts.

        Raises:
            UserUnknown: there is no such user.
            CursorInvalid: `place` is none of ours.
        """
        found, following = await self._page(store.USERS, user_id, place=place, limit=limit)
        items = [BlockItem(is_blocked=one.is_set, person=one.person, reason=one.reason, at=one.at) for one in found]
        return items, following

    async def deactivations(
        self, merchant_id: str, *, place: str | None, limit: int
    ) -> tuple[list[ActivityItem], str | None]:
        """Return a page of a merchant's deactivations and ends of them, as `blocks` does of a user.

        Raises:
            MerchantUnknown: there is no such merchant.
            CursorInvalid: `place` is none of ours.
        """
        found, following = await self._page(store.MERCHANTS, merchant_id, place=place, limit=limit)
        items = [ActivityItem(is_active=one.is_set, person=one.person, reason=one.reason, at=one.at) for one in found]
        return items, following

    async def _page(
        self, journal: store.Journal, id_: str, *, place: str | None, limit: int
    ) -> tuple[list[store.Entry], str | None]:
        """Return a page of what was said of somebody, newest first, and the place where the next one starts.

        Raises:
            UserUnknown, MerchantUnknown: there is nobody.
            CursorInvalid: `place` is none of ours.
        """
        before = number_of(place, first=INT63_MAX)
        async with self._database.transaction() as tx:
            if not await store.is_known(tx, journal, id_):
                raise _unknown(journal)
            found = await store.entries(tx, journal, id_, before=before, limit=limit + 1)
        kept = list(found)[:limit]
        return [found[position] for position in kept], str(kept[-1]) if len(found) > limit else None


async def _do(seen: str | None, said: Said, tx: Tx, now: datetime) -> BlockAnswer | ActivityAnswer:
    """Do what a person says; what stood so before stays, with who had said so.

    Raises:
        UserUnknown, UserOutdated: there is no such user, or they are otherwise than was seen.
        UserErased: the user was erased, and stays blocked.
        MerchantUnknown, MerchantOutdated: there is no such merchant, or it is another than was seen.
    """
    match said:
        case UserBlock(user_id=id_, is_blocked=is_set):
            await seen_user(tx, id_, seen)
            stands = await _put(tx, store.USERS, id_, said, is_set=is_set, now=now)
            return BlockAnswer(user_id=id_, is_blocked=is_set, **stands)
        case MerchantActivity(merchant_id=id_, is_active=is_set):
            await seen_merchant(tx, id_, seen)
            stands = await _put(tx, store.MERCHANTS, id_, said, is_set=is_set, now=now)
            return ActivityAnswer(merchant_id=id_, is_active=is_set, **stands)


async def _put(tx: Tx, journal: store.Journal, id_: str, said: Said, *, is_set: bool, now: datetime) -> dict[str, Any]:
    """Have it stand as a person says; return whether that is news, and who said so first, nulls where nobody had to.

    Raises:
        UserUnknown, MerchantUnknown: there is nobody of whom it could be said.
    """
    is_news = await store.put(tx, journal, id_, said, is_set=is_set, at=now)
    if is_news is None:
        raise _unknown(journal)
    last = await store.last(tx, journal, id_)
    return {
        "is_news": is_news,
        "person": None if last is None else last.person,
        "reason": None if last is None else last.reason,
        "at": None if last is None else last.at,
    }


def _unknown(journal: store.Journal) -> NotFound:
    """Return the refusal of whom there is not."""
    if journal is store.USERS:
        return UserUnknown("there is no such user", parameter="user_id")
    return MerchantUnknown("there is no such merchant", parameter="merchant_id")
