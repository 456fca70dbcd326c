"""Endpoints and the log of deliveries, as their owner sees them: a merchant its own, the operator all."""

import msgspec

from cashback.kernel.db import Database
from cashback.webhooks.model import DeliveryState, DeliveryStory, DeliveryUnknown, DeliveryWithTries, Endpoint
from cashback.webhooks.service.owning import seen
from cashback.webhooks.store import endpoints, replays


class WebhookReadings:
    """What is told of endpoints and deliveries; `merchant_id` is who asks, None is the operator."""

    def __init__(self, database: Database) -> None:
        """Read `database`."""
        self._database = database

    async def endpoints(
        self, *, merchant_id: str | None, place: str | None, limit: int
    ) -> tuple[list[Endpoint], str | None]:
        """Return up to `limit` endpoints by id, from behind `place` on, and where the next page begins."""
        async with self._database.transaction() as tx:
            found = await endpoints.page(tx, merchant_id=merchant_id, after=place or "", limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def endpoint(self, endpoint_id: str, *, merchant_id: str | None) -> Endpoint:
        """Return an endpoint.

        Raises:
            EndpointUnknown: there is none such, or it is another merchant's.
        """
        async with self._database.transaction() as tx:
            return await seen(tx, endpoint_id, merchant_id=merchant_id)

    async def deliveries(
        self, endpoint_id: str, *, merchant_id: str | None, state: DeliveryState | None, place: str | None, limit: int
    ) -> tuple[list[DeliveryStory], str | None]:
        """Return up to `limit` deliveries to an endpoint, newest first, and where the next page begins.

        Raises:
            EndpointUnknown: there is none such, or it is another merchant's.
        """
        async with self._database.transaction() as tx:
            await seen(tx, endpoint_id, merchant_id=merchant_id)
            found = await replays.page(tx, endpoint_id, state=state, after=place or "", limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def delivery(self, delivery_id: str, *, merchant_id: str | None) -> DeliveryWithTries:
        """Return a delivery with its tries.

        Raises:
            DeliveryUnknown: there is none such, or it is to another merchant's endpoint.
        """
        async with self._database.transaction() as tx:
            story = next(iter(await replays.stories(tx, [delivery_id])), None)
            endpoint = None if story is None else await endpoints.read(tx, story.endpoint_id)
            if story is None or endpoint is None or merchant_id not in {None, endpoint.merchant_id}:
                raise DeliveryUnknown("there is no such delivery", parameter="delivery_id")
            tries = await replays.attempts(tx, delivery_id)
        return DeliveryWithTries(**msgspec.structs.asdict(story), tries=tries)
