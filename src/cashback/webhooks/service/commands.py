"""What people command of endpoints and deliveries over REST: each once by its idempotency key (I7).

How a command is done once is not ours: the process that composes this gives it, with the table of the keys.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.webhooks.model import (
    DeliveryState,
    DeliveryWithTries,
    Endpoint,
    EndpointChange,
    EndpointNotYours,
    NewEndpoint,
    Span,
    SpanInvalid,
)
from cashback.webhooks.service.endpoints import Endpoints, seen_endpoint
from cashback.webhooks.service.owning import seen
from cashback.webhooks.service.replaying import ENDED, replay_many, replay_one
from cashback.webhooks.store import replays


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who commands: a merchant, or the operator where there is none, by which API key, under which idempotency key."""

    merchant_id: str | None
    by: str
    key: str
    traceparent: str | None


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is commanded beside its name: of what, and how."""

    id: str = ""
    merchant_id: str | None = None
    url: str = ""
    types: tuple[str, ...] = ()
    states: tuple[DeliveryState, ...] = ()
    span: Span | None = None
    dry_run: bool = False


class Done(msgspec.Struct, frozen=True):
    """What came of a command: the same document each time, and whether it had been done before.

    Of one that was done so long ago that its answer was forgotten it is made anew, of what stands now.
    """

    answer: bytes
    is_replay: bool
    is_rebuilt: bool = False


class WebhookReplay(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are made again, or would be in a `dry_run`; `more` when there are others beyond those.

    Then `next_since` is when the first of them happened: the `since` by which to go on, and nothing is made twice. An
    answer that is given again may be older than this member.
    """

    count: int
    dry_run: bool
    more: bool
    next_since: datetime | None = None


Act: TypeAlias = Callable[[Tx, datetime], Awaitable[msgspec.Struct]]
Once: TypeAlias = Callable[[Asked, str, Terms, Act], Awaitable[Done]]
"""Does what is named so, with these terms, unless its key says that it was done; raises what it was refused for."""

Known: TypeAlias = Callable[[str], Awaitable[None]]
"""Returns where there is such a merchant; otherwise it raises."""


class Change(Protocol):
    """What is done to an endpoint: rotating its secret, enabling it, disabling it."""

    async def __call__(self, tx: Tx, endpoint_id: str, /, *, merchant_id: str | None, by: str) -> object:
        """Do it in the name of `by`, who sees the endpoints of a merchant, or all."""


class WebhookCommands:
    """Makes and changes endpoints, and has deliveries made again."""

    def __init__(self, database: Database, endpoints: Endpoints, *, once: Once, known: Known) -> None:
        """Have each command done by `once`; whether a merchant exists, `known` knows."""
        self._database = database
        self._endpoints = endpoints
        self._once = once
        self._known = known

    async def create(self, asked: Asked, terms: Terms) -> Done:
        """Make an endpoint of the merchant that asks or that the operator names, or the operator's own.

        Raises:
            EndpointNotYours: a merchant names another one.
            Rejected: there is no such merchant, URL or type.
        """
        if asked.merchant_id is not None and terms.merchant_id not in {None, asked.merchant_id}:
            raise EndpointNotYours("a merchant has endpoints of its own alone", pointer="/merchant_id")
        if asked.merchant_id is None and terms.merchant_id is not None:
            await self._known(terms.merchant_id)
        new = NewEndpoint(
            merchant_id=asked.merchant_id or terms.merchant_id, url=terms.url, types=terms.types, by=asked.by
        )

        async def act(tx: Tx, now: datetime) -> Endpoint:
            """Make it."""
            del now
            return await self._endpoints.create(tx, new)

        return await self._once(asked, "create_webhook_endpoint", terms, act)

    async def rotate(self, asked: Asked, endpoint_id: str) -> Done:
        """Give an endpoint a new secret, which `secret` tells; the one before signs for a day beside it.

        Raises:
            EndpointUnknown: there is none such, or it is another merchant's.
        """
        return await self._change(asked, "rotate_webhook_secret", endpoint_id, self._endpoints.rotate)

    async def change(self, asked: Asked, terms: Terms, *, tag: str) -> Done:
        """Have an endpoint be elsewhere, or hear of other types, as the terms say; what they do not name stays.

        Raises:
            EndpointUnknown: there is none such, or it is another merchant's.
            EndpointOutdated: it has another tag than this by now.
            Rejected: there is no such URL or type.
        """
        change = EndpointChange(url=terms.url or None, types=terms.types or None, seen=tag)

        async def act(tx: Tx, now: datetime) -> Endpoint:
            """Change it."""
            del now
            return await self._endpoints.change(tx, terms.id, change, merchant_id=asked.merchant_id, by=asked.by)

        return await self._once(asked, "change_webhook_endpoint", terms, act)

    async def enable(self, asked: Asked, endpoint_id: str, *, tag: str | None = None) -> Done:
        """Have an endpoint hear of what happens from now on; if it still has this tag, where anybody names one.

        Raises:
            EndpointOutdated: it is not.
            EndpointUnknown: as `rotate`.
        """
        return await self._change(asked, "enable_webhook_endpoint", endpoint_id, self._endpoints.enable, tag=tag)

    async def disable(self, asked: Asked, endpoint_id: str, *, tag: str | None = None) -> Done:
        """Have an endpoint hear of nothing more, as `enable`; what is to be delivered to it ends.

        Raises:
            As `enable`.
        """
        return await self._change(asked, "disable_webhook_endpoint", endpoint_id, self._endpoints.disable, tag=tag)

    async def _change(
        self, asked: Asked, what: str, endpoint_id: str, change: Change, *, tag: str | None = None
    ) -> Done:
        """Have an endpoint changed, and answer with it as it stands then.

        Raises:
            As `enable`.
        """

        async def act(tx: Tx, now: datetime) -> Endpoint:
            """Change it."""
            del now
            await seen_endpoint(tx, endpoint_id, tag, merchant_id=asked.merchant_id)
            await change(tx, endpoint_id, merchant_id=asked.merchant_id, by=asked.by)
            return await seen(tx, endpoint_id, merchant_id=asked.merchant_id)

        return await self._once(asked, what, Terms(id=endpoint_id), act)

    async def secret(self, endpoint_id: str, *, merchant_id: str | None, by: str) -> str:
        """Return an endpoint's newest secret, and write down who was shown it.

        Raises:
            EndpointUnknown: there is none such, or it is another merchant's.
            SecretUnreadable: it was sealed under another key.
        """
        async with self._database.transaction() as tx:
            return await self._endpoints.secret(tx, endpoint_id, merchant_id=merchant_id, by=by)

    async def replay_delivery(self, asked: Asked, delivery_id: str) -> Done:
        """Have a delivery made once more, and answer with the new one.

        Raises:
            DeliveryUnknown: there is none such, or it is to another merchant's endpoint.
            EndpointDisabled: its endpoint hears of nothing.
        """

        async def act(tx: Tx, now: datetime) -> DeliveryWithTries:
            """Repeat it."""
            del now
            again = await replay_one(tx, delivery_id, merchant_id=asked.merchant_id, by=asked.by)
            [story] = await replays.stories(tx, [again])
            return DeliveryWithTries(**msgspec.structs.asdict(story))

        return await self._once(asked, "replay_webhook_delivery", Terms(id=delivery_id), act)

    async def replay_endpoint(self, asked: Asked, terms: Terms) -> Done:
        """Have what ended of the events of a span be delivered once more, oldest first.

        10,000 of them, and what happened at the same instant as the last.

        Raises:
            SpanInvalid: it ends before it starts, or an instant lacks its offset.
            TypesInvalid: there is no such type.
            EndpointUnknown: there is none such, or it is another merchant's.
            EndpointDisabled: it hears of nothing.
        """
        span = _sound(terms.span)

        async def act(tx: Tx, now: datetime) -> WebhookReplay:
            """Repeat them, or count them alone."""
            del now
            self._endpoints.check(terms.types)
            told = await replay_many(
                tx,
                terms.id,
                merchant_id=asked.merchant_id,
                span=span,
                states=terms.states or ENDED,
                types=terms.types,
                dry_run=terms.dry_run,
                by=asked.by,
            )
            return WebhookReplay(
                count=told.count, dry_run=terms.dry_run, more=told.next_since is not None, next_since=told.next_since
            )

        return await self._once(asked, "replay_webhook_endpoint", terms, act)


def _sound(span: Span | None) -> Span:
    """Return a span that has a beginning, and an end after it.

    Raises:
        SpanInvalid: it has not.
    """
    if span is None or span.since.tzinfo is None or span.until.tzinfo is None:
        raise SpanInvalid("both ends of a span name their offset", pointer="/since")
    if span.since >= span.until:
        raise SpanInvalid("a span ends after its start", pointer="/until")
    return span
