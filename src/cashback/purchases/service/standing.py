"""Who may earn at present: users are blocked and merchants deactivated in a person's name, each once by its key.

What was granted before lives on: this shuts a gate for purchases to come, and moves no money.
"""

from datetime import datetime
from functools import partial
from typing import TypeAlias, TypeVar

from cashback.kernel.db import Database, Tx
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.kernel.telemetry import logger
from cashback.purchases.model import MerchantUnknown, Outcome, Recorded, Refused, UserUnknown
from cashback.purchases.model.standing import (
    ActivityAnswer,
    ActivityItem,
    BlockAnswer,
    BlockItem,
    MerchantActivity,
    UserBlock,
)
from cashback.purchases.rules import as_kept, problem_of_signature
from cashback.purchases.service.orders import Orders
from cashback.purchases.store import people
from cashback.purchases.store import standing as store

__all__ = ["ActivityAnswer", "ActivityItem", "BlockAnswer", "BlockItem", "Standings"]

Said: TypeAlias = UserBlock | MerchantActivity
T = TypeVar("T")

log = logger(__name__)


class Standings:
    """Has people say who may earn, and tells what they said."""

    def __init__(self, database: Database, orders: Orders) -> None:
        """Read from `database`; have each command done once by `orders`."""
        self._database = database
        self._orders = orders

    async def set(self, said: Said) -> Outcome:
        """Block or deactivate, or end that, once; the answer is a `BlockAnswer` or an `ActivityAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        if problem := problem_of_signature(said):
            return Refused(problem)
        kept = as_kept(said)
        result = await self._orders.do(said, partial(_do, kept))
        if isinstance(result, Recorded) and not result.is_replay:
            log.warning("order.given", order=type(said).__name__, person=kept.person, reason=kept.reason)
        return result

    async def blocks(self, user_id: str, *, place: str | None, limit: int) -> tuple[list[BlockItem], str | None]:
        """Return a page of a user's blocks and ends of them, newest first, and the place where the next one starts.

        Raises:
            UserUnknown: there is no such user.
            CursorInvalid: `place` is none of ours.
        """
        before = _before(place)
        async with self._database.transaction() as tx:
            if user_id not in await people.read_users(tx, [user_id]):
                raise UserUnknown("there is no such user", parameter="user_id")
            return _page(await store.blocks(tx, user_id, before=before, limit=limit + 1), limit)

    async def deactivations(
        self, merchant_id: str, *, place: str | None, limit: int
    ) -> tuple[list[ActivityItem], str | None]:
        """Return a page of a merchant's deactivations and ends of them, as `blocks` does of a user.

        Raises:
            MerchantUnknown: there is no such merchant.
            CursorInvalid: `place` is none of ours.
        """
        before = _before(place)
        async with self._database.transaction() as tx:
            if await people.read_merchant(tx, merchant_id) is None:
                raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
            return _page(await store.deactivations(tx, merchant_id, before=before, limit=limit + 1), limit)


async def _do(said: Said, tx: Tx, now: datetime) -> BlockAnswer | ActivityAnswer:
    """Do what a person says; what stood so before stays, with who had said so.

    Raises:
        UserUnknown: there is no such user.
        MerchantUnknown: there is no such merchant.
    """
    match said:
        case UserBlock():
            return await _block(said, tx, now)
        case MerchantActivity():
            return await _activate(said, tx, now)


async def _block(said: UserBlock, tx: Tx, now: datetime) -> BlockAnswer:
    """Block a user, or end that."""
    is_news = await store.set_block(tx, said, at=now)
    if is_news is None:
        raise UserUnknown("there is no such user", parameter="user_id")
    newest = list((await store.blocks(tx, said.user_id, before=INT63_MAX, limit=1)).values())
    last = newest[0] if newest else None
    return BlockAnswer(
        user_id=said.user_id,
        is_blocked=said.is_blocked,
        is_news=is_news,
        person=None if last is None else last.person,
        reason=None if last is None else last.reason,
        at=None if last is None else last.at,
    )


async def _activate(said: MerchantActivity, tx: Tx, now: datetime) -> ActivityAnswer:
    """Have a merchant be active, or not."""
    is_news = await store.set_activity(tx, said, at=now)
    if is_news is None:
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    newest = list((await store.deactivations(tx, said.merchant_id, before=INT63_MAX, limit=1)).values())
    last = newest[0] if newest else None
    return ActivityAnswer(
        merchant_id=said.merchant_id,
        is_active=said.is_active,
        is_news=is_news,
        person=None if last is None else last.person,
        reason=None if last is None else last.reason,
        at=None if last is None else last.at,
    )


def _before(place: str | None) -> int:
    """Return the position that a page of a journal ends before, beyond all of them without a place.

    Raises:
        CursorInvalid: `place` is none of ours.
    """
    return number_of(place, first=INT63_MAX)


def _page(found: dict[int, T], limit: int) -> tuple[list[T], str | None]:
    """Return at most `limit` of what was found, and the place of the last one if there is more."""
    kept = list(found)[:limit]
    return [found[position] for position in kept], str(kept[-1]) if len(found) > limit else None
