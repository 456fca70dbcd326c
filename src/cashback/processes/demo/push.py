"""Pushing purchases through the REST API, as a shop's own systems would."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar

import aiohttp
import msgspec

from cashback.kernel.errors import Unavailable
from cashback.processes.demo.cdnow import Sample, read_sample

CONNECTIONS: Final = 32
_ANSWER_WITHIN_S: Final = 30.0
_TRIES_MAX: Final = 10
_PAUSE_S: Final = 1.0
_TOLD_MAX: Final = 500
_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""What the same request may be repeated after."""

T = TypeVar("T")
Answer: TypeAlias = dict[str, Any]
"""A JSON document, of the API or for it."""

Step: TypeAlias = Callable[[int], None]
"""Is told how many more were answered."""


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Some purchases: how many, what was spent and granted in cents, and what that is in base units of the token."""

    purchases: int = 0
    spent_minor: int = 0
    granted_minor: int = 0
    token_units: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(
            purchases=self.purchases + other.purchases,
            spent_minor=self.spent_minor + other.spent_minor,
            granted_minor=self.granted_minor + other.granted_minor,
            token_units=self.token_units + other.token_units,
        )


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What the API answered: to how many users, and to the purchases by decision."""

    merchant_id: str
    users: int
    decisions: dict[str, Sum]

    @property
    def total(self) -> Sum:
        """Return the sum of all decisions."""
        return sum(self.decisions.values(), start=Sum())

    @property
    def granted(self) -> int:
        """Return how many purchases earned something."""
        return sum(part.purchases for part in self.decisions.values() if part.token_units)

    @property
    def token_units(self) -> int:
        """Return what they earned, in base units."""
        return self.total.token_units


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to try things on: a merchant, a user with a wallet, and a first purchase."""

    merchant_id: str
    user_id: str
    purchase_id: str


class PushFailed(Unavailable):
    """The API refused or failed where the demo's own data leave no reason for it."""

    code = "push_failed"


PROGRAMME: Final = {
    "name": "Five percent of everything",
    "currency": "USD",
    "rate_bps": 500,
    "budget_minor": "100000000",
}

WALLET: Final = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
"""Of nobody in the sample, all of whom may be imported beside: a wallet is one user's."""


def _to_nobody(count: int) -> None:
    """Keep the count to oneself."""
    del count


async def push(url: str, api_key: str, sample: Sequence[Sample], *, step: Step = _to_nobody) -> Pushed:
    """Create merchant, programme and users, then post every purchase; a second run changes nothing.

    Raises:
        PushFailed: an answer was not the documented one.
    """
    async with _client(url, api_key) as client:
        merchant_id = await _terms(client)
        wallets = {purchase.user: purchase.wallet for purchase in sample}

        async def create(user: str) -> Answer:
            return await _post(client, "/v1/users", f"demo-{user}", {"reference": user, "wallet": wallets[user]})

        async def record(purchase: Sample) -> Answer:
            body = _body(merchant_id, ids[purchase.user], purchase)
            return await _post(client, "/v1/purchases", purchase.reference, body)

        users = await _each(create, list(wallets), step)
        ids = {user: str(answer["id"]) for user, answer in zip(wallets, users, strict=True)}
        answers = await _each(record, sample, step)
    decisions: dict[str, Sum] = {}
    for answer in answers:
        reason = str(answer["cashback"]["reason"])
        decisions[reason] = decisions.get(reason, Sum()) + _sum(answer)
    return Pushed(merchant_id=merchant_id, users=len(users), decisions=decisions)


async def prepare(url: str, api_key: str) -> Prepared:
    """Return a merchant, a user with a wallet and a purchase, with a programme in force; repeating it is safe.

    Raises:
        PushFailed: as `push`.
    """
    first = read_sample(1)[0]
    async with _client(url, api_key) as client:
        merchant_id = await _terms(client)
        user = await _post(client, "/v1/users", "dev-person", {"reference": "somebody", "wallet": WALLET})
        body = _body(merchant_id, str(user["id"]), msgspec.structs.replace(first, reference="of-somebody"))
        purchase = await _post(client, "/v1/purchases", "dev-person-purchase", body)
    return Prepared(merchant_id=merchant_id, user_id=str(user["id"]), purchase_id=str(purchase["id"]))


def _client(url: str, api_key: str) -> aiohttp.ClientSession:
    """Return a client that opens at most `CONNECTIONS`."""
    return aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {api_key}"},
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=_ANSWER_WITHIN_S),
    )


async def _terms(client: aiohttp.ClientSession) -> str:
    """Create the merchant and the programme, and return the merchant's id."""
    merchant = await _post(client, "/v1/merchants", "demo-merchant", {"name": "CDNOW"})
    await _post(client, "/v1/programmes", "demo-programme", PROGRAMME)
    return str(merchant["id"])


async def _each(post: Callable[[T], Awaitable[Answer]], things: Sequence[T], step: Step) -> list[Answer]:
    """Return the answer to each thing, in order; at most `CONNECTIONS` are under way at once."""
    answers: list[Answer] = [{}] * len(things)
    places = iter(range(len(things)))

    async def work() -> None:
        for place in places:
            answers[place] = await post(things[place])
            step(1)

    workers = [asyncio.create_task(work()) for _ in range(CONNECTIONS)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return answers


def _body(merchant_id: str, user_id: str, purchase: Sample) -> Answer:
    """Return a purchase as the API takes it."""
    return {
        "merchant_id": merchant_id,
        "user_id": user_id,
        "amount_minor": purchase.amount_minor,
        "currency": purchase.currency,
        "occurred_at": purchase.occurred_at,
        "reference": purchase.reference,
    }


def _sum(answer: Answer) -> Sum:
    """Return one answered purchase as a sum of one."""
    cashback = answer["cashback"]
    return Sum(
        purchases=1,
        spent_minor=int(answer["amount_minor"]),
        granted_minor=int(cashback["amount_minor"]),
        token_units=int(cashback["token_units"]),
    )


async def _post(client: aiohttp.ClientSession, path: str, key: str, body: Answer) -> Answer:
    """Return the answer to one command; the key makes repeating it safe while the API is busy or away."""
    said = "nothing"
    for _ in range(_TRIES_MAX):
        try:
            async with client.post(path, json=body, headers={"Idempotency-Key": key}) as response:
                if response.status == HTTPStatus.CREATED:
                    answer: Answer = await response.json()
                    return answer
                said = f"{response.status} {(await response.text())[:_TOLD_MAX]}"
                if response.status not in _LATER:
                    break
        except (aiohttp.ClientError, TimeoutError) as error:
            said = repr(error)
        await asyncio.sleep(_PAUSE_S)
    raise PushFailed(f"POST {path} was answered with {said}")
