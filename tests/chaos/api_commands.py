"""The commands that an API is killed in the middle of: what each says, what it leaves, and what it brings."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import msgspec

from tests.integration.purchases.proving import holder
from tests.support.load import Customer, Shop
from tests.support.stack import WholeSystem

PARTS: Final = 3
WHY: Final = {"person": "alice", "reason": "the parcel came late"}
_names: Final = count(1)
_holders: Final = count(1_001)


class Scene(msgspec.Struct, frozen=True):
    """A system, and a shop with one customer that nothing else happens to."""

    stack: WholeSystem
    shop: Shop
    customer: Customer

    @classmethod
    @asynccontextmanager
    async def open(cls, stack: WholeSystem, *, has_wallet: bool = True) -> AsyncIterator["Scene"]:
        """Yield a scene of its own."""
        async with Shop.open(stack) as shop:
            yield cls(stack, shop, await shop.customer(has_wallet=has_wallet))

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        [(rows,)] = self.stack.rows("cashback", f"select count(*) from {table}")
        return int(rows)

    def purchases(self) -> list[dict[str, object]]:
        """Return the bodies of purchases that nobody has told yet."""
        return [self.shop.purchase(self.customer) | {"reference": f"A-{next(_names)}"} for _ in range(PARTS)]

    async def assert_minted(self, cashbacks: int) -> None:
        """Assert that the customer got so many cashbacks, each minted once to its wallet, and the chain says so.

        For a system in which nothing is under way any more.
        """
        query = "select mint_number, lower(recipient), token_units from ledger.cashback_ledger where user_id = %s"
        minted = self.stack.rows("cashback", f"{query} and state = 'minted'", self.customer.id)
        assert len(minted) == cashbacks
        wallet = str((await self.shop.get(f"/v1/users/{self.customer.id}"))["wallet"]).lower()
        async with self.stack.chain() as chain:
            logs = await chain.mint_logs()
        seen = Counter((log.number, log.recipient, log.amount) for log in logs if log.recipient == wallet)
        assert seen == Counter((number, recipient, int(units)) for number, recipient, units in minted)
        assert {recipient for _, recipient, _ in seen} == ({wallet} if cashbacks else set())


class Command(msgspec.Struct, frozen=True):
    """A kind of request: where it goes, what it says, and what it makes how many rows of.

    Its customer has so many minted cashbacks at the end, and has no wallet at the beginning if it is to prove one, or
    if what it bought is to be given back before it is minted.
    """

    path: str
    body: Callable[[Scene], Awaitable[object]]
    table: str
    effects: int = 1
    cashbacks: int = 0
    has_wallet: bool = True


async def _purchase(scene: Scene) -> object:
    """Return the body of a purchase."""
    return scene.purchases()[0]


async def _bulk(scene: Scene) -> object:
    """Return the body of some purchases under one key."""
    return {"purchases": scene.purchases()}


async def _stream(scene: Scene) -> object:
    """Return the same, a line for each."""
    return b"\n".join(msgspec.json.encode(purchase) for purchase in scene.purchases())


async def _refund(scene: Scene) -> object:
    """Return the body of a full return of a purchase of its own, whose cashback waits for a wallet."""
    bought = await scene.shop.buy(scene.customer)
    return {"purchase_id": bought["id"], "amount_minor": bought["amount_minor"], "reason": "it did not fit"}


async def _credit(scene: Scene) -> object:
    """Return the body of a credit, from the oldest programme."""
    [(programme,)] = scene.stack.rows("cashback", "select id from ledger.programmes order by id limit 1")
    return {"kind": "credit", "user_id": scene.customer.id, "programme_id": programme, "amount_minor": "500", **WHY}


async def _proof(scene: Scene) -> object:
    """Return the body of a proof of a wallet, for which a cashback waits."""
    who = holder(next(_holders))
    await scene.shop.buy(scene.customer)
    asked = await scene.shop.post(f"/v1/users/{scene.customer.id}/wallet-challenges", {"wallet": who.address})
    return {"nonce": asked["nonce"], "signature": who.sign(asked["message"])}


async def _endpoint(scene: Scene) -> object:
    """Return the body of an endpoint that is told of refunds, of which the scene has none."""
    url = f"https://shop.example/{next(_names)}"
    return {"merchant_id": scene.shop.merchant_id, "url": url, "types": ["purchase.refunded"]}


async def _user(scene: Scene) -> object:
    """Return the body of a user."""
    del scene
    return {}


async def _merchant(scene: Scene) -> object:
    """Return the body of a merchant."""
    del scene
    return {"name": f"Shop {next(_names)}"}


async def _key(scene: Scene) -> object:
    """Return the body of an operator's key."""
    del scene
    return {"label": "of a test"}


async def _programme(scene: Scene) -> object:
    """Return the body of a programme in a currency that nobody pays in."""
    del scene
    return {"name": f"programme {next(_names)}", "currency": "JPY"}


COMMANDS: Final = {
    "purchase": Command("/v1/purchases", _purchase, "purchases.purchases", cashbacks=1),
    "refund": Command("/v1/refunds", _refund, "purchases.refunds", has_wallet=False),
    "user": Command("/v1/users", _user, "purchases.users"),
    "proof": Command("/v1/users/{user_id}/wallet-proofs", _proof, "purchases.wallets", cashbacks=1, has_wallet=False),
    "merchant": Command("/v1/merchants", _merchant, "purchases.merchants"),
    "key": Command("/v1/api-keys", _key, "purchases.api_keys"),
    "programme": Command("/v1/programmes", _programme, "ledger.programmes"),
    "adjustment": Command("/v1/adjustments", _credit, "ledger.adjustments", cashbacks=1),
    "endpoint": Command("/v1/webhooks/endpoints", _endpoint, "webhooks.endpoints"),
    "bulk": Command("/v1/purchases/bulk", _bulk, "purchases.purchases", effects=PARTS, cashbacks=PARTS),
    "stream": Command("/v1/purchases/stream", _stream, "purchases.purchases", effects=PARTS, cashbacks=PARTS),
}
OF_PARTS: Final = frozenset({"bulk", "stream"})
"""Commands whose key is committed first, and whose effects are in a second transaction."""
