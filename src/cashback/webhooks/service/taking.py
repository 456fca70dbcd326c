"""Taking events in: each is logged, and becomes a delivery for every endpoint that hears of it, as its inbox has it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.webhooks.model import MISSED_DAYS, Belonging, EndpointState, Happening, NewDelivery
from cashback.webhooks.rules.matching import pairs
from cashback.webhooks.service import metrics
from cashback.webhooks.store import deliveries, endpoints, events

BelongingsOf: TypeAlias = Callable[[Tx, Sequence[str]], Awaitable[Mapping[str, Belonging]]]
"""Returns whose each cashback is that there is; the process that knows the ledger gives it."""


async def take(tx: Tx, happenings: Sequence[Happening]) -> int:
    """Log these events and store their deliveries, with `tx`; return how many of those are new: again makes none.

    An event is logged though nobody listens: the log is what `GET /v1/events` tells, to merchants without an endpoint
    too, and an endpoint that is made tomorrow is no reason to have forgotten today.
    """
    await events.insert(tx, happenings)
    merchants = {happening.merchant_id for happening in happenings if happening.merchant_id is not None}
    types = {happening.type for happening in happenings}
    found = await endpoints.listening(tx, merchant_ids=sorted(merchants), types=sorted(types), missed_days=MISSED_DAYS)
    new = [
        NewDelivery(
            id=new_id("whd"),
            endpoint_id=endpoint.id,
            happening=happening,
            is_missed=endpoint.state is EndpointState.DISABLED,
        )
        for endpoint, happening in pairs(found, happenings)
    ]
    if not new:
        return 0
    stored = await deliveries.insert(tx, new)
    metrics.taken.inc(stored)
    return stored
