"""A market for tests of lists: two shops with their keys, two users, what was bought and what was returned."""

from datetime import timedelta

import msgspec

from cashback.purchases.model import Merchant, User
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, buy

DAY = timedelta(days=1)


class Market(msgspec.Struct, frozen=True):
    """Two shops with their keys, two users, what was bought, by a word for each, and what was returned of it."""

    shop: Merchant
    rival: Merchant
    keeper: Caller
    stranger: Caller
    anna: User
    bert: User
    purchases: dict[str, str]
    refunds: dict[str, str]

    def named(self, ids: list[str]) -> set[str]:
        """Return the words of these purchases and refunds."""
        words = {id_: word for word, id_ in (self.purchases | self.refunds).items()}
        assert len(set(ids)) == len(ids)
        return {words[id_] for id_ in ids if id_ in words}


async def opened(rest: Rest, world: World) -> Market:
    """Return what was bought at both, on three days and in two currencies, and three refunds."""
    shop, rival = await world.merchant(), await world.merchant()
    anna, bert = await world.user(), await world.user()
    bought = {
        "shoes": buy(anna, shop, reference="order 1", occurred_at=START - 3 * DAY, received_at=START - 2 * DAY),
        "hat": buy(bert, shop, reference="order 2", occurred_at=START - 2 * DAY, received_at=START - DAY),
        "tea": buy(anna, shop, currency="EUR", occurred_at=START - DAY, received_at=START - DAY),
        "book": buy(anna, rival, reference="order 1", occurred_at=START - DAY, received_at=START),
    }
    answers = await world.record(*bought.values())
    purchases = {word: answer.id for word, answer in zip(bought, answers, strict=True)}
    keeper, stranger = await rest.merchant(shop), await rest.merchant(rival)
    refunds = {}
    for word, caller, body in (
        ("lace", keeper, {"purchase_id": purchases["shoes"], "amount_minor": "100", "reference": "return 1"}),
        ("sole", keeper, {"purchase_id": purchases["shoes"], "amount_minor": "200", "kind": "chargeback"}),
        ("page", stranger, {"purchase_id": purchases["book"], "amount_minor": "300", "reference": "return 1"}),
    ):
        refunds[word] = (await caller.post("/v1/refunds", {"reason": "sent back", **body})).json()["id"]
    return Market(shop, rival, keeper, stranger, anna, bert, purchases, refunds)
