"""The way in: events of all types, in batches, inside the transaction of their inbox."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus import Delivery
from cashback.kernel.db import Tx
from cashback.kernel.errors import Invalid
from cashback.webhooks.model import Happening
from cashback.webhooks.rules.signing import body_of
from cashback.webhooks.service.event_types import EVENT_TYPES
from cashback.webhooks.service.taking import MerchantsOf, take

NAME: Final = "webhooks-deliveries"
TYPES: Final = EVENT_TYPES


class WebhookUnreadable(Invalid):
    """An event's data is no JSON object, so that nobody can be told of it."""

    code = "event_unreadable"


class Owner(msgspec.Struct, frozen=True):
    """What of an event says whose it is; all else is passed on as it stands, whichever version it has."""

    merchant_id: str | None = None
    cashback_id: str | None = None


class WebhookEvents:
    """The handler of all events."""

    def __init__(self, merchants_of: MerchantsOf) -> None:
        """Ask `merchants_of` whose cashback it is, where an event does not say."""
        self._merchants_of = merchants_of

    async def handle(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Take a batch of events in with `tx`; the same event again has no further effect.

        Raises:
            Invalid: one of them cannot be read.
        """
        owners = [_owner(delivery) for delivery in deliveries]
        asked = {owner.cashback_id for owner in owners if owner.merchant_id is None and owner.cashback_id is not None}
        known = await self._merchants_of(tx, sorted(asked)) if asked else {}
        await take(tx, [_happening(each, owner, known) for each, owner in zip(deliveries, owners, strict=True)])


def _owner(delivery: Delivery) -> Owner:
    """Return whose an event is, as far as it says so.

    Raises:
        WebhookUnreadable: it is no JSON.
    """
    try:
        return msgspec.json.decode(delivery.data, type=Owner)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise WebhookUnreadable(f"{delivery.type} cannot be read: {cause}", type=delivery.type) from cause


def _happening(delivery: Delivery, owner: Owner, known: Mapping[str, str]) -> Happening:
    """Return an event as endpoints hear of it."""
    return Happening(
        event_id=delivery.id,
        type=delivery.type,
        key=delivery.key,
        merchant_id=owner.merchant_id or known.get(owner.cashback_id or ""),
        occurred_at=delivery.time,
        body=body_of(delivery.type, delivery.time, delivery.data),
    )
