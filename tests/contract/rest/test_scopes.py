"""Which scope each operation asks for: one for everything that needs a key, none too many; and that it does."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest

from cashback.processes.api import SCOPES
from cashback.purchases.model.scopes import KNOWN_SCOPES
from tests.contract.rest.document import assert_problem
from tests.contract.rest.drawn import Drawn, by_operation
from tests.contract.rest.golden import document
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import new_key, wallet_number

READING_BY_POST: Final = {"simulateRuleset", "backtestRuleset", "lintDraft"}
"""Commands that leave nothing behind."""

CHANGING_BY_GET: Final = {"showWebhookSecret"}
"""What is told there signs in our name."""

ALSO: Final = {"createUser": "wallets:write"}
"""What a body may ask for beside its operation: the drawn one has every member."""


@pytest.fixture(scope="module")
def methods() -> dict[str, str]:
    """Give the method of each operation that needs a key, by its name."""
    told: dict[str, Any] = document()
    return {
        operation["operationId"]: method
        for item in told["paths"].values()
        for method, operation in item.items()
        if "security" in operation
    }


def test_each_operation_that_needs_a_key_has_a_scope(methods: dict[str, str]) -> None:
    """None is forgotten, and none is left of what was taken away; what is open to everybody has none."""
    assert set(SCOPES) == set(methods)


def test_a_scope_names_a_subject_and_whether_it_is_changed(methods: dict[str, str]) -> None:
    """A key for reading changes nothing, whatever the method says; the exceptions are few, and named here."""
    for operation, scope in SCOPES.items():
        assert re.fullmatch(r"[a-z]+:(read|write)", scope)
        is_changing = methods[operation] == "post"
        if operation in READING_BY_POST | CHANGING_BY_GET:
            is_changing = not is_changing
        assert scope.endswith(":write") is is_changing, operation


def test_the_scopes_that_a_key_can_be_made_for_are_those_that_are_asked_for() -> None:
    """A key for what no operation asks for would open nothing, and what cannot be named could not be given."""
    assert set(SCOPES.values()) == KNOWN_SCOPES


@pytest.mark.asyncio(loop_scope="module")
async def test_no_operation_is_open_to_a_key_that_was_not_made_for_it(rest: Rest) -> None:
    """403 with the scope that is missing, and nothing is stored, though the key was made for everything else."""
    callers = await callers_for(rest, {scope: KNOWN_SCOPES - {scope} for scope in KNOWN_SCOPES})
    before = await rest.stored()
    for name, one in drawn(rest).items():
        for body in one.bodies or (None,):
            response = await ask(callers[SCOPES[name]], one, body)
            assert_problem(response, 403, "scope_missing")
            assert response.json()["scope"] == SCOPES[name], name
            assert f'error="insufficient_scope", scope="{SCOPES[name]}"' in response.headers["www-authenticate"]
    assert await rest.stored() == before


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_that_was_made_for_an_operation_needs_nothing_else(rest: Rest) -> None:
    """Whatever else is wrong with the request is told; what a body asks for beside is in the table above."""
    wanted = {name: {SCOPES[name], *({ALSO[name]} if name in ALSO else ())} for name in SCOPES}
    callers = await callers_for(rest, wanted)
    for name, one in drawn(rest).items():
        for body in one.bodies or (None,):
            response = await ask(callers[name], one, body)
            assert response.json().get("code") != "scope_missing", (name, response.text)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_wallet_is_linked_by_keys_for_wallets_alone(rest: Rest) -> None:
    """Whichever way it takes; a key for users does everything else that it did."""
    clerk = await rest.operator(scopes=["users:read", "users:write"])
    user = (await clerk.post("/v1/users", {"reference": "anna", "tier": "gold"})).json()["id"]
    assert (await clerk.post(f"/v1/users/{user}/tier", {"tier": None})).status_code == 201
    before = await rest.stored()
    inside = await clerk.post("/v1/users", {"wallet": wallet_number(77)})
    assert_problem(inside, 403, "scope_missing", pointer="/wallet")
    assert_problem(await clerk.post(f"/v1/users/{user}/wallet", {"wallet": wallet_number(77)}), 403, "scope_missing")
    assert (inside.json()["scope"], await rest.stored()) == ("wallets:write", before)
    teller = await rest.operator(scopes=["wallets:write"])
    assert (await teller.post(f"/v1/users/{user}/wallet", {"wallet": wallet_number(77)})).status_code == 201
    both = await rest.operator(scopes=["wallets:write", "users:write"])
    assert (await both.post("/v1/users", {"wallet": wallet_number(78)})).status_code == 201


@pytest.mark.asyncio(loop_scope="module")
async def test_a_scope_makes_nobody_an_operator(rest: Rest) -> None:
    """What a merchant may not do it may not do with any scope; its own it may read and not change."""
    merchant = await rest.world.merchant()
    reader = await rest.merchant(merchant, scopes=["merchants:read", "users:write"])
    assert (await reader.get(f"/v1/merchants/{merchant.id}")).status_code == 200
    assert_problem(await reader.post("/v1/users", {}), 403, "operator_only")
    assert_problem(await reader.get("/v1/refunds/parked"), 403, "scope_missing")


@pytest.mark.asyncio(loop_scope="module")
async def test_which_methods_a_path_takes_is_told_to_any_key(rest: Rest) -> None:
    """It stands in the document, which everybody may read; what there is no path for is answered as ever."""
    narrow = await rest.operator(scopes=["rates:read"])
    assert (await narrow.ask("OPTIONS", "/v1/users")).status_code == 204
    assert_problem(await narrow.get("/v1/nothing"), 404, "route_unknown")
    assert_problem(await narrow.ask("DELETE", "/v1/users"), 405, "method_not_allowed")


def drawn(rest: Rest) -> dict[str, Drawn]:
    """Return every operation with a sound request, by its name."""
    return by_operation(rest.app.openapi_schema.to_schema(), {})


async def callers_for(rest: Rest, wanted: Mapping[str, Iterable[str]]) -> dict[str, Caller]:
    """Return for each name an operator whose key was made for these scopes alone."""
    return {name: await rest.operator(scopes=sorted(scopes)) for name, scopes in wanted.items()}


async def ask(caller: Caller, one: Drawn, body: Any) -> Any:  # noqa: ANN401  # any JSON, and httpx's answer
    """Return the answer to an operation, under a key of its own."""
    headers = {**one.headers, **({"Idempotency-Key": new_key()} if one.method == "POST" else {})}
    content = {} if body is None else {"json": body}
    return await caller.ask(one.method, one.url(), headers=headers, **content)
