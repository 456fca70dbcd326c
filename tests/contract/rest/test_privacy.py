"""Personal data over REST: erased, so that nothing but the places that the page names has any of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.purchases.model.ownership import COOLDOWN_S
from cashback.purchases.service import CoolDown
from tests.contract.rest.document import assert_problem
from tests.contract.rest.marked import SAID, answers_with, marked, places, staged
from tests.contract.rest.test_forgotten import again, forget, marks_of
from tests.contract.rest.test_ownership import Stage
from tests.contract.rest.world import Caller, a_purchase
from tests.integration.ledger.world import World, minted_outcome, new_key, wallet_number
from tests.support.facts import eventually
from tests.support.markers import documented

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY: Final = {"person": "ada", "reason": "asked for in ticket 4711"}
HAD: Final = {
    "purchases.users.reference",
    "purchases.users.tier",
    "purchases.wallets.address",
    "purchases.wallet_challenges.address",
    "purchases.wallet_challenges.message",
    "purchases.wallet_changes.address",
    "purchases.user_blocks.reason",
    "purchases.idempotency_keys.answer",
    "ledger.recipients.wallet",
    "ledger.cashback_ledger.recipient",
    "ledger.cashback_ledger.request",
}
"""Where the data of a user stands who has some of each kind."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(world: World) -> AsyncIterator[Stage]:
    """Give an API with an adapter that judges, and a programme."""
    async with staged(world) as one:
        yield one


async def test_what_is_erased_stands_in_the_places_that_the_page_names_alone(stage: Stage) -> None:
    """As the superuser reads them, all tables: at once, though of what left no row an answer may stay for 30 days."""
    operator, world, one = stage.operator, stage.rest.world, await marked(stage, 1)
    assert places(world, one) >= HAD
    assert await answers_with(world, one) > {"create_wallet_challenge", "create_wallet_proof", "block_user", "set_tier"}
    response = await operator.post(f"/v1/users/{one.id}/erase", WHY)
    assert response.status_code == 201, response.text
    erased_at = response.json()["erased_at"]
    assert response.json() == {"user_id": one.id, "erased_at": erased_at, "is_news": True, **WHY}
    stays = {place.partition(".")[2] for place in documented()}
    assert places(world, one) <= stays | {"purchases.idempotency_keys.answer"}
    # No row says when it was: since when a tier is held may be said.
    assert await answers_with(world, one) == {"set_tier"}
    await forget(stage.rest)
    left = places(world, one)
    assert left <= stays
    assert left & HAD == {"ledger.cashback_ledger.recipient", "ledger.cashback_ledger.request"}
    shown = (await operator.get(f"/v1/users/{one.id}")).json()
    known = {"id", "created_at", "is_blocked", "blocked_since", "erased_at"}
    assert {name for name, value in shown.items() if value is not None} == known
    assert (shown["is_blocked"], shown["blocked_since"], shown["erased_at"]) == (True, erased_at, erased_at)
    blocks = (await operator.get(f"/v1/users/{one.id}/blocks")).json()["items"]
    assert [(said["person"], said["reason"]) for said in blocks] == [
        ("ada", WHY["reason"]),
        ("bert", "erased"),
        ("bert", "erased"),
    ]
    await world.assert_books_prove()
    world.clock.advance(timedelta(seconds=2 * COOLDOWN_S))
    assert await CoolDown(world.api, clock=world.clock).round() == 0


@pytest.mark.invariant("I7")
async def test_it_is_erased_once_by_its_key_and_a_second_time_is_no_news(stage: Stage) -> None:
    """The first person's reason stands; 31 days later the same key is answered by that."""
    operator, one, key = stage.operator, await marked(stage, 2), new_key()
    path = f"/v1/users/{one.id}/erase"
    first = await operator.post(path, WHY, key=key)
    repeated = await operator.post(path, WHY, key=key)
    assert (repeated.content, repeated.headers["idempotency-replayed"]) == (first.content, "true")
    second = await operator.post(path, {"person": "cleo", "reason": "as well"})
    assert second.json() == first.json() | {"is_news": False}
    assert_problem(
        await operator.post(path, WHY | {"reason": "other"}, key=key),
        422,
        "idempotency_key_reused",
        parameter="Idempotency-Key",
    )
    await forget(stage.rest)
    assert await again(operator, path, WHY, key=key) == first.json() | {"is_news": False}
    query = "select what, key_id from purchases.disclosures where user_id = %s order by position"
    assert await stage.rest.world.rows(query, one.id) == [("erasure", operator.key_id)] * 2


@pytest.mark.invariant("I7")
async def test_what_was_said_of_an_erased_user_is_told_no_more(stage: Stage) -> None:
    """Whoever repeats a command of before is answered by what stands, which is nothing, and links or names nothing."""
    operator, one = stage.operator, await marked(stage, 3)
    await operator.post(f"/v1/users/{one.id}/erase", WHY)
    for key, (path, body, headers) in one.said.items():
        told = await operator.post(path, body, key=key, headers=headers)
        assert (told.status_code, marks_of(told.headers)) == (201, ("true", "true")), told.text
        assert not any(marker in told.text for marker in one.markers), path
    path = f"/v1/users/{one.id}"
    for verb, body in (
        ("wallet", {"wallet": wallet_number(4_100)}),
        ("wallet", {"wallet": wallet_number(4_100), **SAID}),
        ("wallet-challenges", {"wallet": wallet_number(4_100)}),
        ("tier", {"tier": "gold"}),
        ("block", SAID),
        ("unblock", SAID),
    ):
        assert_problem(await operator.post(f"{path}/{verb}", body), 409, "user_erased", parameter="user_id")
    seen = {"If-Match": (await operator.get(path)).headers["etag"]}
    assert_problem(
        await operator.post(path, {"reference": "Ann"}, headers=seen), 409, "user_erased", parameter="user_id"
    )
    merchant = await stage.rest.world.merchant()
    bought = (await operator.post("/v1/purchases", a_purchase(one.id, merchant))).json()
    assert bought["cashback"]["reason"] == "user_blocked"


async def test_while_a_mint_is_under_way_nothing_is_erased(stage: Stage) -> None:
    """Neither while it is stuck; once it is decided the same key erases."""
    operator, world, key = stage.operator, stage.rest.world, new_key()
    one = await marked(stage, 4, is_minted=False)
    path, before = f"/v1/users/{one.id}/erase", places(world, one)
    assert_problem(await operator.post(path, WHY, key=key), 409, "cashback_in_flight")
    assert places(world, one) == before
    cashback = await world.one("select id from ledger.cashback_ledger where user_id = %s", one.id)
    await world.settle(await minted_outcome(world, cashback))
    assert (await operator.post(path, WHY, key=key)).json()["is_news"]
    assert await world.rows("select from ledger.recipients where user_id = %s", one.id) == []


async def test_a_wallet_that_is_linked_meanwhile_is_erased_or_refused(stage: Stage) -> None:
    """Both wait for the user, whoever comes first; afterwards there is no wallet, here and in the ledger."""
    operator, world = stage.operator, stage.rest.world
    for number, is_linked_first in enumerate((True, False)):
        user = await world.user()
        path = f"/v1/users/{user.id}"
        asked = [(f"{path}/wallet", {"wallet": wallet_number(4_200 + number)}), (f"{path}/erase", WHY)]
        async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
            await third.execute("select from purchases.users where id = %s for update", (user.id,))
            first, second = asked if is_linked_first else reversed(asked)
            tasks = [asyncio.create_task(operator.post(*first))]
            await waiting(world, 1)
            tasks.append(asyncio.create_task(operator.post(*second)))
            await waiting(world, 2)
            await third.rollback()
            told = [response.status_code for response in await asyncio.gather(*tasks)]
        assert told == [201, 201] if is_linked_first else [201, 409]
        assert (await operator.get(path)).json()["wallet"] is None
        assert await world.rows("select from ledger.recipients where user_id = %s", user.id) == []


async def test_who_is_erased_owns_no_merchant_and_is_named_no_owner_again(stage: Stage) -> None:
    """Before, the export tells which, without who else does; what named them is told as it stands now under its key."""
    operator, world, key = stage.operator, stage.rest.world, new_key()
    user, other = await world.user(), await world.user()
    body = {"name": "At Ann's", "owners": [user.id, other.id]}
    shop = (await operator.post("/v1/merchants", body, key=key)).json()
    named_again, of_another = new_key(), new_key()
    path, facts = f"/v1/users/{user.id}", f"/v1/merchants/{shop['id']}/facts"
    owned = {"id": shop["id"], "name": "At Ann's"}
    assert [(await operator.get(f"/v1/users/{one.id}/export")).json()["merchants"] for one in (user, other)] == [
        [owned],
        [owned],
    ]
    assert (await operator.post(facts, {"owners": [user.id]}, key=named_again)).json()["owners"] == [user.id]
    left = (await operator.post(facts, {"owners": [other.id]}, key=of_another)).json()
    await operator.post(facts, {"owners": [user.id, other.id]})
    assert (await operator.post(f"{path}/erase", WHY)).status_code == 201
    assert (await operator.get(f"{path}/export")).json()["merchants"] == []
    assert (await operator.get(f"/v1/merchants/{shop['id']}")).json()["owners"] == [other.id]
    for asked, named in (("/v1/merchants", {"name": "At Ann's"}), (facts, {})):
        refused = await operator.post(asked, {**named, "owners": [other.id, user.id]})
        assert_problem(refused, 409, "user_erased", pointer="/owners/1")
    for where, what, under in (("/v1/merchants", body, key), (facts, {"owners": [user.id]}, named_again)):
        told = await operator.post(where, what, key=under)
        assert (told.status_code, told.json()["owners"]) == (201, [other.id])
        assert {"idempotency-replayed", "idempotency-rebuilt"} <= set(told.headers)
    kept = await operator.post(facts, {"owners": [other.id]}, key=of_another)
    assert (kept.json(), "idempotency-rebuilt" in kept.headers) == (left, False)


async def test_who_is_named_an_owner_meanwhile_is_erased_or_refused(stage: Stage) -> None:
    """Both wait for the user, whoever comes first; afterwards they own nothing."""
    operator, world = stage.operator, stage.rest.world
    for is_new in (True, False):
        for is_named_first in (True, False):
            user, shop = await world.user(), await world.merchant()
            naming = ("/v1/merchants", {"name": "At Ann's"}) if is_new else (f"/v1/merchants/{shop.id}/facts", {})
            asked = [(naming[0], {**naming[1], "owners": [user.id]}), (f"/v1/users/{user.id}/erase", WHY)]
            async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as third:
                await third.execute("select from purchases.users where id = %s for update", (user.id,))
                first, second = asked if is_named_first else reversed(asked)
                tasks = [asyncio.create_task(operator.post(*first))]
                await waiting(world, 1)
                tasks.append(asyncio.create_task(operator.post(*second)))
                await waiting(world, 2)
                await third.rollback()
                told = [response.status_code for response in await asyncio.gather(*tasks)]
            assert told == ([201, 201] if is_named_first else [201, 409])
            assert await world.rows("select from purchases.merchants where owners @> array[%s]", user.id) == []


async def waiting(world: World, count: int) -> None:
    """Return once so many transactions of this database wait for a row."""
    asked = (
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and wait_event in ('transactionid', 'tuple')"
    )

    async def look() -> bool | None:
        return (await world.one(asked) == count) or None

    await eventually(look, within_s=10, what=f"{count} wait for a row")


async def test_strangers_are_not_found_and_merchants_are_not_let_in(stage: Stage) -> None:
    """Well-formed ids of nobody and others; nothing is noted of either."""
    rest, operator, user = stage.rest, stage.operator, await stage.rest.world.user()
    keeper = await rest.merchant(await rest.world.merchant())
    before = await rest.stored()
    for id_ in (new_id("usr"), "usr_x"):
        assert_problem(await operator.get(f"/v1/users/{id_}/export"), 404, "user_unknown", parameter="user_id")
        assert_problem(await operator.post(f"/v1/users/{id_}/erase", WHY), 404, "user_unknown", parameter="user_id")
    assert_problem(await keeper.get(f"/v1/users/{user.id}/export"), 403, "operator_only")
    assert_problem(await keeper.post(f"/v1/users/{user.id}/erase", WHY), 403, "operator_only")
    for body in ({"person": "ada"}, {"person": "ada", "reason": "x" * 501}):
        assert_problem(
            await operator.post(f"/v1/users/{user.id}/erase", body), 422, "request_invalid", pointer="/reason"
        )
    assert_problem(
        await operator.post(f"/v1/users/{user.id}/erase", WHY | {"person": " "}),
        422,
        "field_invalid",
        pointer="/person",
    )
    assert await rest.stored() == before


async def test_a_key_for_users_exports_and_erases_nobody(stage: Stage) -> None:
    """Both have a scope of their own."""
    user = await stage.rest.world.user()
    caller: Caller = await stage.rest.operator(scopes=("users:read", "users:write", "wallets:write"))
    assert_problem(await caller.get(f"/v1/users/{user.id}/export"), 403, "scope_missing")
    assert_problem(await caller.post(f"/v1/users/{user.id}/erase", WHY), 403, "scope_missing")
