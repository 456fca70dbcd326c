"""The OWASP API Security Top 10 of 2023, a test for each item by its id.

Each is red under the fault that its docstring names: `test_each_of_the_ten_can_fail` plants it. What is done about each
item, and which other tests look closer, tells docs/security.md.
"""

from datetime import timedelta
from typing import Final

import httpx
import pytest
from litestar.routes import HTTPRoute

from cashback.kernel.page import PAGE_MAX
from cashback.kernel.principal import Rate
from cashback.kernel.safety import SAFE
from cashback.ledger.gateway import adapter as gateway
from cashback.processes.api import SCOPES
from cashback.processes.embedded.facts import listening_ports
from cashback.purchases.http.bulk import ITEMS_MAX
from cashback.purchases.model.ownership import COOLDOWN_S
from cashback.purchases.model.scopes import KNOWN_SCOPES
from cashback.purchases.rules import key_text
from cashback.webhooks.model import ANSWER_BYTES_MAX, Answer, NoAnswer
from cashback.webhooks.service.outgoing import open_post
from cashback.wire.cashback.chain.v1 import GetBalancesResponse, VerifySignatureResponse
from tests.contract.rest.adapter import ScriptedAdapter
from tests.contract.rest.attempts import (
    everywhere,
    is_refused,
    leading_nowhere,
    lists,
    too_large,
    undocumented,
    with_more,
    with_too_much,
)
from tests.contract.rest.belongings import MERCHANTS, assert_hidden, everything_of
from tests.contract.rest.document import assert_problem, places
from tests.contract.rest.drawn import by_operation
from tests.contract.rest.faults import FAULTS
from tests.contract.rest.stage import Stage
from tests.contract.rest.test_ownership import challenged, proved
from tests.contract.rest.world import a_purchase, instant, open_rest
from tests.integration.ledger.world import new_key, wallet_number
from tests.integration.purchases.proving import holder
from tests.integration.webhooks.test_odd_answers import answering
from tests.integration.webhooks.world import leading
from tests.support.adapter import HOST, FakeAdapter

pytestmark = pytest.mark.asyncio(loop_scope="module")

CURRENT: Final = "/v1/programmes/current"
THREE: Final = Rate(per_s=1, burst=3)
PATIENT_S: Final = 30.0
ODD: Final = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9_000


async def test_api1_2023_broken_object_level_authorization(stage: Stage) -> None:
    """API1:2023: what a path names of another shop is to every operation what there is not.

    Planted: everybody may see every merchant's (`Principal.may_see`).
    """
    named = {operation for operation, one in by_operation(stage.document, {}).items() if one.path}
    assert len(named & MERCHANTS) >= 15
    await assert_hidden(stage.rest, stage.rival.keeper, stage.shop, named & MERCHANTS)


async def test_api2_2023_broken_authentication(stage: Stage) -> None:
    """API2:2023: no key, half a key, a guessed, an ended or a revoked one opens nothing, and guesses are counted.

    Planted: any secret is the one of a known key (`hmac.compare_digest`).
    """
    rest, secret = stage.rest, stage.operator.secret
    guess = key_text(stage.operator.key_id, kind="operator", secret=stage.rival.keeper.secret[-49:-6])
    brief = await rest.operator(expires_at=rest.world.clock.now() + timedelta(seconds=1))
    revoked = await rest.operator()
    await rest.keys.revoke(revoked.key_id)
    rest.world.clock.advance(timedelta(seconds=1))
    before = await rest.stored()
    for wrong in (None, "", guess, secret[:-1], secret.lower(), brief.secret, revoked.secret):
        assert_problem(await rest.caller(wrong).post("/v1/users", {}), 401, "api_key_invalid")
    assert await rest.stored() == before
    guesser = stage.guarded(guesses=THREE).caller(guess)
    assert [(await guesser.get(CURRENT)).status_code for _ in range(5)] == [401, 401, 401, 429, 429]


async def test_api3_2023_broken_object_property_level_authorization(stage: Stage) -> None:
    """API3:2023: no body sets what is not its own to set, and no answer has a member that is not told of.

    Nor has a merchant's any of the words that the operator has about it and its customer.
    Planted: a merchant is told with a member more (`People.merchant`).
    """
    rest, operator, keeper, has = stage.rest, stage.operator, stage.shop.keeper, stage.shop.has
    words = {"reference": f"of-{new_key()}", "tier": f"as-{new_key()}"}
    said = {"person": f"who-{new_key()}", "reason": f"why-{new_key()}"}
    user = (await operator.post("/v1/users", words)).json()
    bought = (await keeper.post("/v1/purchases", a_purchase(user["id"]))).json()
    has = {**has, "user_id": user["id"], "purchase_id": bought["id"], "cashback_id": bought["cashback"]["id"]}
    debit = {"kind": "debit", "cashback_id": has["cashback_id"], "amount_minor": "1"}
    assert (await operator.post("/v1/adjustments", {**debit, **said})).status_code == 201
    for verb in ("deactivate", "activate"):
        assert (await operator.post(f"/v1/merchants/{has['merchant_id']}/{verb}", said)).status_code == 201
    for verb in ("block", "unblock"):
        assert (await operator.post(f"/v1/users/{user['id']}/{verb}", said)).status_code == 201
    for caller in (operator, keeper):
        beyond = await undocumented(caller, stage.document, has)
        assert (len(beyond) > 20, {name: one for name, one in beyond.items() if one}) == (True, {})
    for asked in everything_of(stage.document, has):
        if asked.method == "GET" and asked.operation in MERCHANTS:
            told = (await asked.by(keeper)).text
            assert [word for word in (words | said).values() if word in told] == [], asked.operation
    before, more = await rest.stored(), list(with_more(stage.document, has))
    for asked, pointers in more:
        answer = await asked.by(operator)
        assert (answer.status_code, sorted(places(answer))) == (422, sorted(pointers)), (asked.operation, answer.text)
    assert (len(more) > 40, await rest.stored()) == (True, before)


async def test_api4_2023_unrestricted_resource_consumption(stage: Stage) -> None:
    """API4:2023: how often, how much at once, how long a body, a text and a list may be, and how large a page.

    Planted: every allowance is whole for ever (`Allowances.take`).
    """
    rest, operator, has = stage.rest, stage.operator, stage.shop.has
    asking = await stage.guarded().operator(rate=THREE)
    often = [await asking.get(CURRENT) for _ in range(4)]
    assert [one.status_code for one in often] == [200, 200, 200, 429]
    full = await (await stage.guarded(requests_max=0).operator()).get(CURRENT)
    assert_problem(full, 503, "overloaded")
    assert often[-1].headers["retry-after"] == full.headers["retry-after"] == "1"
    before = await rest.stored()
    for operation, one in lists(stage.document, has):
        assert "limit" in one.query, f"{operation} has no end"
        url = one.url(path={name: has[name] for name in one.path}, query={"limit": str(PAGE_MAX + 1)})
        assert_problem(await operator.get(url), 422, "request_invalid", parameter="limit")
    swollen = list(with_too_much(stage.document, has))
    taken = [f"{one.asked.operation} {one.pointers}" for one in swollen if not await is_refused(operator, one)]
    assert (len(swollen) > 100, taken) == (True, [])
    for asked in too_large(stage.document, has):
        assert_problem(await operator.post(asked.url, asked.body, headers=asked.headers), 413, "body_too_large")
    assert await rest.stored() == before


async def test_api5_2023_broken_function_level_authorization(stage: Stage) -> None:
    """API5:2023: what is the operator's is no merchant's, and no key does what it was not made for.

    Planted: every key was made for everything (`Principal.require`).
    """
    rest, before = stage.rest, await stage.rest.stored()
    narrow = {scope: await rest.operator(scopes=sorted(KNOWN_SCOPES - {scope})) for scope in sorted(KNOWN_SCOPES)}
    for asked in {one.operation: one for one in everything_of(stage.document, stage.shop.has)}.values():
        if asked.operation not in MERCHANTS:
            assert_problem(await asked.by(stage.shop.keeper), 403, "operator_only")
        assert_problem(await asked.by(narrow[SCOPES[asked.operation]]), 403, "scope_missing")
    assert await rest.stored() == before


async def test_api6_2023_unrestricted_access_to_sensitive_business_flows(stage: Stage) -> None:
    """API6:2023: an order is recorded once, no more is returned than was bought, and no new wallet is used at once.

    Nor do many purchases in one request get around the rate of their key.
    Planted: a bulk counts as one (`charge`).
    """
    world, keeper = stage.rest.world, stage.shop.keeper
    order = a_purchase(stage.shop.has["user_id"], reference=new_key())
    bought = (await keeper.post("/v1/purchases", order)).json()
    assert_problem(await keeper.post("/v1/purchases", order), 409, "purchase_exists", pointer="/reference")
    back = {"purchase_id": bought["id"], "reason": "sent back", "amount_minor": "1000"}
    assert (await keeper.post("/v1/refunds", back)).status_code == 201
    again = await keeper.post("/v1/refunds", back)
    assert_problem(again, 409, "refund_above_purchase", pointer="/amount_minor")
    asking = await stage.rest.operator(rate=THREE)
    many = {"purchases": [{**order, "merchant_id": stage.shop.has["merchant_id"], "reference": None}] * 20}
    assert (await asking.post("/v1/purchases/bulk", many)).json()["recorded"] == 20
    assert_problem(await asking.get(CURRENT), 429, "rate_limited")
    many["purchases"] = many["purchases"][:1] * (ITEMS_MAX + 1)
    assert_problem(await keeper.post("/v1/purchases/bulk", many), 422, "request_invalid", pointer="/purchases")
    async with FakeAdapter.serving() as fake, open_rest(world, adapter_address=f"{HOST}:{fake.port}") as rest:
        operator, user, other = await rest.operator(), await world.user(wallet=None), await world.user()
        await proved(operator, user, holder(401))
        waits = await proved(operator, user, holder(402))
        assert instant(waits["effective_at"]) - instant(waits["asked_at"]) == timedelta(seconds=COOLDOWN_S)
        assert (await operator.get(f"/v1/users/{user.id}")).json()["wallet"] == holder(401).address
        bare = await operator.post(f"/v1/users/{user.id}/wallet", {"wallet": wallet_number(401)})
        assert_problem(bare, 409, "wallet_proved", pointer="/wallet")
        taken = await operator.post(f"/v1/users/{other.id}/wallet", {"wallet": holder(401).address})
        assert_problem(taken, 409, "wallet_taken", pointer="/wallet")


async def test_api7_2023_server_side_request_forgery(stage: Stage) -> None:
    """API7:2023: no body that takes a URL takes one to where only we are, and no name leads us there when we post.

    Planted: every address is one of the public internet (`is_public`).
    """
    before, tried = await stage.rest.stored(), list(leading_nowhere(stage.document, stage.shop.has))
    for asked, [pointer] in tried:
        assert_problem(await asked.by(stage.operator), 422, "url_forbidden", pointer=pointer)
    assert (len(tried) >= 18, await stage.rest.stored()) == (True, before)
    inside = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1")
    async with open_post(allow_loopback=False, names=leading(*inside)) as post:
        for address in inside:
            sent = await post.send("https://shop.example/hooks", headers={}, body=b"{}")
            assert (sent.outcome, sent.address) == (NoAnswer("address_forbidden"), None), address


async def test_api8_2023_security_misconfiguration(stage: Stage) -> None:
    """API8:2023: every answer keeps browsers out, no other site is let in, and what is no route is a problem of ours.

    Planted: no answer has our headers (`Safety.of`).
    """
    safe = {name.decode(): value.decode() for name, value in SAFE}
    elsewhere = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST", "X-Mark": "of-a-test"}
    for method, url in everywhere(stage.document):
        for caller in (stage.operator, stage.rest.nobody):
            answer = await caller.http.request(method, url, headers=elsewhere)
            told = {name: value for name, value in answer.headers.items() if name in safe}
            assert told == safe, (method, url, answer.headers)
            assert not [name for name in answer.headers if name.startswith(("access-control-", "server", "x-powered"))]
            assert "of-a-test" not in answer.text
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", (method, url, answer.text)
    for method in ("TRACE", "PUT"):
        status, headers, _ = await stage.served.say(stage.served.head("X-Mark: of-a-test", method=method))
        assert (status, headers["content-type"], "server" in headers) == (405, "application/problem+json", False)
    assert stage.rest.app.debug is False


async def test_api9_2023_improper_inventory_management(stage: Stage) -> None:
    """API9:2023: what is served is what the document tells of, of one version, at one port and the probe's.

    Planted: a route that the document does not tell of.
    """
    app = stage.guarded().app
    open_to_all = ("/livez", "/readyz", "/openapi", "/docs")
    served = {
        (route.path_format, method.lower())
        for route in app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith(("/openapi", "/docs"))
        for method in route.methods
        if method not in {"OPTIONS", "HEAD"}
    }
    document = app.openapi_schema.to_schema()
    assert served == {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert [route.path for route in app.routes if not route.path.startswith(("/v1/", *open_to_all))] == []
    assert not any(one.get("deprecated") for methods in document["paths"].values() for one in methods.values())
    for path in ("/metrics", "/v0/users", "/v2/users", "/api/users", "/debug", "/admin", "/health", "/v1"):
        assert_problem(await stage.operator.get(path), 404, "route_unknown")
    running = stage.served
    assert listening_ports(running.process.pid) == {running.process.port, running.probe_port}
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"http://{HOST}:{running.probe_port}/metrics")).status_code == 200
        assert (await http.get(f"http://{HOST}:{running.probe_port}/v1/users")).status_code == 404


async def test_api10_2023_unsafe_consumption_of_apis(stage: Stage) -> None:
    """API10:2023: the adapter's nonsense is no figure and no proof, and an endpoint's answer leads nowhere and is cut.

    Nodes that say different things are the adapter's to doubt: tests/integration/chain/test_quorum.py.
    Planted: what the adapter tells is passed on as it is (`digits`).
    """
    bounded = gateway._deadline
    stage.patch.setattr(gateway, "_deadline", lambda call, _=0.0: bounded(call, PATIENT_S))
    for name in ("DEADLINE_S", "SIGNATURE_DEADLINE_S"):
        stage.patch.setattr(gateway, name, PATIENT_S)
    world, user = stage.rest.world, await stage.rest.world.user()
    minus = bytes(GetBalancesResponse(balances=["-1"], block_number=7, block_hash=bytes(range(32))))
    async with ScriptedAdapter.serving() as adapter, open_rest(world, adapter_address=adapter.address) as rest:
        operator = await rest.operator()
        for nonsense in (minus, b"\xff\xff", b""):
            adapter.answers["GetBalances"] = nonsense
            balance = (await operator.get(f"/v1/users/{user.id}/balance")).json()
            assert (balance["on_chain"], balance["is_stale"]) == (None, True)
        asked = await challenged(operator, user, holder(403))
        before = await rest.stored()
        for nonsense in (bytes(VerifySignatureResponse(chain_id=1)), b"\x08\x63\x10\x01", b"\xff"):
            adapter.answers["VerifySignature"] = nonsense
            proof = {"nonce": asked["nonce"], "signature": holder(403).sign(asked["message"])}
            answer = await operator.post(f"/v1/users/{user.id}/wallet-proofs", proof)
            assert answer.status_code == 503, answer.text
        assert await rest.stored() == before
    async with open_post(allow_loopback=True) as post:
        async with answering(ODD) as port:
            sent = await post.send(f"http://{HOST}:{port}/", headers={}, body=b"{}")
        assert sent.outcome == Answer(status=302, retry_after=None, body=b"x" * ANSWER_BYTES_MAX)
        async with answering(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n") as port:
            sent = await post.send(f"http://{HOST}:{port}/", headers={}, body=b"{}")
        assert sent.outcome == NoAnswer("answer_malformed")


TESTS: Final = {name: test for name, test in globals().items() if name.startswith("test_api")}


@pytest.mark.parametrize("name", TESTS)
async def test_each_of_the_ten_can_fail(stage: Stage, name: str) -> None:
    """Under a fault of the kind that it is about."""
    fault = FAULTS[name.split("_")[1]]
    stage.patch.setattr(fault.owner, fault.name, fault.planted)
    with pytest.raises(AssertionError, match=fault.seen):
        await TESTS[name](stage)
