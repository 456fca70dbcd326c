"""Commands to webhooks, each done once by the idempotency keys of purchases; and which merchants there are."""

from cashback.purchases.model import OPERATOR, MerchantUnknown, Order, Refused
from cashback.purchases.service import Orders, People
from cashback.webhooks.service.commands import Act, Asked, Done, Known, Once, Terms


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
        return Done(outcome.answer, outcome.is_replay)

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
