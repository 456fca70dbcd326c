"""The REST API for tests: the production wiring over a fresh database, called in-process by whoever holds a key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any, Final, cast

import httpx
import msgspec
from litestar import Litestar

from cashback.client import IMPATIENT, AsyncClient
from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.http import Scope
from cashback.ledger.gateway import Adapter
from cashback.processes.api import Guards, application, services_over
from cashback.processes.api.openapi import published_of
from cashback.purchases import ApiKeys
from cashback.purchases.model import Merchant, User
from cashback.purchases.model.ownership import OwnershipPolicy
from cashback.webhooks import Endpoints, SealingKeys
from cashback.webhooks.service.event_types import EVENT_TYPES
from tests.contract.rest.document import Document
from tests.integration.ledger.world import World, new_key
from tests.support.fake_signatures import FAKE_CHAIN_ID
from tests.support.rates import UNLIMITED

PEPPER: Final = Secret("pepper-of-a-test")
NOWHERE: Final = "127.0.0.1:1"
"""Where no adapter listens."""

UNGUARDED: Final = Guards(merchants=UNLIMITED, operators=UNLIMITED, guesses=UNLIMITED)
"""What stands around the routes, but for limits: tests of those have their own."""

ENDPOINTS: Final = Endpoints(SystemClock(), keys=SealingKeys(b"k" * 32), types=EVENT_TYPES, allow_loopback=False)
"""What makes endpoints of webhooks, as in production."""

OWNERSHIP: Final = OwnershipPolicy(
    domain="app.example.com", uri="https://app.example.com/wallet", chain_id=FAKE_CHAIN_ID
)
"""In whose name wallets are proved, on the chain of the fake adapter."""

_names: Final = count(1)
_documents: Final[list[Document]] = []


class Caller:
    """Somebody with an API key, or without one; every answer is held against the OpenAPI document."""

    def __init__(self, app: Litestar, document: Document, secret: str | None, *, key_id: str = "") -> None:
        """Call `app`; `key_id` is the name of the key, where it is known."""
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self.transport = httpx.ASGITransport(cast("Any", app))
        self.http = httpx.AsyncClient(transport=self.transport, base_url="http://api", headers=headers)
        self.secret = secret or ""
        self.key_id = key_id
        self._document = document

    @cached_property
    def typed(self) -> AsyncClient:
        """Return the same caller as the typed client has it, which sends each call once."""
        return AsyncClient("http://api", self.secret, transport=self.transport, patience=IMPATIENT)

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own options
        """Return the answer, which must be one that the document promises."""
        response = await self.http.request(method, path, **request)
        complaints = self._document.complaints(response)
        assert complaints == [], complaints
        return response

    async def get(self, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401  # as `ask`
        """Return the answer to a question."""
        return await self.ask("GET", path, **request)

    async def post(
        self, path: str, body: object, *, key: str | None = "", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Return the answer to a command, under a key of its own unless told otherwise; None sends none."""
        named = {} if key is None else {"Idempotency-Key": key or new_key()}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.ask("POST", path, content=content, headers={**named, **(headers or {})})


class Rest:
    """The API over one database, its operator, one user and one merchant; `keys` are those of its own process."""

    def __init__(
        self, world: World, adapter: Adapter, *, guards: Guards | None = None, document: Document | None = None
    ) -> None:
        """Serve `world`, behind `guards`; answers are held against `document`, that of every application by itself."""
        self.world = world
        self.adapter = adapter
        self.keys = ApiKeys(world.api, clock=world.clock, pepper=PEPPER)
        self.app = application(
            services=services_over(
                world.api, adapter, world.purchases, clock=world.clock, endpoints=ENDPOINTS, ownership=OWNERSHIP
            ),
            keys=self.keys,
            checks={"database": world.api.ping},
            guards=guards or UNGUARDED,
        )
        self.document = document or _published(self.app)
        self.nobody = self.caller(None)

    def caller(self, secret: str | None, *, key_id: str = "") -> Caller:
        """Return whoever presents `secret`."""
        return Caller(self.app, self.document, secret, key_id=key_id)

    async def operator(self, **rights: Any) -> Caller:  # noqa: ANN401  # as `ApiKeys.create` takes them
        """Return an operator with a key of their own, made with these rights."""
        named = {"scope": Scope.OPERATOR, "label": f"operator {next(_names)}"}
        return await self._holder(**(named | rights))

    async def merchant(self, merchant: Merchant, **rights: Any) -> Caller:  # noqa: ANN401  # as above
        """Return a merchant with a key of their own, made with these rights."""
        named = {"scope": Scope.MERCHANT, "merchant_id": merchant.id, "label": f"shop {next(_names)}"}
        return await self._holder(**(named | rights))

    async def _holder(self, **rights: Any) -> Caller:  # noqa: ANN401  # as above
        """Return whoever holds a new key with these rights."""
        key, secret = await self.keys.create(**rights)
        return self.caller(secret.value, key_id=key.id)

    async def stored(self) -> tuple[object, ...]:
        """Return how many rows there are of all that a request could leave behind."""
        tables: tuple[str, ...] = ("purchases.users", "purchases.wallets", "purchases.merchants", "purchases.purchases")
        tables += ("purchases.idempotency_keys", "purchases.outbox_events", "ledger.cashback_ledger")
        tables += ("purchases.wallet_challenges", "purchases.wallet_changes", "purchases.disclosures")
        tables += ("webhooks.endpoints", "webhooks.secrets", "webhooks.deliveries", "webhooks.endpoint_journal")
        tables += ("webhooks.events",)
        tables += ("ledger.programmes", "ledger.entries", "ledger.outbox_events")
        counts = ", ".join(f"(select count(*) from {table})" for table in tables)
        return (await self.world.rows(f"select {counts}"))[0]


def _published(app: Litestar) -> Document:
    """Return the document of the first application here: it tells of routes, which are the same in all of them."""
    if not _documents:
        _documents.append(Document(published_of(app).document))
    return _documents[0]


@asynccontextmanager
async def open_rest(world: World, *, adapter_address: str = NOWHERE) -> AsyncIterator[Rest]:
    """Give the API over `world`; several over the same database are several processes."""
    async with Adapter.open(adapter_address) as adapter:
        yield Rest(world, adapter)


def a_purchase(user: User | str, merchant: Merchant | None = None, **changes: object) -> dict[str, object]:
    """Return the body of a purchase of 19.99 USD, save for `changes`; without a merchant it is the caller's own."""
    body: dict[str, object] = {
        "user_id": user if isinstance(user, str) else user.id,
        "amount_minor": "1999",
        "currency": "USD",
        "occurred_at": "2026-03-01T12:00:00Z",
    }
    if merchant is not None:
        body["merchant_id"] = merchant.id
    return {**body, **changes}


def instant(text: str) -> datetime:
    """Return the time that an answer names."""
    return datetime.fromisoformat(text)
