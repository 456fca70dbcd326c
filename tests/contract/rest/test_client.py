"""The typed client against the API itself: each operation has its function, and each example is a struct of it."""

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec
import pytest

from cashback.client import ApiProblem, AsyncClient, Call, NoAnswer
from cashback.client.api import api_keys, merchants, operations, purchases, structs, users
from cashback.client.failures import CallFailed
from cashback.kernel.principal import Rate
from tests.contract.rest.golden import GOLDEN
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON: Final = "application/json"
DOCUMENT: Final[dict[str, Any]] = json.loads(GOLDEN.read_text())
OPERATIONS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    operation["operationId"]: (method.upper(), template, operation)
    for template, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
AT: Final = "2026-03-01T12:00:00Z"
TEXTS: Final = [
    (name, kind)
    for name, (_, _, operation) in OPERATIONS.items()
    for kind in operation["responses"].get("200", {}).get("content", {})
    if kind != JSON
]
"""Operations that answer something else than JSON where they are asked for it; each has a function for that as well."""


def function_of(name: str) -> Callable[..., Call[Any]]:
    """Return the client's function for an operation: in the module of its tag, under its own name."""
    _, _, operation = OPERATIONS[name]
    tag = operation["tags"][0].lower().replace(" ", "_")
    module: ModuleType = importlib.import_module(f"cashback.client.api.{tag}")
    function: Callable[..., Call[Any]] = getattr(module, re.sub(r"([A-Z])", r"_\1", name).lower())
    return function


def call_of(name: str) -> Call[Any]:
    """Return the operation's call, with something for every argument: its name, where that is a text."""
    function = function_of(name)
    told: dict[str, object] = {}
    for argument, parameter in inspect.signature(function).parameters.items():
        said = str(parameter.annotation)
        if argument == "body":
            told[argument] = b"" if said == "bytes" else structs.NoBody()
        elif said.startswith("structs."):
            told[argument] = next(iter(getattr(structs, said.removeprefix("structs.").partition(" ")[0])))
        else:
            told[argument] = {"int": 1, "bool": True}.get(said.partition(" ")[0], argument)
    return function(**told)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_operation_has_its_function(name: str) -> None:
    """With the document's method and path, every parameter under its own name, and the type of the good answer."""
    method, template, operation = OPERATIONS[name]
    call = call_of(name)
    assert call.method == method
    assert call.path == template.format(
        **{part: _placed(operation, part) for part in re.findall(r"\{(\w+)\}", template)}
    )
    documented = operation.get("parameters", [])
    asked = {one["name"] for one in documented if one["in"] == "query"} - {"format"}
    assert {one for one, _ in call.query} == asked
    assert {one for one, _ in call.headers} == {one["name"] for one in documented if one["in"] == "header"}
    [good] = [told for status, told in operation["responses"].items() if status < "300"]
    if reference := good["content"][JSON]["schema"].get("$ref"):
        schema = DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]
        assert set(call.answer.__struct_encode_fields__) == set(schema["properties"])


async def test_a_body_need_not_be_said_that_need_not_be_there(rest: Rest, operator: Caller) -> None:
    """Nor one that makes something of nothing but defaults; one that changes what is there is always said."""
    unsaid = {
        name
        for name in OPERATIONS
        if (taken := inspect.signature(function_of(name)).parameters.get("body")) and taken.default is None
    }
    optional = {name for name, (_, _, one) in OPERATIONS.items() if one.get("requestBody", {}).get("required") is False}
    assert unsaid == optional | {"createUser"}
    user = await operator.typed.send(users.create_user(idempotency_key="typed-of-nothing"))
    assert (user.reference, user.wallet, user.tier) == (None, None, None)
    said = users.create_user(structs.UserBody(), idempotency_key="typed-of-nothing")
    assert (await operator.typed.answer(said)).is_replay
    merchant = await rest.world.merchant()
    body = structs.ApiKeyBody(label="typed, to be revoked", merchant_id=merchant.id)
    key = await operator.typed.send(api_keys.create_api_key(body, idempotency_key="typed-to-be-revoked"))
    revoked = await operator.typed.send(api_keys.revoke_api_key(key.id, idempotency_key="typed-revoked"))
    assert (revoked.id, revoked.revoked_at is None) == (key.id, False)


async def test_the_client_has_nothing_beside_the_operations() -> None:
    """What was taken out of the API is no function any more."""
    modules = {function_of(name).__module__ for name in OPERATIONS}
    made = [
        f"{module}.{name}"
        for module in modules
        for name, found in inspect.getmembers(importlib.import_module(module), inspect.isfunction)
        if found.__module__ == module
    ]
    assert len(made) - len(TEXTS) == len(OPERATIONS) > 100


def _placed(operation: dict[str, Any], part: str) -> str:
    """Return what `call_of` says for a part of a path."""
    [one] = [one for one in operation["parameters"] if (one["in"], one["name"]) == ("path", part)]
    return "1" if one["schema"]["type"] == "integer" else part


def examples(content: dict[str, Any]) -> Iterator[Any]:
    """Yield the examples of what is JSON."""
    for one in content.get(JSON, {}).get("examples", {}).values():
        yield one["value"]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_recorded_answer_is_its_struct_and_back(name: str) -> None:
    """Nothing of it is lost, and nothing is added: what was left out is left out again."""
    _, _, operation = OPERATIONS[name]
    kind = call_of(name).answer
    for told in (told for status, one in operation["responses"].items() if status < "300" for told in [one["content"]]):
        for example in examples(told):
            assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(example, kind))) == example


@pytest.mark.parametrize("name", [name for name, (_, _, one) in OPERATIONS.items() if "requestBody" in one])
async def test_every_recorded_request_is_its_struct_and_back(name: str) -> None:
    """As a caller of the client would say it."""
    _, _, operation = OPERATIONS[name]
    hint = get_type_hints(function_of(name))["body"]
    kinds = [hint] if get_origin(hint) is None else get_args(hint)
    for example in examples(operation["requestBody"]["content"]):
        [body] = [one for kind in kinds for one in _taken(example, kind)]
        assert msgspec.json.decode(msgspec.json.encode(body)) == example


def _taken(example: object, kind: type) -> Iterator[object]:
    """Yield a body as a struct of this kind, where it is one."""
    try:
        yield msgspec.convert(example, kind)
    except msgspec.ValidationError:
        return


async def test_a_purchase_by_the_typed_client(rest: Rest, operator: Caller) -> None:
    """People, a purchase, the same again under the same key, and what there is of it then."""
    client: AsyncClient = operator.typed
    shop = await client.send(
        merchants.create_merchant(structs.MerchantBody(name="Typed"), idempotency_key="typed-shop")
    )
    user = await client.send(users.create_user(structs.UserBody(reference="typed"), idempotency_key="typed-user"))
    body = structs.PurchaseBody(
        user_id=user.id, merchant_id=shop.id, amount_minor="1999", currency="USD", occurred_at=AT
    )
    call = purchases.create_purchase(body, idempotency_key="typed-purchase")
    first, again = [await client.answer(call) for _ in range(2)]
    assert (first.is_replay, again.is_replay, first.told) == (False, True, again.told)
    story = await client.send(purchases.show_purchase(first.told.id))
    assert story.cashback.id == first.told.cashback.id
    assert story.cashback.state is structs.State.APPROVED
    assert story.lines is msgspec.UNSET
    page = await client.send(purchases.list_purchases(user_id=user.id, occurred_from=story.occurred_at, limit=1))
    assert [one.id for one in page.items] == [story.id]


async def test_a_statement_is_told_as_csv_as_well(operator: Caller) -> None:
    """Byte for byte what the API says, by a function of its own; a refusal is the same error as of any other call."""
    assert TEXTS == [("showStatement", "text/csv; charset=utf-8")]
    user = (await operator.post("/v1/users", {})).json()["id"]
    said = await operator.get(
        f"/v1/users/{user}/statement?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z&format=csv"
    )
    call = users.show_statement_csv(user, from_="2026-03-01T00:00:00Z", to="2026-04-01T00:00:00Z")
    told = await operator.typed.send(call)
    assert (told, told.partition(",")[0]) == (said.text, "row")
    with pytest.raises(ApiProblem, match="user_unknown"):
        await operator.typed.send(users.show_statement_csv("usr_1", from_=AT, to="2026-04-01T00:00:00Z"))


async def test_a_refusal_is_one_error_with_its_code(operator: Caller) -> None:
    """With all that is wrong, and the members that belong to the code."""
    with pytest.raises(ApiProblem) as refused:
        await operator.typed.send(users.show_user("usr_1"))
    assert (refused.value.code, refused.value.status) == ("user_unknown", 404)
    with pytest.raises(ApiProblem) as refused:
        await operator.typed.send(
            purchases.create_purchase(
                structs.PurchaseBody(user_id="u", amount_minor="19.99", currency="USD", occurred_at="yesterday"),
                idempotency_key="typed-nonsense",
            )
        )
    problem = refused.value.problem
    assert problem.errors is not msgspec.UNSET
    assert {one.pointer for one in problem.errors} == {"/amount_minor", "/occurred_at"}
    assert refused.value.members["trace_id"] == problem.trace_id


async def test_what_is_refused_of_a_bulk_or_a_stream_has_the_members_of_its_code(rest: Rest, operator: Caller) -> None:
    """As a refusal of the purchase by itself has them: whoever told of it before goes on with `purchase_id`."""
    client, user, shop = operator.typed, await rest.world.user(), await rest.world.merchant()
    bought = structs.PurchaseBody(
        user_id=user.id,
        merchant_id=shop.id,
        amount_minor="1999",
        currency="USD",
        occurred_at=AT,
        reference="typed-twice",
    )
    first = await client.send(purchases.create_purchase(bought, idempotency_key="typed-first"))
    [item] = (
        await client.send(
            purchases.create_purchases(structs.BulkBody(purchases=[bought]), idempotency_key="typed-bulk")
        )
    ).items
    streamed = await client.send(
        purchases.stream_purchases(msgspec.json.encode(bought) + b"\n", idempotency_key="typed-stream")
    )
    for problem in (item.problem, streamed.problems[0].problem):
        assert isinstance(problem, structs.Problem)
        assert (problem.code, problem.purchase_id, problem.left_minor) == ("purchase_exists", first.id, msgspec.UNSET)


async def test_a_rate_is_waited_for_as_long_as_the_api_says(rest: Rest) -> None:
    """Who is patient has the answer that the other was refused, by what the API itself says of when to ask again."""
    caller = await rest.operator(rate=Rate(per_s=1, burst=2))
    calls = [users.create_user(structs.UserBody(), idempotency_key=f"typed-rate-{place}") for place in range(3)]
    with pytest.raises(ApiProblem, match="rate_limited"):
        [await caller.typed.send(call) for call in calls]
    async with AsyncClient("http://api", caller.secret, transport=caller.transport) as patient:
        assert not (await patient.answer(calls[-1])).is_replay


async def test_a_name_that_is_a_path_leads_nowhere_else(operator: Caller) -> None:
    """Neither to another route, nor to the list of everything."""
    user = (await operator.post("/v1/users", {})).json()["id"]
    for name in (f"{user}/balance", "../merchants", "..", ".", "", "a/b", "?limit=1", "%2e%2e", "\0"):
        with pytest.raises(ApiProblem) as refused:
            await operator.typed.send(users.show_user(name))
        assert refused.value.code == "user_unknown", name


async def test_what_is_open_to_everybody_needs_no_key_of_ours(rest: Rest) -> None:
    """And what is not a document of the operation is no answer of it."""
    assert await rest.nobody.typed.send(operations.livez()) == {"status": "alive"}
    stranger = Call(method="GET", path="/docs/problems", answer=structs.User)
    with pytest.raises(NoAnswer, match="not answered in JSON: 200"):
        await rest.nobody.typed.send(stranger)
    page = Call(method="GET", path="/docs/problems", answer=str, answer_as="text/csv")
    with pytest.raises(NoAnswer, match="not answered in text/csv: 200"):
        await rest.nobody.typed.send(page)
    with pytest.raises(CallFailed, match="api_key"):
        await rest.nobody.typed.send(users.show_user("usr_1"))
