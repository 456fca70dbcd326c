"""API keys: made once, shown once, looked up at every request; replaced and revoked."""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback.kernel.clock import Clock, monotonic_s
from cashback.kernel.config import Secret
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id, new_secret
from cashback.kernel.mistakes import first_of
from cashback.kernel.principal import Principal, Rate, Scope
from cashback.kernel.telemetry import logger
from cashback.purchases.model import ApiKey, ApiKeyUnknown, FieldInvalid, MerchantUnknown
from cashback.purchases.model.api_keys import OVERLAP_DEFAULT_S, Opened
from cashback.purchases.model.errors import ApiKeyEnded
from cashback.purchases.rules import (
    id_in_text,
    key_text,
    problem_of_end,
    problem_of_label,
    problem_of_rate,
    problem_of_scopes,
    secret_hmac,
)
from cashback.purchases.service.key_uses import KeyUses
from cashback.purchases.store import api_keys as store
from cashback.purchases.store import people

CACHE_TTL_S: Final = 5
"""How long a revoked key may still be let in by another process."""

CACHE_MAX: Final = 10_000
LIST_MAX: Final = 1_000
log = logger(__name__)


class Remembered(msgspec.Struct, frozen=True):
    """Who presented a secret, and until when (monotonic seconds) that need not be looked up again."""

    principal: Principal
    until_s: float


class ApiKeys:
    """Makes, replaces, revokes and recognises API keys; `uses` are of those that it recognised."""

    def __init__(self, database: Database, *, clock: Clock, pepper: Secret) -> None:
        """Keep keys in `database` under `pepper`, which must stay the same for as long as they live.

        By the machine's clock, since a door does not open by moving business time.
        """
        self.database = database
        self.clock = clock
        self.uses = KeyUses(database, clock=clock)
        self._pepper = pepper
        self._cache: OrderedDict[bytes, Remembered] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Principal | None]] = {}

    async def create(  # each named where it is called
        self,
        *,
        scope: Scope,
        merchant_id: str | None = None,
        label: str,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        rate: Rate | None = None,
    ) -> tuple[ApiKey, Secret]:
        """Return a new key and its secret, which cannot be shown again; each call makes another key.

        Raises:
            MerchantUnknown: there is no such merchant.
            FieldInvalid: a merchant's key names no merchant, an operator's one; or another part is unsound.
        """
        if (scope is Scope.MERCHANT) != (merchant_id is not None):
            raise FieldInvalid("a merchant's key names its merchant, an operator's none", pointer="/merchant_id")
        now = self.clock.now()
        named = None if scopes is None else tuple(scopes)
        if problem := first_of(problem_of_label(label), problem_of_scopes(named), problem_of_end(expires_at, now=now)):
            raise problem
        if problem := problem_of_rate(rate):
            raise problem
        key = ApiKey(
            id=new_id("key"),
            scope=scope.value,
            merchant_id=merchant_id,
            label=label,
            created_at=now,
            revoked_at=None,
            scopes=named,
            expires_at=expires_at,
            rate=rate,
        )
        async with self.database.transaction() as tx:
            secret = await self.make(tx, key)
        log.info("key.created", key_id=key.id, scope=key.scope, merchant_id=merchant_id)
        return key, secret

    async def make(self, tx: Tx, key: ApiKey) -> Secret:
        """Store a key and return its secret, which is not kept.

        Raises:
            MerchantUnknown: there is no such merchant.
        """
        if key.merchant_id is not None and await people.read_merchant(tx, key.merchant_id) is None:
            raise MerchantUnknown("there is no such merchant", pointer="/merchant_id")
        secret = key_text(key.id, kind=key.scope, secret=new_secret())
        await store.insert(tx, key, secret_hmac(secret, pepper=self._pepper.value))
        return Secret(secret)

    async def rotate(
        self, key_id: str, *, overlap_s: int = OVERLAP_DEFAULT_S, expires_at: datetime | None = None
    ) -> tuple[ApiKey, Secret]:
        """Return a key that replaces another one, and its secret; the other one goes on for so long, and no longer.

        Raises:
            ApiKeyUnknown: there is none.
            ApiKeyEnded: it opens nothing any more, or was replaced before.
            FieldInvalid: the new one would end before it begins.
        """
        now = self.clock.now()
        if problem := problem_of_end(expires_at, now=now):
            raise problem
        async with self.database.transaction() as tx:
            await store.take_turns(tx)
            old = await store.read(tx, key_id)
            if old is None:
                raise ApiKeyUnknown("there is no such API key", key_id=key_id)
            end = expires_at or old.key.expires_at
            key, secret = await self.replace(tx, old, overlap_s=overlap_s, expires_at=end, now=now)
        self.forget()
        log.info("key.rotated", key_id=key.id, replaces=key_id)
        return key, secret

    async def replace(  # each named where it is called
        self,
        tx: Tx,
        old: Opened,
        *,
        overlap_s: int,
        expires_at: datetime | None,
        now: datetime,
        created_by: str | None = None,
    ) -> tuple[ApiKey, Secret]:
        """Store a key with the rights of another one, which ends after the overlap; return it with its secret.

        Raises:
            ApiKeyEnded: the other one opens nothing any more, or was replaced before.
        """
        if not old.key.is_live(now):
            raise ApiKeyEnded("this key was revoked or has ended: make another one", key_id=old.key.id)
        if (successor := await store.successor(tx, old.key.id)) is not None:
            raise ApiKeyEnded("this key was replaced: rotate the one that replaces it", key_id=successor)
        key = msgspec.structs.replace(
            old.key,
            id=new_id("key"),
            created_at=now,
            expires_at=expires_at,
            replaces=old.key.id,
            created_by=created_by,
            last_used_at=None,
        )
        secret = await self.make(tx, key)
        await store.end(tx, old.key.id, at=now + timedelta(seconds=overlap_s))
        return key, secret

    async def revoke(self, key_id: str) -> ApiKey:
        """Return the key, revoked now or before: at once in this process, within `CACHE_TTL_S` in every other.

        Raises:
            ApiKeyUnknown: there is none.
        """
        async with self.database.transaction() as tx:
            await store.take_turns(tx)
            key = await store.revoke(tx, key_id, at=self.clock.now())
        if key is None:
            raise ApiKeyUnknown("there is no such API key", key_id=key_id)
        self.forget()
        log.info("key.revoked", key_id=key.id)
        return key

    def forget(self) -> None:
        """Look every key up anew, one was revoked or replaced; who has met us is remembered all the same.

        What is being looked up was asked before that: it is told to who waits for it, and to nobody else.
        """
        self._asked.clear()
        now_s = monotonic_s()
        self._cache = OrderedDict((met, Remembered(one.principal, now_s)) for met, one in self._cache.items())

    async def list_keys(self) -> list[ApiKey]:
        """Return the newest `LIST_MAX` keys, revoked ones included."""
        async with self.database.transaction() as tx:
            return await store.newest(tx, limit=LIST_MAX)

    async def authenticate(self, secret: str) -> Principal | None:
        """Return who presents this secret, or None when nobody has it, or its key was revoked or has ended.

        Raises:
            DatabaseUnavailable: it could not be looked up.
        """
        key_id = id_in_text(secret)
        if key_id is None:
            return None
        presented = secret_hmac(secret, pepper=self._pepper.value)
        cached, now_s = self._cache.get(presented), monotonic_s()
        if cached is not None and cached.until_s > now_s:
            self.uses.note(key_id, now_s)
            return cached.principal
        asked = self._asked.get(presented)
        if asked is None:
            # Whoever comes with the same secret meanwhile waits for the same answer: a key that all use at once would
            # be looked up by all of them at once, each time that it is.
            asked = self._asked[presented] = asyncio.create_task(self._look_up(key_id, presented))
            asked.add_done_callback(lambda task: self._ended(presented, task))
        principal = await asyncio.shield(asked)
        if principal is not None:
            self.uses.note(key_id, monotonic_s())
        return principal

    def has_met(self, secret: str) -> bool:
        """Tell whether this process has let this secret in and not refused it since; nothing is looked up.

        It opens nothing: who was met is looked up as often as need be, whatever strangers do.
        """
        return secret_hmac(secret, pepper=self._pepper.value) in self._cache

    async def _look_up(self, key_id: str, presented: bytes) -> Principal | None:
        """Return whom the database knows by this key and what is presented, and remember it for a while.

        Raises:
            DatabaseUnavailable: it could not be looked up.
        """
        async with self.database.transaction() as tx:
            found = await store.read(tx, key_id)
        left = timedelta(0) if found is None else self._left(found)
        if found is None or left <= timedelta(0) or not hmac.compare_digest(found.hmac, presented):
            self._cache.pop(presented, None)
            return None
        scopes = None if found.key.scopes is None else frozenset(found.key.scopes)
        principal = Principal(key_id, Scope(found.key.scope), found.key.merchant_id, scopes, found.key.rate)
        if self._asked.get(presented) is asyncio.current_task():
            self._remember(presented, principal, for_s=left.total_seconds())
        return principal

    def _ended(self, presented: bytes, task: "asyncio.Task[Principal | None]") -> None:
        """Have the next one look up anew; a failure is told to whoever waited, and to nobody if they all went away."""
        if self._asked.get(presented) is task:
            del self._asked[presented]
        if not task.cancelled():
            task.exception()

    def _left(self, found: Opened) -> timedelta:
        """Return for how long a key may be remembered; for nothing once it is revoked or has ended."""
        if found.key.revoked_at is not None:
            return timedelta(0)
        most, end = timedelta(seconds=CACHE_TTL_S), found.key.expires_at
        return most if end is None else min(most, end - self.clock.now())

    def _remember(self, presented: bytes, principal: Principal, *, for_s: float) -> None:
        """Spare the next requests of this key the look-up."""
        self._cache[presented] = Remembered(principal, monotonic_s() + for_s)
        self._cache.move_to_end(presented)
        if len(self._cache) > CACHE_MAX:
            self._cache.popitem(last=False)
