"""What a shop has that is nobody else's, and how everything of it is asked for: drawn from the OpenAPI document.

A new operation is found by itself. What a test cannot know of it is told here, a line each; its failure says which:

    an id of a kind that none had yet  ──▶ KINDS; and SHARED if it is the operator's, `opened` if it is a shop's
    merchants may ask for it as well   ──▶ MERCHANTS; any other is the operator's alone
    what is drawn is no body that does ──▶ BODIES: what a shop sends that has all that it names
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.purchases.model import Merchant
from cashback.webhooks.model import Happening
from cashback.webhooks.rules.signing import body_of
from cashback.webhooks.service.taking import take
from tests.contract.rest.drawn import Drawn, by_operation
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

Has: TypeAlias = Mapping[str, str]

KINDS: Final = {
    "adjustment_id": "adj",
    "campaign_id": "cmp",
    "cashback_id": "cb",
    "change_id": "whc",
    "delivery_id": "whd",
    "draft_id": "drf",
    "endpoint_id": "whe",
    "event_id": "evt",
    "key_id": "key",
    "merchant_id": "mer",
    "programme_id": "prg",
    "purchase_id": "pur",
    "refund_id": "rfd",
    "ruleset_id": "rul",
    "user_id": "usr",
}
"""What a request may name by an id, and the kind of that."""

SHARED: Final = frozenset(
    {"adjustment_id", "campaign_id", "change_id", "draft_id", "programme_id", "ruleset_id", "user_id"}
)
"""What is the operator's: users buy in any shop, and merchants are told that they may not ask for the others."""

MERCHANTS: Final = frozenset(
    {
        *("createPurchase", "createPurchases", "streamPurchases", "showPurchase", "listPurchases"),
        *("createRefund", "showRefund", "listParkedRefunds", "listRefunds", "listPurchaseRefunds"),
        *("showCashback", "listCashback", "listCashbacks", "listMints", "showMint", "listEvents", "showEvent"),
        *("listMerchants", "showMerchant", "listDeeds"),
        *("createApiKey", "rotateApiKey", "revokeApiKey", "listApiKeys", "showApiKey"),
        *("createWebhookEndpoint", "listWebhookEndpoints", "showWebhookEndpoint", "showWebhookSecret"),
        *("changeWebhookEndpoint", "rotateWebhookSecret", "enableWebhookEndpoint", "disableWebhookEndpoint"),
        *("listWebhookDeliveries", "showWebhookDelivery", "replayWebhookDelivery", "replayWebhookEndpoint"),
    }
)
"""The operations that merchants may ask for, each of its own; any other is the operator's alone."""

_URL: Final = "https://shop.example/hooks"
_REFUNDED: Final = "purchase.refunded"
_SPAN: Final = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
_BACK: Final = {"amount_minor": "1", "reason": "sent back"}

BODIES: Final[Mapping[str, Callable[[Has], Sequence[Any]]]] = {
    "createPurchase": lambda has: [_bought(has)],
    "createPurchases": lambda has: [{"purchases": [_bought(has)]}],
    "streamPurchases": lambda has: [msgspec.json.encode(_bought(has)) + b"\n"],
    "createRefund": lambda has: [
        {**_BACK, "purchase_id": has["purchase_id"]},
        {**_BACK, "purchase_id": has["purchase_id"], "merchant_id": has["merchant_id"]},
        {**_BACK, "purchase_reference": has["purchase_reference"]},
        {**_BACK, "purchase_reference": has["purchase_reference"], "merchant_id": has["merchant_id"]},
    ],
    "createApiKey": lambda has: [{"label": "of a test", "merchant_id": has["merchant_id"]}],
    "rotateApiKey": lambda _: [{"overlap_s": 60}],
    "createWebhookEndpoint": lambda has: [{"url": _URL, "types": [_REFUNDED], "merchant_id": has["merchant_id"]}],
    "changeWebhookEndpoint": lambda _: [{"url": f"{_URL}/v2"}],
    "replayWebhookEndpoint": lambda _: [_SPAN],
}
"""What a shop sends that has all that it names, where what is drawn would be refused; lines are bytes."""

_ID: Final = re.compile(r"\b([a-z]+)_[0-9a-hjkmnp-tv-z]{26}\b")
_ASKED: Final = re.compile(r'"(?:trace_id":"[0-9a-f]{32}|number":"[0-9]+)"')


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """A shop: whoever holds its key, what it has by the names that requests have for it, and every text that tells."""

    keeper: Caller
    has: Has
    texts: frozenset[str]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request to one operation, whoever sends it."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Any

    @property
    def said(self) -> str:
        """Return all that it says."""
        return f"{self.url} {self.body}"

    async def by(self, caller: Caller, *, key: str = "") -> httpx.Response:
        """Return what a caller is answered, to a command under that key or one of its own.

        What is edited by who has seen it is looked at before, if it is there to be seen.
        """
        headers = {**self.headers, **({"Idempotency-Key": key or new_key()} if self.method == "POST" else {})}
        if "If-Match" in headers and (seen := (await caller.get(self.url)).headers.get("etag")):
            headers["If-Match"] = seen
        content: dict[str, Any] = {} if self.body is None else {"json": self.body}
        if isinstance(self.body, bytes):
            content, headers = {"content": self.body}, {**headers, "Content-Type": "application/x-ndjson"}
        return await caller.ask(self.method, self.url, headers=headers, **content)


def everything_of(document: Mapping[str, Any], has: Has) -> list[Asked]:
    """Return a request to every operation and for each of its filters that names what somebody has, in one order."""
    return [
        asked
        for operation, one in sorted(by_operation(document, has).items())
        if not unsourced(one, has)
        for asked in _asked_of(operation, one, has)
    ]


def unsourced(one: Drawn, has: Has) -> list[str]:
    """Return what an operation names by its path, its filters or its body of which nobody says what there is."""
    in_bodies = {step for leaves in one.leaves for leaf in leaves for step in leaf.place if isinstance(step, str)}
    named = {name for name in {*one.query, *in_bodies} if name.endswith("_id")} | set(one.path)
    return sorted(named - set(has))


def nothing_like(has: Has) -> dict[str, str]:
    """Return names of what nobody has, in place of all that a shop has."""
    return {name: text if name in SHARED else _unlike(text) for name, text in has.items()}


def words(answer: httpx.Response) -> str:
    """Return an answer without ids and numbers, which differ from one request to the next."""
    return f"{answer.status_code} {_ASKED.sub('', _ID.sub('id', answer.text))}"


async def assert_hidden(rest: Rest, intruder: Caller, owner: Belongings, chosen: Collection[str]) -> None:
    """Assert that whoever asks for what a shop has is told what they are told who ask for nothing that there is.

    Nothing of the shop is in the answer but what was said in the request, and nothing is left behind.
    """
    document = rest.app.openapi_schema.to_schema()
    theirs, nobodys = everything_of(document, owner.has), everything_of(document, nothing_like(owner.has))
    before = await rest.stored()
    for asked, twin in zip(theirs, nobodys, strict=True):
        if asked.operation not in chosen:
            continue
        answer = await asked.by(intruder)
        told = sorted(text for text in owner.texts if text in answer.text and text not in asked.said)
        assert not told, f"{asked.operation} tells of another shop: {told}"
        if answer.is_error and asked.method == "POST":
            assert await rest.stored() == before, f"{asked.operation} left something behind"
        assert words(answer) == words(await twin.by(intruder)), f"{asked.operation} tells that there is something"
        if answer.status_code == httpx.codes.CREATED:  # a deed of its own, such as a refund of a reference of its own
            before = await rest.stored()
    assert await rest.stored() == before


async def opened(rest: Rest, operator: Caller) -> Belongings:
    """Return a shop that has two of everything, and its customer."""
    world, user = rest.world, await rest.world.user()
    shop = (await operator.post("/v1/merchants", {"name": f"of-{new_key()}"})).json()
    keeper = await rest.merchant(msgspec.convert(shop, Merchant))
    keys = [await _made(keeper, "/v1/api-keys", {"label": "of a test"}) for _ in range(2)]
    clerk, references = rest.caller(keys[0]["secret"]), [new_key(), new_key()]
    bought = [await _made(clerk, "/v1/purchases", a_purchase(user, reference=one)) for one in references]
    back = [{**_BACK, "purchase_id": one["id"], "reference": one["reference"]} for one in bought]
    returned = [await _made(keeper, "/v1/refunds", body) for body in back]
    parked = [await _made(keeper, "/v1/refunds", {**_BACK, "purchase_reference": new_key()}) for _ in range(2)]
    sought = {"url": _URL, "types": [_REFUNDED]}
    endpoints = [await _made(keeper, "/v1/webhooks/endpoints", sought) for _ in range(2)]
    secrets = [(await keeper.get(f"/v1/webhooks/endpoints/{one['id']}/secret")).json()["secret"] for one in endpoints]
    earned = [one["cashback"]["id"] for one in bought]
    await world.request(*earned)
    events = await _happened(world, shop["id"], [one["id"] for one in bought])
    deliveries = await _ended(world, [one["id"] for one in endpoints])
    made = [*bought, *returned, *parked, *keys, *endpoints]
    number = await world.one("select mint_number from ledger.cashback_ledger where id = %s", earned[0])
    programme = (await operator.get("/v1/programmes/current")).json()["id"]
    has = {
        **{name: new_id(kind) for name, kind in KINDS.items() if name in SHARED},
        "user_id": user.id,
        "programme_id": programme,
        "merchant_id": shop["id"],
        "name": shop["name"],
        "purchase_id": bought[0]["id"],
        "object_id": bought[0]["id"],
        "resource": bought[0]["id"],
        "purchase_reference": references[0],
        "reference": references[0],
        "refund_id": returned[0]["id"],
        "cashback_id": earned[0],
        "number": str(number),
        "key_id": keys[0]["id"],
        "endpoint_id": endpoints[0]["id"],
        "event_id": events[0],
        "delivery_id": deliveries[0],
    }
    world.clock.advance(timedelta(seconds=1))  # what was done is told from the next instant on
    # Its references are words that others may use as well.
    told = {shop["id"], shop["name"], keeper.key_id, *secrets, *earned, *events, *deliveries}
    return Belongings(keeper=keeper, has=has, texts=frozenset(told | {one["id"] for one in made}))


def _asked_of(operation: str, one: Drawn, has: Has) -> list[Asked]:
    """Return the requests to one operation: without a filter, and by each."""
    bodies = BODIES[operation](has) if operation in BODIES else one.bodies or (None,)
    filters = [{}, *({name: has[name]} for name in one.query if name in has and name not in one.sound_query)]
    path = {name: has[name] for name in one.path}
    return [
        Asked(
            operation=operation, method=one.method, url=one.url(path=path, query=query), headers=one.headers, body=body
        )
        for query in filters
        for body in bodies
    ]


def _bought(has: Has) -> dict[str, object]:
    """Return the body of a purchase at a shop."""
    return a_purchase(has["user_id"], merchant_id=has["merchant_id"])


def _unlike(text: str) -> str:
    """Return a text of the same form that names nothing."""
    return str(int(text) + 10**9) if text.isdigit() else _ID.sub(lambda found: new_id(found[1]), text)


async def _made(caller: Caller, path: str, body: object) -> dict[str, Any]:
    """Return what a command has made."""
    response = await caller.post(path, body)
    assert response.status_code == httpx.codes.CREATED, response.text
    made: dict[str, Any] = response.json()
    return made


async def _happened(world: World, merchant_id: str, purchases: Sequence[str]) -> list[str]:
    """Return events of a shop's purchases, which its endpoints have heard of."""
    at = datetime.now(UTC) + timedelta(seconds=1)
    happened = [
        Happening(
            event_id=new_id("evt"),
            type=_REFUNDED,
            key=purchase_id,
            merchant_id=merchant_id,
            occurred_at=at,
            body=body_of(_REFUNDED, at, b"{}"),
        )
        for purchase_id in purchases
    ]
    async with Database.open(world.dsns.of("cashback_webhooks"), name="webhooks") as worker, worker.transaction() as tx:
        await take(tx, happened)
    return [one.event_id for one in happened]


async def _ended(world: World, endpoints: Sequence[str]) -> list[str]:
    """Return the deliveries to endpoints, each of which has failed and may be made again."""
    rows = await world.rows(
        "update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now()"
        " where endpoint_id = any(%s) returning id",
        list(endpoints),
    )
    return [str(row[0]) for row in rows]
