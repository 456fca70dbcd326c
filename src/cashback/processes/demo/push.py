"""Pushing purchases through the REST API, as a shop's own systems would."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from cashback.kernel.errors import Unavailable
from cashback.processes.demo.cdnow import Sample, read_sample

CONNECTIONS: Final = 32
_ANSWER_WITHIN_S: Final = 30.0
_TRIES_MAX: Final = 10

Step: TypeAlias = Callable[[int], None]
"""Is told how many more were answered."""


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What the API answered: how many users and purchases, and how many of these per reason."""

    merchant_id: str
    users: int
    purchases: int
    reasons: dict[str, int]

    @property
    def granted(self) -> int:
        """Return how many purchases earned something."""
        return sum(count for reason, count in self.reasons.items() if reason.startswith("granted"))


class PushFailed(Unavailable):
    """The API refused or failed where the demo's own data leave no reason for it."""

    code = "push_failed"


async def push(url: str, api_key: str, sample: Sequence[Sample], *, step: Step = lambda count: None) -> Pushed:  # noqa: ARG005
    """Create merchant, programme and users, then post every purchase; a second run changes nothing.

    Raises:
        PushFailed: an answer was not the documented one.
    """
    async with _client(url, api_key) as client:
        merchant_id = await _terms(client)
        wallets = {purchase.user: purchase.wallet for purchase in sample}
        users = await _each(
            [
                _post(client, "/v1/users", f"demo-{user}", {"reference": user, "wallet": wallet})
                for user, wallet in wallets.items()
            ],
            step,
        )
        ids = dict(zip(wallets, (str(user["id"]) for user in users), strict=True))
        answers = await _each([_post_purchase(client, merchant_id, ids, purchase) for purchase in sample], step)
    reasons = Counter(str(answer["cashback"]["reason"]) for answer in answers)
    return Pushed(merchant_id=merchant_id, users=len(users), purchases=len(answers), reasons=dict(reasons))


async def prepare(url: str, api_key: str) -> tuple[str, str]:
    """Return the ids of a merchant and of a user with a wallet, with a programme in force; repeating it is safe.

    Raises:
        PushFailed: as `push`.
    """
    first = read_sample(1)[0]
    async with _client(url, api_key) as client:
        merchant_id = await _terms(client)
        user = await _post(client, "/v1/users", f"demo-{first.user}", {"reference": first.user, "wallet": first.wallet})
    return merchant_id, str(user["id"])


def _client(url: str, api_key: str) -> httpx.AsyncClient:
    """Return a client that opens at most `CONNECTIONS`."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"Authorization": f"Bearer {api_key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=_ANSWER_WITHIN_S)


async def _terms(client: httpx.AsyncClient) -> str:
    """Create the merchant and the programme, and return the merchant's id."""
    merchant = await _post(client, "/v1/merchants", "demo-merchant", {"name": "CDNOW"})
    await _post(client, "/v1/programmes", "demo-programme", PROGRAMME)
    return str(merchant["id"])


PROGRAMME: Final = {
    "name": "Five percent of everything",
    "currency": "USD",
    "rate_bps": 500,
    "budget_minor": "100000000",
}


async def _each(calls: Sequence[Any], step: Step) -> list[dict[str, Any]]:
    """Return every call's answer in order; at most `CONNECTIONS` are under way at once."""
    turns = asyncio.Semaphore(CONNECTIONS)

    async def one(call: Any) -> dict[str, Any]:  # noqa: ANN401  # an awaitable of the caller's
        async with turns:
            answer: dict[str, Any] = await call
        step(1)
        return answer

    return list(await asyncio.gather(*(one(call) for call in calls)))


async def _post_purchase(
    client: httpx.AsyncClient, merchant_id: str, users: dict[str, str], purchase: Sample
) -> dict[str, Any]:
    """Post one purchase under its own reference as idempotency key."""
    body = {
        "merchant_id": merchant_id,
        "user_id": users[purchase.user],
        "amount_minor": purchase.amount_minor,
        "currency": purchase.currency,
        "occurred_at": purchase.occurred_at,
        "reference": purchase.reference,
    }
    return await _post(client, "/v1/purchases", purchase.reference, body)


async def _post(client: httpx.AsyncClient, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one command; the key makes repeating it safe while the API is busy or away."""
    response: httpx.Response | None = None
    for _ in range(_TRIES_MAX):
        try:
            response = await client.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            response = None
        if response is not None and response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        await asyncio.sleep(1)
    if response is None or response.status_code != httpx.codes.CREATED:
        said = "nothing" if response is None else f"{response.status_code} {response.text[:500]}"
        raise PushFailed(f"POST {path} was answered with {said}")
    answer: dict[str, Any] = response.json()
    return answer
