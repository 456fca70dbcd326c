"""API keys that holders of keys ask for, over REST: each command once, and nobody gets more than they have.

A new key is stored and answered in the transaction of its idempotency key, as every command is; but the stored answer
has no secret. Who lost the first answer rotates the key, whose id the repeated one tells.

A key that was revoked a moment ago may still be remembered somewhere, so whoever asks is looked up again in the
transaction itself: nobody whose key was taken away makes another one in those seconds. Such transactions take turns,
and those of one process wait for each other before they take a connection, which commands of other kinds need. A
revocation waits for one that makes a key at most: it goes before all others that wait to make one.

Nobody locks everybody out: an operator's key that makes others is revoked, or replaced by one that ends sooner, only
where another one goes on for no less long. Since no key makes one that ends after itself, those that end lead to no
other way in. A key that was replaced goes on for the overlap alone, and does not count.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.config import Secret
from cashback.kernel.db import Tx
from cashback.kernel.ids import is_id, new_id
from cashback.kernel.mistakes import first_of
from cashback.kernel.page import CursorInvalid
from cashback.kernel.principal import Principal, Scope
from cashback.kernel.telemetry import logger
from cashback.purchases.model import ApiKey, ApiKeyUnknown, NotYours, Order, Outcome, Recorded
from cashback.purchases.model.api_keys import (
    KEYS_MAX,
    ApiKeyAnswer,
    NewApiKeyAnswer,
    NewKey,
    Opened,
    Revocation,
    Rotation,
    told,
    told_new,
)
from cashback.purchases.model.errors import ApiKeyEnded, ApiKeyLast, ApiKeysTooMany
from cashback.purchases.model.scopes import KNOWN_SCOPES
from cashback.purchases.rules import end_within, problem_of_end, problem_of_label, problem_of_scopes, scopes_within
from cashback.purchases.service.api_keys import ApiKeys
from cashback.purchases.service.orders import Orders
from cashback.purchases.store import api_keys as store

KEEPING: Final = "keys:write"
"""The scope of whoever makes, replaces and revokes keys over REST."""

_Making: TypeAlias = Callable[[Tx, datetime], Awaitable[tuple[ApiKey, Secret]]]
_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class KeyOrders:
    """Makes, replaces, revokes and tells API keys for those who have one: a merchant its own, the operator all."""

    def __init__(self, keys: ApiKeys) -> None:
        """Keep them among `keys`."""
        self._keys = keys
        self._orders = Orders(keys.database, clock=keys.clock)
        self._makers = asyncio.Lock()
        self._turn = asyncio.Lock()

    async def create(self, caller: Order, asked: NewKey, *, by: Principal) -> Outcome:
        """Make a key; the answer is a `NewApiKeyAnswer`, with the secret when it is not a repeat."""
        order = msgspec.structs.replace(caller, what="create_api_key", terms=asked)
        return await self._making(order, partial(self._create, asked, by))

    async def rotate(self, caller: Order, asked: Rotation, *, by: Principal) -> Outcome:
        """Replace a key by another one; the answer is as that of `create`."""
        order = msgspec.structs.replace(caller, what="rotate_api_key", terms=asked)
        return await self._making(order, partial(self._rotate, asked, by))

    async def revoke(self, caller: Order, key_id: str, *, by: Principal) -> Outcome:
        """Have a key open nothing any more; the answer is an `ApiKeyAnswer`."""
        order = msgspec.structs.replace(caller, what="revoke_api_key", terms=Revocation(key_id=key_id))
        async with self._turn:
            outcome = await self._orders.do(order, partial(self._revoke, key_id, by))
        if isinstance(outcome, Recorded) and not outcome.is_replay:
            self._keys.forget()
            log.info("key.revoked", key_id=key_id, by=by.key_id)
        return outcome

    async def keys(self, *, by: Principal, place: str | None, limit: int) -> tuple[list[ApiKeyAnswer], str | None]:
        """Return up to `limit` keys that `by` may know of, about the newest first, and where the next page begins.

        Raises:
            CursorInvalid: the place is none of ours.
        """
        if place is not None and not is_id(place, "key"):
            raise CursorInvalid("this cursor did not come from a page of ours", parameter="cursor")
        async with self._keys.database.transaction() as tx:
            found = await store.page(tx, merchant_id=by.merchant_id, before=place, limit=limit + 1)
        return [told(key) for key in found[:limit]], found[limit - 1].id if len(found) > limit else None

    async def key(self, key_id: str, *, by: Principal) -> ApiKeyAnswer:
        """Return one key.

        Raises:
            ApiKeyUnknown: there is none, or `by` may not know of it.
        """
        async with self._keys.database.transaction() as tx:
            return told((await _seen(tx, key_id, by)).key)

    async def _making(self, order: Order, make: _Making) -> Outcome:
        """Make a key once; its secret is in this answer and in no other, stored ones included."""
        made: list[tuple[ApiKey, Secret]] = []

        async def act(tx: Tx, now: datetime) -> NewApiKeyAnswer:
            made.append(await make(tx, now))
            return told_new(made[-1][0], None)

        async with self._makers, self._turn:
            outcome = await self._orders.do(order, act)
        if not isinstance(outcome, Recorded) or outcome.is_replay:
            return outcome
        key, secret = made[-1]
        if key.replaces is not None:
            self._keys.forget()
        log.info("key.created", key_id=key.id, scope=key.scope, merchant_id=key.merchant_id, by=key.created_by)
        return msgspec.structs.replace(outcome, answer=_encoder.encode(told_new(key, secret.value)))

    async def _create(self, asked: NewKey, by: Principal, tx: Tx, now: datetime) -> tuple[ApiKey, Secret]:
        """Return a new key that may do no more than `by` may, nor for longer, and its secret.

        Raises:
            Rejected: it is unsound, more than `by` may give away, or one too many.
        """
        end = problem_of_end(asked.expires_at, now=now)
        if problem := first_of(problem_of_label(asked.label), problem_of_scopes(asked.scopes), end):
            raise problem
        if by.merchant_id is not None and asked.merchant_id not in {None, by.merchant_id}:
            raise NotYours("a merchant makes keys of its own", pointer="/merchant_id")
        merchant_id = by.merchant_id or asked.merchant_id
        scopes = scopes_within(asked.scopes, by)
        asking = await _asking(tx, by, now)
        await _room(tx, merchant_id, now)
        key = ApiKey(
            id=new_id("key"),
            scope=(Scope.OPERATOR if merchant_id is None else Scope.MERCHANT).value,
            merchant_id=merchant_id,
            label=asked.label,
            created_at=now,
            revoked_at=None,
            scopes=scopes,
            expires_at=end_within(asked.expires_at, last=asking.key.expires_at),
            created_by=by.key_id,
            # A merchant's key asks as often as any of its kind, not as its operator's.
            rate=asking.key.rate if merchant_id == by.merchant_id else None,
        )
        return key, await self._keys.make(tx, key)

    async def _rotate(self, asked: Rotation, by: Principal, tx: Tx, now: datetime) -> tuple[ApiKey, Secret]:
        """Return the key that replaces another one, and its secret.

        Raises:
            Rejected: there is nothing to be replaced, it may do more than `by` may give away, or nobody would be left.
        """
        if problem := problem_of_end(asked.expires_at, now=now):
            raise problem
        asking = await _asking(tx, by, now)
        old = await _seen(tx, asked.key_id, by)
        for scope in sorted(KNOWN_SCOPES if old.key.scopes is None else old.key.scopes):
            by.require(scope)
        await _room(tx, old.key.merchant_id, now)
        last = asking.key.expires_at
        if asked.expires_at is None:
            end = min(filter(None, (old.key.expires_at, last)), default=None)
        else:
            end = end_within(asked.expires_at, last=last)
        if end is not None and (old.key.expires_at is None or end < old.key.expires_at):
            await _not_the_last(tx, old.key)
        return await self._keys.replace(
            tx, old, overlap_s=asked.overlap_s, expires_at=end, now=now, created_by=by.key_id
        )

    async def _revoke(self, key_id: str, by: Principal, tx: Tx, now: datetime) -> ApiKeyAnswer:
        """Return a key that is revoked, now or before.

        Raises:
            Rejected: there is none, or no other key could make one.
        """
        await _asking(tx, by, now)
        key = (await _seen(tx, key_id, by)).key
        if key.is_live(now):
            await _not_the_last(tx, key)
        revoked = await store.revoke(tx, key_id, at=now)
        return told(key if revoked is None else revoked)


async def _asking(tx: Tx, by: Principal, now: datetime) -> Opened:
    """Return the key of who asks, as it is stored now; nobody else changes any key until the transaction ends.

    Raises:
        ApiKeyEnded: it was revoked or has ended a moment ago.
    """
    await store.take_turns(tx)
    found = await store.read(tx, by.key_id)
    if found is None or not found.key.is_live(now):
        raise ApiKeyEnded("your own key was revoked or has ended", key_id=by.key_id)
    return found


async def _seen(tx: Tx, key_id: str, by: Principal) -> Opened:
    """Return a key that `by` may know of: a merchant of its own alone.

    Raises:
        ApiKeyUnknown: there is none, in the very words of one that is another's.
    """
    found = await store.read(tx, key_id)
    if found is None or by.merchant_id not in {None, found.key.merchant_id}:
        raise ApiKeyUnknown("there is no such API key", parameter="key_id")
    return found


async def _not_the_last(tx: Tx, key: ApiKey) -> None:
    """Return when a live key may be taken away, since another one makes keys for as long as it would have.

    Raises:
        ApiKeyLast: it is an operator's that makes keys, and no other one goes on for as long.
    """
    is_keeper = key.merchant_id is None and (key.scopes is None or KEEPING in key.scopes)
    if is_keeper and not await store.has_other(tx, key.id, scope=KEEPING, until=key.expires_at):
        raise ApiKeyLast(f"no other operator's key for {KEEPING} goes on for as long: make one first")


async def _room(tx: Tx, merchant_id: str | None, now: datetime) -> None:
    """Return when an owner may have one key more.

    Raises:
        ApiKeysTooMany: it has as many as it may.
    """
    if await store.count_live(tx, merchant_id, at=now) >= KEYS_MAX:
        raise ApiKeysTooMany(f"{KEYS_MAX} keys of this owner open something: revoke one first")
