"""A shop with customers, over REST: commands that are repeated under their key until answered, and a steady load."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import Any, Final

import httpx
import msgspec
from eth_utils.address import to_checksum_address

from cashback.processes.stack import Stack
from tests.support.facts import eventually, pause
from tests.support.stack import rest_client

PROGRAMME: Final = {"name": "Five percent", "currency": "USD", "rate_bps": 500, "budget_minor": "1000000000"}
ANSWERED_WITHIN_S: Final = 200.0
FINAL_WITHIN_S: Final = 40.0
LIVE_WITHIN_S: Final = 30.0
IN_FLIGHT_MAX: Final = 200

_TRY_AGAIN_AFTER_S: Final = 0.1
_KEY_BUSY: Final = "idempotency_key_busy"
_numbers: Final = count(1)


class Customer(msgspec.Struct, frozen=True):
    """A user of ours, with the wallet it was created with."""

    id: str
    wallet: str | None


class Shop:
    """One merchant and its customers, in the hands of the operator."""

    def __init__(self, http: httpx.AsyncClient, merchant_id: str) -> None:
        """Call over `http`."""
        self.http = http
        self.merchant_id = merchant_id

    @classmethod
    @asynccontextmanager
    async def open(cls, stack: Stack) -> AsyncIterator["Shop"]:
        """Yield a shop of its own in a system whose programme pays five percent."""
        async with rest_client(stack, stack.operator_key) as http:
            shop = cls(http, "")
            await shop.post("/v1/programmes", PROGRAMME)
            merchant = await shop.post("/v1/merchants", {"name": f"Shop {next(_numbers)}"})
            shop.merchant_id = str(merchant["id"])
            yield shop

    async def customer(self, *, has_wallet: bool = True) -> Customer:
        """Return a new customer, with a wallet that nobody else has unless told otherwise."""
        wallet = new_wallet() if has_wallet else None
        user = await self.post("/v1/users", {} if wallet is None else {"wallet": wallet})
        return Customer(str(user["id"]), wallet)

    async def buy(
        self, customer: Customer, *, amount_minor: int = 10_000, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the answer to a new purchase."""
        return await self.post("/v1/purchases", self.purchase(customer, amount_minor=amount_minor), headers=headers)

    def purchase(self, customer: Customer, *, amount_minor: int = 10_000) -> dict[str, Any]:
        """Return the body of a purchase of `customer` here and now."""
        return {
            "merchant_id": self.merchant_id,
            "user_id": customer.id,
            "amount_minor": str(amount_minor),
            "currency": "USD",
            "occurred_at": datetime.now(UTC).isoformat(),
        }

    async def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the answer to a command, repeated under its key while the API is away or busy."""
        sent = {"Idempotency-Key": key or new_key(), **(headers or {})}

        async def look() -> httpx.Response | None:
            try:
                response = await self.http.post(path, json=body, headers=sent)
            except httpx.TransportError:
                response = None
            if response is not None and not _asks_for_patience(response):
                return response
            await pause(_TRY_AGAIN_AFTER_S)
            return None

        answered = await eventually(look, within_s=ANSWERED_WITHIN_S, what=f"an answer to POST {path}")
        assert answered.status_code == HTTPStatus.CREATED, f"POST {path}: {answered.status_code} {answered.text}"
        document: dict[str, Any] = answered.json()
        return document

    async def get(self, path: str) -> dict[str, Any]:
        """Return the document at `path`."""
        response = await self.http.get(path)
        assert response.status_code == HTTPStatus.OK, f"GET {path}: {response.status_code} {response.text}"
        document: dict[str, Any] = response.json()
        return document

    async def settled(self, purchase_id: str, state: str = "minted") -> dict[str, Any]:
        """Return the cashback of a purchase once it has come to `state`."""

        async def look() -> dict[str, Any] | None:
            cashback: dict[str, Any] = (await self.get(f"/v1/purchases/{purchase_id}"))["cashback"]
            return cashback if cashback["state"] == state else None

        return await eventually(look, within_s=FINAL_WITHIN_S, what=f"{purchase_id} is {state}")

    async def live_cashback(self, purchase_id: str) -> dict[str, Any]:
        """Return the cashback of a requested purchase with the chain's word: the API waits for that half a second."""

        async def look() -> dict[str, Any] | None:
            cashback: dict[str, Any] = (await self.get(f"/v1/purchases/{purchase_id}"))["cashback"]
            return None if cashback["mint"]["is_stale"] else cashback

        return await eventually(look, within_s=LIVE_WITHIN_S, what=f"the chain's word on {purchase_id}")

    async def live_balance(self, user_id: str) -> dict[str, Any]:
        """Return a user's balance with the chain's figure, for which the API waits half a second."""

        async def look() -> dict[str, Any] | None:
            balance = await self.get(f"/v1/users/{user_id}/balance")
            return None if balance["is_stale"] else balance

        return await eventually(look, within_s=LIVE_WITHIN_S, what=f"the chain's figure for {user_id}")


class Load:
    """A steady stream of purchases; each is repeated under its key until answered, whatever is killed meanwhile."""

    def __init__(self, shop: Shop, customers: list[Customer], *, per_second: float) -> None:
        """Buy nothing yet."""
        self.answers: dict[str, dict[str, Any]] = {}
        self._shop = shop
        self._customers = customers
        self._beat_s = 1 / per_second
        self._turns = asyncio.Semaphore(IN_FLIGHT_MAX)

    @classmethod
    @asynccontextmanager
    async def on(cls, stack: Stack, *, per_second: float = 30, customers: int = 8) -> AsyncIterator["Load"]:
        """Yield a load that runs while the block lasts; at its end every purchase that was begun is answered."""
        async with Shop.open(stack) as shop:
            load = cls(shop, [await shop.customer() for _ in range(customers)], per_second=per_second)
            async with load.running():
                yield load

    @property
    def merchant_id(self) -> str:
        """Return the merchant that all of it was bought from, and nothing else."""
        return self._shop.merchant_id

    @property
    def purchases(self) -> list[str]:
        """Return the ids of the purchases that were accepted."""
        return [str(answer["id"]) for answer in self.answers.values()]

    async def goes_on(self, purchases: int) -> None:
        """Return when so many more purchases were answered: the clock by which faults are timed."""
        wanted = len(self.answers) + purchases

        async def look() -> bool | None:
            return True if len(self.answers) >= wanted else None

        await eventually(look, within_s=ANSWERED_WITHIN_S, what=f"{purchases} more purchases are answered")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Buy while the block lasts; at its end wait until the last purchase is answered."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run(stop))
            try:
                yield
            finally:
                stop.set()

    async def _run(self, stop: asyncio.Event) -> None:
        """Begin a purchase at every beat."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        async with asyncio.TaskGroup() as posts:
            for place in count():
                if stop.is_set():
                    return
                await self._turns.acquire()
                posts.create_task(self._buy(place))
                await pause(begun_s + (place + 1) * self._beat_s - loop.time())

    async def _buy(self, place: int) -> None:
        """Buy once, as often as it takes."""
        key = new_key()
        customer = self._customers[place % len(self._customers)]
        body = self._shop.purchase(customer, amount_minor=1_000 + place)
        try:
            self.answers[key] = await self._shop.post("/v1/purchases", body, key=key)
        finally:
            self._turns.release()


def _asks_for_patience(response: httpx.Response) -> bool:
    """Tell whether the same request may be answered otherwise in a while."""
    is_busy = response.status_code == HTTPStatus.CONFLICT and response.json()["code"] == _KEY_BUSY
    return is_busy or response.status_code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def new_key() -> str:
    """Return an idempotency key that nobody used."""
    return f"test-{secrets.token_hex(12)}"


def new_wallet() -> str:
    """Return the address of a wallet that nobody has, with its EIP-55 checksum."""
    return str(to_checksum_address(f"0x{secrets.token_hex(20)}"))
