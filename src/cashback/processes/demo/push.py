"""Pushing purchases through the REST API, as a shop's own systems would."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec

from cashback.client import AsyncClient, Call, CallFailed, Patience
from cashback.client.api import merchants, programmes, purchases, structs, users
from cashback.kernel.errors import Unavailable
from cashback.processes.demo.cdnow import Sample, read_sample

CONNECTIONS: Final = 32
_ANSWER_WITHIN_S: Final = 30.0
_PATIENCE: Final = Patience(tries_max=10, wait_max_s=30.0, unreached_too=True)
"""While the API is busy or away the same call is sent again: its key makes that safe."""

T = TypeVar("T")
AnswerT = TypeVar("AnswerT")
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


PROGRAMME: Final = structs.ProgrammeBody(
    name="Five percent of everything", currency="USD", rate_bps=500, budget_minor="100000000"
)

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

        async def create(user: str) -> structs.User:
            body = structs.UserBody(reference=user, wallet=wallets[user])
            return await _send(client, users.create_user(body, idempotency_key=f"demo-{user}"))

        async def record(purchase: Sample) -> structs.PurchaseAnswer:
            body = _body(merchant_id, ids[purchase.user], purchase)
            return await _send(client, purchases.create_purchase(body, idempotency_key=purchase.reference))

        made = await _each(create, list(wallets), step)
        ids = {user: answer.id for user, answer in zip(wallets, made, strict=True)}
        answers = await _each(record, sample, step)
    decisions: dict[str, Sum] = {}
    for answer in answers:
        reason = answer.cashback.reason
        decisions[reason] = decisions.get(reason, Sum()) + _sum(answer)
    return Pushed(merchant_id=merchant_id, users=len(made), decisions=decisions)


async def prepare(url: str, api_key: str) -> Prepared:
    """Return a merchant, a user with a wallet and a purchase, with a programme in force; repeating it is safe.

    Raises:
        PushFailed: as `push`.
    """
    first = read_sample(1)[0]
    async with _client(url, api_key) as client:
        merchant_id = await _terms(client)
        someone = structs.UserBody(reference="somebody", wallet=WALLET)
        user = await _send(client, users.create_user(someone, idempotency_key="dev-person"))
        body = _body(merchant_id, user.id, msgspec.structs.replace(first, reference="of-somebody"))
        purchase = await _send(client, purchases.create_purchase(body, idempotency_key="dev-person-purchase"))
    return Prepared(merchant_id=merchant_id, user_id=user.id, purchase_id=purchase.id)


def _client(url: str, api_key: str) -> AsyncClient:
    """Return a client that opens at most `CONNECTIONS`."""
    return AsyncClient(url, api_key, patience=_PATIENCE, answer_within_s=_ANSWER_WITHIN_S, connections_max=CONNECTIONS)


async def _terms(client: AsyncClient) -> str:
    """Create the merchant and the programme, and return the merchant's id."""
    shop = structs.MerchantBody(name="CDNOW")
    merchant = await _send(client, merchants.create_merchant(shop, idempotency_key="demo-merchant"))
    await _send(client, programmes.create_programme(PROGRAMME, idempotency_key="demo-programme"))
    return merchant.id


async def _each(post: Callable[[T], Awaitable[AnswerT]], things: Sequence[T], step: Step) -> list[AnswerT]:
    """Return the answer to each thing, in order; at most `CONNECTIONS` are under way at once."""
    answers: dict[int, AnswerT] = {}
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
    return [answers[place] for place in range(len(things))]


def _body(merchant_id: str, user_id: str, purchase: Sample) -> structs.PurchaseBody:
    """Return a purchase as the API takes it."""
    return structs.PurchaseBody(
        merchant_id=merchant_id,
        user_id=user_id,
        amount_minor=purchase.amount_minor,
        currency=purchase.currency,
        occurred_at=purchase.occurred_at,
        reference=purchase.reference,
    )


def _sum(answer: structs.PurchaseAnswer) -> Sum:
    """Return one answered purchase as a sum of one."""
    return Sum(
        purchases=1,
        spent_minor=int(answer.amount_minor),
        granted_minor=int(answer.cashback.amount_minor),
        token_units=int(answer.cashback.token_units),
    )


async def _send(client: AsyncClient, call: Call[T]) -> T:
    """Return the answer to one command.

    Raises:
        PushFailed: there was none, however often it was sent, or a refusal.
    """
    try:
        return await client.send(call)
    except CallFailed as cause:
        raise PushFailed(f"{call.method} {call.path} came to nothing: {cause}") from cause
