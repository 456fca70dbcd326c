"""Commands to webhooks, each done once by the idempotency keys of purchases; and which merchants there are."""

from collections.abc import Mapping
from typing import Final

from cashback.kernel.db import Tx
from cashback.purchases.model import OPERATOR, MerchantUnknown, Order, Refused
from cashback.purchases.service import Orders, People, Rebuilder, one_by_one
from cashback.webhooks.model import Endpoint, EndpointUnknown
from cashback.webhooks.service.commands import Act, Asked, Done, Known, Once, Terms
from cashback.webhooks.service.owning import seen


async def _endpoint(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """Return an endpoint as it stands: whoever has the key of a command to it may know of it."""
    try:
        return await seen(tx, endpoint_id, merchant_id=None)
    except EndpointUnknown:
        return None


WEBHOOK_REBUILDERS: Final[Mapping[str, Rebuilder]] = dict.fromkeys(
    (
        "create_webhook_endpoint",
        "change_webhook_endpoint",
        "rotate_webhook_secret",
        "enable_webhook_endpoint",
        "disable_webhook_endpoint",
    ),
    one_by_one(_endpoint),
)
"""What makes answers about endpoints anew; those about deliveries are kept, as these are forgotten themselves."""


def once_by(orders: Orders) -> Once:
    """Return what does a command once: in the transaction of its key, which is refused with it."""

    async def once(asked: Asked, what: str, terms: Terms, act: Act) -> Done:
        """Do it, or return what came of it the first time.

        Raises:
            Rejected: it was refused, and nothing of it is stored.
        """
        order = Order(
            owner=asked.merchant_id or OPERATOR,
            key=asked.key,
            key_id=asked.by,
            traceparent=asked.traceparent,
            what=what,
            terms=terms,
        )
        outcome = await orders.do(order, act)
        if isinstance(outcome, Refused):
            raise outcome.error
        return Done(outcome.answer, outcome.is_replay, outcome.is_rebuilt)

    return once


def known_to(people: People) -> Known:
    """Return what knows whether there is a merchant."""

    async def known(merchant_id: str) -> None:
        """Return where there is such a merchant.

        Raises:
            MerchantUnknown: there is none.
        """
        try:
            await people.merchant(merchant_id)
        except MerchantUnknown as cause:
            raise MerchantUnknown("there is no such merchant", pointer="/merchant_id") from cause

    return known
