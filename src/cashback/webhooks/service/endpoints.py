"""Endpoints as people make, look at and change them; each joins the transaction of whoever commands it.

A merchant sees its own alone: `merchant_id` is who asks, None is the operator, who sees all.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from cashback.kernel.clock import Clock
from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id, random_bytes
from cashback.kernel.mistakes import first_of
from cashback.webhooks.model import (
    ENABLED_MAX,
    ENDPOINTS_MAX,
    TYPES_MAX,
    DisabledReason,
    Endpoint,
    EndpointChange,
    EndpointState,
    NewEndpoint,
    SealingKeys,
    TooManyEndpoints,
    TypesInvalid,
    UrlForbidden,
)
from cashback.webhooks.rules import signing
from cashback.webhooks.rules.addresses import problem_of_url
from cashback.webhooks.rules.editing import problem_of_edition
from cashback.webhooks.service.ending import disable
from cashback.webhooks.service.owning import owned
from cashback.webhooks.store import edits
from cashback.webhooks.store import endpoints as store

OVERLAP: Final = timedelta(hours=24)
"""How long a secret that was replaced signs beside its heir."""


class Endpoints:
    """What is done with endpoints."""

    def __init__(self, clock: Clock, *, keys: SealingKeys, types: Sequence[str], allow_loopback: bool = False) -> None:
        """Seal secrets under the newest of `keys`; `types` are those that there are."""
        self._clock = clock
        self._keys = keys
        self._types = frozenset(types)
        self._allow_loopback = allow_loopback

    async def create(self, tx: Tx, new: NewEndpoint) -> Endpoint:
        """Return a new endpoint, which hears of what happens from now on; its secret is asked for by `secret`.

        Raises:
            UrlForbidden: nothing may be delivered there.
            TypesInvalid: there are no such types, or too many.
            TooManyEndpoints: the merchant has as many as there may be.
        """
        problem = first_of(self._problem_of_url(new.url), *self._problems_of_types(new.types))
        if problem is not None:
            raise problem
        await _room(tx, new.merchant_id, new=1)
        endpoint = Endpoint(
            id=new_id("whe"),
            merchant_id=new.merchant_id,
            url=new.url,
            types=new.types,
            state=EndpointState.ENABLED,
            disabled_reason=None,
            disabled_at=None,
            failing_since=None,
            created_at=self._clock.now(),
        )
        await store.insert(tx, endpoint)
        await self._add_secret(tx, endpoint.id, number=1)
        await store.journal(tx, endpoint.id, what="created", by=new.by)
        return endpoint

    async def change(
        self, tx: Tx, endpoint_id: str, change: EndpointChange, *, merchant_id: str | None, by: str
    ) -> Endpoint:
        """Have an endpoint be elsewhere, or hear of other types, from the next try and the next event on; return it.

        Its secret stays, and so do deliveries that are under way, of types as well that it hears of no longer.

        Raises:
            EndpointUnknown: there is none such.
            UrlForbidden: nothing may be delivered there.
            TypesInvalid: there are no such types, or too many.
            EndpointOutdated: somebody has changed it since whoever asks has seen it.
        """
        before = await owned(tx, endpoint_id, merchant_id=merchant_id)
        unsound = first_of(
            None if change.url is None else self._problem_of_url(change.url),
            *(() if change.types is None else self._problems_of_types(change.types)),
        )
        if problem := unsound or problem_of_edition(before, change.seen):
            raise problem
        after = msgspec.structs.replace(
            before,
            url=before.url if change.url is None else change.url,
            types=before.types if change.types is None else change.types,
        )
        changed = [name for name in ("url", "types") if getattr(before, name) != getattr(after, name)]
        if changed:
            await edits.change(tx, endpoint_id, url=after.url, types=after.types)
            await store.journal(tx, endpoint_id, what="changed", by=by, detail=", ".join(changed))
        return msgspec.structs.replace(after, failing_since=None) if "url" in changed else after

    def check(self, types: Sequence[str]) -> None:
        """Return where there are all of these types of events.

        Raises:
            TypesInvalid: there is no such one; those that there are it names.
        """
        problem = first_of(*self._unknown(types))
        if problem is not None:
            raise problem

    def _problem_of_url(self, url: str) -> Rejected | None:
        """Return why nothing may be delivered to a URL."""
        why = problem_of_url(url, allow_loopback=self._allow_loopback)
        return None if why is None else UrlForbidden(why, pointer="/url")

    def _problems_of_types(self, types: Sequence[str]) -> Iterator[TypesInvalid]:
        """Yield what is wrong with the types of events that an endpoint is to hear of."""
        if not 1 <= len(types) <= TYPES_MAX or len(set(types)) < len(types):
            yield TypesInvalid(f"between one and {TYPES_MAX} types are named, each once", pointer="/types")
        else:
            yield from self._unknown(types)

    def _unknown(self, types: Sequence[str]) -> Iterator[TypesInvalid]:
        """Yield what is wrong with types that there are not."""
        known = ", ".join(sorted(self._types))
        for place, name in enumerate(types):
            if name not in self._types:
                yield TypesInvalid(f"there is no such type of event, but {known}", pointer=f"/types/{place}")

    async def secret(self, tx: Tx, endpoint_id: str, *, merchant_id: str | None, by: str) -> str:
        """Return the newest secret of an endpoint, and write down that it was shown.

        Raises:
            EndpointUnknown: there is none such.
            SecretUnreadable: it was sealed under another key.
        """
        await owned(tx, endpoint_id, merchant_id=merchant_id)
        newest, *_ = await store.living_secrets(tx, [endpoint_id])
        await store.journal(tx, endpoint_id, what="secret_shown", by=by)
        return signing.secret_text(signing.unseal(newest, keys=self._keys))

    async def rotate(self, tx: Tx, endpoint_id: str, *, merchant_id: str | None, by: str) -> None:
        """Give an endpoint a new secret; the one before signs beside it for a day, older ones no more.

        Raises:
            EndpointUnknown: there is none such.
        """
        await owned(tx, endpoint_id, merchant_id=merchant_id)
        number = await store.end_secrets(tx, endpoint_id, newest_for_s=int(OVERLAP.total_seconds()))
        await self._add_secret(tx, endpoint_id, number=number + 1)
        await store.journal(tx, endpoint_id, what="rotated", by=by)

    async def enable(self, tx: Tx, endpoint_id: str, *, merchant_id: str | None, by: str) -> None:
        """Have an endpoint hear of what happens from now on; what ended meanwhile is replayed if it is asked for.

        Raises:
            EndpointUnknown: there is none such.
            TooManyEndpoints: as many of the merchant's are enabled as may be.
        """
        endpoint = await owned(tx, endpoint_id, merchant_id=merchant_id)
        if endpoint.state is EndpointState.DISABLED:
            await _room(tx, endpoint.merchant_id, new=0)
            await store.enable(tx, endpoint_id)
            await store.journal(tx, endpoint_id, what="enabled", by=by)

    async def disable(self, tx: Tx, endpoint_id: str, *, merchant_id: str | None, by: str) -> int:
        """Have an endpoint hear of nothing more, end what is to be delivered to it and return how many those were.

        Raises:
            EndpointUnknown: there is none such.
        """
        await owned(tx, endpoint_id, merchant_id=merchant_id)
        return await disable(tx, endpoint_id, DisabledReason.BY_HAND, by=by)

    async def _add_secret(self, tx: Tx, endpoint_id: str, *, number: int) -> None:
        """Store a new secret."""
        sealed = signing.seal(
            random_bytes(signing.SECRET_BYTES),
            keys=self._keys,
            nonce=random_bytes(signing.NONCE_BYTES),
            endpoint_id=endpoint_id,
            number=number,
        )
        await store.insert_secret(tx, sealed, created_at=self._clock.now())


async def seen_endpoint(tx: Tx, endpoint_id: str, seen: str | None, *, merchant_id: str | None) -> Endpoint:
    """Return an endpoint that the merchant may know of, locked, and as `seen` if anybody says what they saw.

    Raises:
        EndpointUnknown: there is none such, or it is another merchant's.
        EndpointOutdated: it is not as it was any more.
    """
    endpoint = await owned(tx, endpoint_id, merchant_id=merchant_id)
    problem = problem_of_edition(endpoint, seen)
    if problem is not None:
        raise problem
    return endpoint


async def _room(tx: Tx, merchant_id: str | None, *, new: int) -> None:
    """Return where one more of a merchant's endpoints may be enabled, and `new` more may be there.

    Raises:
        TooManyEndpoints: it may not.
    """
    await store.lock_owner(tx, merchant_id)
    enabled, all_ = await store.count(tx, merchant_id=merchant_id)
    if enabled >= ENABLED_MAX:
        raise TooManyEndpoints(f"{ENABLED_MAX} endpoints are enabled already: disable one first")
    if all_ + new > ENDPOINTS_MAX:
        raise TooManyEndpoints(f"there are {ENDPOINTS_MAX} endpoints already: enable one of them instead")
