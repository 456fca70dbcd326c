"""The way in: events of all types, in batches, inside the transaction of their inbox."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.kernel.bus import Delivery
from cashback.kernel.db import Tx
from cashback.kernel.errors import Invalid
from cashback.webhooks.model import Belonging, Happening
from cashback.webhooks.rules.completing import Said, completed
from cashback.webhooks.rules.signing import body_of
from cashback.webhooks.service.event_types import EVENT_TYPES
from cashback.webhooks.service.taking import BelongingsOf, take

NAME: Final = "webhooks-deliveries"
TYPES: Final = EVENT_TYPES


class WebhookUnreadable(Invalid):
    """An event's data is no JSON object, so that nobody can be told of it."""

    code = "event_unreadable"


class WebhookEvents:
    """The handler of all events."""

    def __init__(self, belongings_of: BelongingsOf) -> None:
        """Ask `belongings_of` whose a cashback is, where an event does not say."""
        self._belongings_of = belongings_of

    async def handle(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Take a batch of events in with `tx`; the same event again has no further effect.

        Raises:
            Invalid: one of them cannot be read.
        """
        said = [_said(delivery) for delivery in deliveries]
        asked = {one.wanted for one in said if one.wanted is not None}
        known = await self._belongings_of(tx, sorted(asked)) if asked else {}
        await take(
            tx, [_happening(each, one, known.get(one.wanted or "")) for each, one in zip(deliveries, said, strict=True)]
        )


def _said(delivery: Delivery) -> Said:
    """Return what an event says of whose it is.

    Raises:
        WebhookUnreadable: it is no JSON.
    """
    try:
        return msgspec.json.decode(delivery.data, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise WebhookUnreadable(f"{delivery.type} cannot be read: {cause}", type=delivery.type) from cause


def _happening(delivery: Delivery, said: Said, belonging: Belonging | None) -> Happening:
    """Return an event as endpoints hear of it."""
    return Happening(
        event_id=delivery.id,
        type=delivery.type,
        key=delivery.key,
        merchant_id=said.merchant_id or (belonging.merchant_id if belonging else None),
        occurred_at=delivery.time,
        body=body_of(delivery.type, delivery.time, completed(delivery.data, said, belonging)),
    )
