"""Kill -9 of the API before and after each commit and answer: the same request again, and one effect (I4, I7)."""

import asyncio
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psycopg
import pytest

from cashback.kernel.failpoints import POINTS
from cashback.kernel.http.commands import REPLAYED
from cashback.processes.embedded import CashbackProcess
from tests.chaos.adapter_stage import ended_by_itself
from tests.contract.rest.served import operators_secret, process_over
from tests.contract.rest.world import a_purchase
from tests.integration.ledger.world import Dsns, fresh_database, new_key
from tests.support.servers import Databases

WHY: Final = {"person": "alice", "reason": "the parcel came late"}
LINES: Final = "application/x-ndjson"
ANSWER_WITHIN_S: Final = 30.0
_names: Final = count(1)


class Shop(msgspec.Struct, frozen=True):
    """A database with an API over it that nobody kills, and what requests are about."""

    dsns: Dsns
    http: httpx.Client
    secret: str
    user_id: str
    merchant_id: str
    programme_id: str

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        with psycopg.connect(self.dsns.superuser) as connection:
            row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def done(self, path: str, body: object) -> dict[str, Any]:
        """Return the answer to a command that nothing happens to."""
        response = self.http.post(path, json=body, headers={"Idempotency-Key": new_key()})
        assert response.status_code == HTTPStatus.CREATED, response.text
        told: dict[str, Any] = response.json()
        return told

    def purchase(self) -> dict[str, object]:
        """Return the body of a purchase that nobody has told yet."""
        return a_purchase(self.user_id, reference=f"A-{next(_names)}", merchant_id=self.merchant_id)


class Command(msgspec.Struct, frozen=True):
    """A kind of request: where it goes, what it says, and what it makes how many rows of."""

    path: str
    body: Callable[[Shop], object]
    table: str
    effects: int = 1
    transactions: int = 1


def _refund(shop: Shop) -> dict[str, object]:
    """Return the body of a full return of a purchase of its own."""
    bought = shop.done("/v1/purchases", shop.purchase())
    return {"purchase_id": bought["id"], "amount_minor": bought["amount_minor"], "reason": "it did not fit"}


def _credit(shop: Shop) -> dict[str, object]:
    """Return the body of a credit."""
    given = {"user_id": shop.user_id, "programme_id": shop.programme_id, "amount_minor": "500"}
    return {"kind": "credit", **given, **WHY}


COMMANDS: Final = {
    "purchase": Command("/v1/purchases", Shop.purchase, "purchases.purchases"),
    "refund": Command("/v1/refunds", _refund, "purchases.refunds"),
    "user": Command("/v1/users", lambda _: {}, "purchases.users"),
    "merchant": Command("/v1/merchants", lambda _: {"name": f"Shop {next(_names)}"}, "purchases.merchants"),
    "key": Command("/v1/api-keys", lambda _: {"label": "of a test"}, "purchases.api_keys"),
    "programme": Command(
        "/v1/programmes", lambda _: {"name": f"programme {next(_names)}", "currency": "JPY"}, "ledger.programmes"
    ),
    "adjustment": Command("/v1/adjustments", _credit, "ledger.adjustments"),
    "endpoint": Command(
        "/v1/webhooks/endpoints",
        lambda shop: {
            "merchant_id": shop.merchant_id,
            "url": f"https://shop.example/{next(_names)}",
            "types": ["purchase.refunded"],
        },
        "webhooks.endpoints",
    ),
    "bulk": Command(
        "/v1/purchases/bulk",
        lambda shop: {"purchases": [shop.purchase() for _ in range(3)]},
        "purchases.purchases",
        effects=3,
        transactions=2,
    ),
    "stream": Command(
        "/v1/purchases/stream",
        lambda shop: b"\n".join(msgspec.json.encode(shop.purchase()) for _ in range(3)),
        "purchases.purchases",
        effects=3,
        transactions=2,
    ),
}
OF_PARTS: Final = ("bulk", "stream")
CASES: Final = [
    (name, point)
    for name in COMMANDS
    for point in sorted(POINTS["api"])
    if point != "part.recorded" or name in OF_PARTS
]
FIRST_TIER: Final = {("purchase", point) for point in POINTS["api"]} | {
    ("bulk", "part.recorded"),
    ("key", "answer.sending"),
}
"""What is tried in every run; the others take a process each as well, and are tried in the deep one."""


@pytest.fixture(scope="module")
def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a programme in force, a user and a merchant."""
    with fresh_database(databases) as dsns, process_over(dsns, tmp_path_factory.mktemp("unhurt")) as process:
        secret = operators_secret(dsns)
        with client(process, secret) as http:
            known = Shop(dsns, http, secret, "", "", "")
            terms = {"name": "of a test", "currency": "USD", "rate_bps": 150, "budget_minor": "1000000"}
            yield msgspec.structs.replace(
                known,
                programme_id=known.done("/v1/programmes", terms)["id"],
                user_id=known.done("/v1/users", {})["id"],
                merchant_id=known.done("/v1/merchants", {"name": "Shop"})["id"],
            )


@pytest.mark.invariant("I4", "I7")
@pytest.mark.parametrize(
    "name,point",
    [pytest.param(*case, marks=() if case in FIRST_TIER else pytest.mark.deep, id="-".join(case)) for case in CASES],
)
def test_an_api_killed_at_a_point_has_done_it_once_when_it_is_asked_again(
    shop: Shop, tmp_path: Path, name: str, point: str
) -> None:
    """By another process: it is done then if it was rolled back, and answered as before if it was not (I4, I7)."""
    command = COMMANDS[name]
    body, key = command.body(shop), new_key()
    before = shop.rows(command.table)
    nth = command.transactions if point.startswith("commands.") else 1
    first = dies_of(shop, command.path, body, key, f"{point}=kill@{nth}", tmp_path)
    was_done = point != "commands.committing"
    assert shop.rows(command.table) - before == (command.effects if was_done else 0)
    again = shop.http.post(command.path, **sent(body, key))
    assert again.status_code == HTTPStatus.CREATED, again.text
    assert is_replay(again) == was_done
    assert shop.rows(command.table) - before == command.effects
    assert (first is not None) == (point == "answer.sent")
    if first is not None and name not in {"key", *OF_PARTS}:  # a secret is told once, and parts count their replays
        assert again.content == first.content


def test_each_point_is_died_at_with_each_command_that_reaches_it() -> None:
    """None is left out when there is one more."""
    assert {point for _, point in CASES} == POINTS["api"]
    assert {point for _, point in FIRST_TIER} == POINTS["api"]


def dies_of(shop: Shop, path: str, body: object, key: str, trap: str, folder: Path) -> httpx.Response | None:
    """Return what an API answered that ended itself at `trap` when it was asked, None when it did not come to that."""
    settings = {"CASHBACK_DEVELOPMENT": "true", "CASHBACK_FAILPOINTS": trap}
    process = process_over(shop.dsns, folder, **settings)
    answers: list[httpx.Response] = []

    async def ask() -> None:
        """Ask until there is nobody to answer any more."""
        try:
            answers.append(await asyncio.to_thread(http.post, path, **sent(body, key)))
        except httpx.TransportError:
            return

    try:
        with client(process, shop.secret) as http:
            asyncio.run(ended_by_itself(process, trap, meanwhile=ask))
    finally:
        process.kill()
    return answers[0] if answers else None


def client(process: CashbackProcess, secret: str) -> httpx.Client:
    """Return an operator's client of a process."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=process.url, headers=headers, timeout=ANSWER_WITHIN_S)


def sent(body: object, key: str) -> dict[str, Any]:
    """Return a request's body and headers: lines when it is bytes."""
    content, kind = (body, LINES) if isinstance(body, bytes) else (msgspec.json.encode(body), "application/json")
    return {"content": content, "headers": {"Idempotency-Key": key, "Content-Type": kind}}


def is_replay(response: httpx.Response) -> bool:
    """Tell whether an answer is that of before; of parts all must be."""
    told = response.json()
    if "replayed" in told:
        assert (told["recorded"] == 0) == (told["replayed"] > 0)
        return bool(told["replayed"])
    return bool(response.headers.get(REPLAYED) == "true")
