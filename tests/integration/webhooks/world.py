"""A small world for webhooks: the service's database, its worker's parts, and a shop that answers as it is told."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from aiohttp import web

from cashback.events.purchases import PurchaseRefunded
from cashback.kernel.bus import Delivery
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id
from cashback.webhooks import Deliverer, Endpoint, Endpoints, NewEndpoint, SealingKeys, open_post
from cashback.webhooks.consumer import TYPES, WebhookEvents
from cashback.webhooks.gateway import Names
from cashback.webhooks.model import Belonging, EndpointChange
from cashback.webhooks.rules.editing import tag_of_endpoint
from cashback.webhooks.rules.signing import secret_of, signature
from tests.integration.ledger.world import Dsns

KEY: Final = b"k" * 32
KEYS: Final = SealingKeys(KEY)
HOST: Final = "127.0.0.1"
WRONG_LOGS: Final = """
    select delivery.id, state, attempts, claims, log.tries, log.newest, log.taken
    from webhooks.deliveries as delivery
    cross join lateral (
        select count(*) as tries, max(number) as newest, count(*) filter (where status between 200 and 299) as taken
        from webhooks.attempts
        where delivery_id = delivery.id
    ) as log
    where (state <> 'delivered'
       or attempts > claims
       or (log.tries, log.newest, log.taken) is distinct from (attempts, attempts, 1))
"""
"""Deliveries that have no good end, or whose log does not tell of it: of tries that are numbered without a gap, one was
answered well, however many there were."""

WITHIN_S: Final = 20.0
ENDS_WITHIN_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.01


class Got(msgspec.Struct, frozen=True):
    """A request as the shop got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Return which event it is."""
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Tell whether one of its signatures is of this secret."""
        stamp = int(self.headers["webhook-timestamp"])
        made = signature(secret_of(secret), event_id=self.id, timestamp=stamp, body=self.body)
        return made in self.headers["webhook-signature"].split(" ")


class Shop:
    """A server that keeps what it gets, and answers each path with what was told last for it, 204 until then."""

    def __init__(self) -> None:
        """Have got nothing."""
        self.got: list[Got] = []
        self.port = 0
        self.scheme = "http"
        self.opens = asyncio.Event()
        self._answers: dict[str, tuple[int, Mapping[str, str], bytes]] = {}
        self._slow: set[str] = set()

    def answers(self, path: str, status: int, *, body: bytes = b"", **headers: str) -> None:
        """Answer this path so from now on."""
        self._answers[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def slow(self, path: str) -> None:
        """Answer this path only once `opens` is set."""
        self._slow.add(path)

    def url(self, path: str = "/", *, host: str = HOST) -> str:
        """Return where a path is."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Got]:
        """Return what came to a path."""
        return [got for got in self.got if got.path == path]

    async def handle(self, request: web.Request) -> web.Response:
        """Keep a request and answer it."""
        self.got.append(Got(request.path, dict(request.headers.items()), await request.read()))
        if request.path in self._slow:
            await self.opens.wait()
        status, headers, body = self._answers.get(request.path, (204, {}, b""))
        return web.Response(status=status, headers=headers, body=body)


@asynccontextmanager
async def open_shop(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[Shop]:
    """Give a shop that listens on this machine, by `tls` if there is any."""
    shop = Shop()
    shop.scheme = "https" if tls else "http"
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=tls)
    await site.start()
    shop.port = runner.addresses[0][1]
    try:
        yield shop
    finally:
        shop.opens.set()
        await runner.cleanup()


class World:
    """The database as API and worker see it."""

    def __init__(self, dsns: Dsns, *, api: Database, worker: Database, shop: Shop) -> None:
        """Work with two roles."""
        self.dsns, self.api, self.worker, self.shop = dsns, api, worker, shop
        self.belongings: dict[str, Belonging] = {}
        self._superuser: psycopg.Connection | None = None
        self.endpoints = Endpoints(SystemClock(), keys=KEYS, types=TYPES, allow_loopback=True)

    async def endpoint(
        self,
        path: str = "/",
        *,
        merchant_id: str | None = "mer_1",
        types: Sequence[str] = TYPES,
        host: str = HOST,
        shop: Shop | None = None,
    ) -> Endpoint:
        """Give an endpoint at a path of the shop, or of another one."""
        url = (shop or self.shop).url(path, host=host)
        new = NewEndpoint(merchant_id=merchant_id, url=url, types=tuple(types), by="test")
        async with self.api.transaction() as tx:
            return await self.endpoints.create(tx, new)

    async def move(self, endpoint: Endpoint, path: str) -> None:
        """Have an endpoint be at another path of the shop."""
        change = EndpointChange(url=self.shop.url(path), types=None, seen=tag_of_endpoint(endpoint))
        async with self.api.transaction() as tx:
            await self.endpoints.change(tx, endpoint.id, change, merchant_id=endpoint.merchant_id, by="test")

    async def secret(self, endpoint: Endpoint) -> str:
        """Return an endpoint's newest secret as its owner sees it."""
        async with self.api.transaction() as tx:
            return await self.endpoints.secret(tx, endpoint.id, merchant_id=endpoint.merchant_id, by="test")

    async def take(self, *deliveries: Delivery) -> None:
        """Have the consumer's handler take events in."""
        handler = WebhookEvents(self._belongings_of)
        async with self.worker.transaction() as tx:
            await handler.handle(tx, deliveries)

    @asynccontextmanager
    async def delivering(
        self,
        *,
        names: Names | None = None,
        within_s: float = 5.0,
        allow_loopback: bool = True,
        keys: SealingKeys = KEYS,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Deliverer]:
        """Run a deliverer while the block lasts."""
        stop = asyncio.Event()
        async with open_post(allow_loopback=allow_loopback, names=names, tls=tls, within_s=within_s) as post:
            deliverer = Deliverer(self.worker, post, SystemClock(), keys=keys)
            running = asyncio.create_task(deliverer.run(stop))
            try:
                yield deliverer
            finally:
                stop.set()
                async with asyncio.timeout(ENDS_WITHIN_S):
                    await running

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement as the superuser, none for what gives none."""
        if self._superuser is None:
            self._superuser = psycopg.connect(self.dsns.superuser, autocommit=True, prepare_threshold=None)
        cursor = self._superuser.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Hang up."""
        if self._superuser is not None:
            self._superuser.close()

    def states(self) -> list[str]:
        """Return the states of all deliveries, sorted."""
        return [row[0] for row in self.rows("select state from webhooks.deliveries order by state")]

    async def are(self, *states: str) -> bool:
        """Tell whether these are the states of all deliveries."""
        return self.states() == list(states)

    async def has_got(self, count: int, path: str = "/") -> bool:
        """Tell whether so much came to a path of the shop."""
        return len(self.shop.at(path)) >= count

    def hasten(self) -> None:
        """Make everything that waits due now."""
        self.rows("update webhooks.deliveries set due_at = now() where state in ('due', 'claimed')")

    async def tried(self, count: int) -> None:
        """Return once so many tries were noted."""
        await eventually(lambda: self._has_tried(count))

    async def _has_tried(self, count: int) -> bool:
        """Tell whether so many tries were noted."""
        return bool(self.rows("select count(*) from webhooks.attempts")[0][0] >= count)

    async def _belongings_of(self, tx: Tx, cashback_ids: Sequence[str]) -> Mapping[str, Belonging]:
        """Return whose the cashbacks are, as the test has said."""
        del tx
        return {one: self.belongings[one] for one in cashback_ids if one in self.belongings}


def of_merchant(merchant_id: str | None) -> Belonging:
    """Return whose a cashback is that was bought at a merchant, or given by hand."""
    return Belonging(purchase_id="pur_1" if merchant_id else None, user_id="usr_1", merchant_id=merchant_id)


def leading(*places: str) -> Names:
    """Return names that lead to one address after the other, a lookup each, and to the last for ever."""
    left = list(places)

    def lookup(host: str, port: int, family: int) -> list[Any]:
        """Return the next address."""
        del host, family
        place = left.pop(0) if len(left) > 1 else left[0]
        return socket.getaddrinfo(place, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    return Names(lookup)


def refunded(*, merchant_id: str = "mer_1", time: datetime | None = None, id_: str | None = None) -> Delivery:
    """Return an event of a merchant."""
    body = PurchaseRefunded(
        refund_id=new_id("ref"),
        purchase_id=new_id("pur"),
        merchant_id=merchant_id,
        user_id=new_id("usr"),
        kind="refund",
        amount_minor="100",
        currency="USD",
        cashback_id=new_id("cb"),
        net_minor="0",
        cashback_currency="USD",
        debt_units="0",
    )
    return event(body.TYPE, msgspec.json.encode(body), key=body.purchase_id, time=time, id_=id_)


def event(
    type_: str, data: bytes, *, key: str = "cb_1", time: datetime | None = None, id_: str | None = None
) -> Delivery:
    """Return an event that happens now, or when it is told."""
    return Delivery(
        id=id_ or new_id("evt"),
        type=type_,
        key=key,
        data=data,
        time=time or datetime.now(UTC) + timedelta(seconds=1),
        traceparent=None,
        attempt=1,
        sequence=1,
    )


async def eventually(fact: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Return once `fact` holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await fact():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await asyncio.Event().wait()
