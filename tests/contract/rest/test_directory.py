"""Users, wallets, merchants are found by what people know of them; programmes, campaigns, reviews by their state."""

from datetime import timedelta

import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.pages import listed, pages_of
from tests.contract.rest.world import Caller, Rest, instant
from tests.integration.ledger.world import World, buy, wallet_number

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNED = {"person": "alice", "reason": "it was asked for"}


async def test_a_user_is_found_by_the_operators_name_and_by_the_wallet_in_use(operator: Caller) -> None:
    """A name may be given twice; a wallet that somebody had before finds nobody."""
    first, second = wallet_number(9_000_001), wallet_number(9_000_002)
    body = {"reference": "customer 17", "wallet": first}
    anna = (await operator.post("/v1/users", body)).json()["id"]
    twin = (await operator.post("/v1/users", {"reference": "customer 17"})).json()["id"]
    assert await listed(operator, "/v1/users", reference="customer 17") == sorted((anna, twin), reverse=True)
    assert await listed(operator, "/v1/users", reference="nobody") == []
    assert await listed(operator, "/v1/users", wallet=first) == [anna]
    assert (await operator.post(f"/v1/users/{anna}/wallet", {"wallet": second})).status_code == 201
    assert await listed(operator, "/v1/users", wallet=first) == []
    assert await listed(operator, "/v1/users", wallet=second, reference="customer 17") == [anna]
    [user] = (await operator.get("/v1/users", params={"wallet": second})).json()["items"]
    assert user == (await operator.get(f"/v1/users/{anna}")).json()


async def test_what_is_no_wallet_is_refused(operator: Caller) -> None:
    """With its checksum it is one: without, a single letter that was mistyped would find nobody."""
    for text in ("", "0x", wallet_number(1).lower(), "0x" + 40 * "0"):
        response = await operator.get("/v1/users", params={"wallet": text})
        assert_problem(response, 422, "wallet_invalid", parameter="wallet")


async def test_blocked_users_are_found(operator: Caller) -> None:
    """Until they are unblocked; the others are those who are not."""
    user = (await operator.post("/v1/users", {"reference": "buys and returns"})).json()["id"]
    assert (await operator.post(f"/v1/users/{user}/block", SIGNED)).status_code == 201
    assert user in await listed(operator, "/v1/users", is_blocked="true")
    assert user not in await listed(operator, "/v1/users", is_blocked="false")
    assert await listed(operator, "/v1/users", is_blocked="false", reference="buys and returns") == []
    assert (await operator.post(f"/v1/users/{user}/unblock", SIGNED)).status_code == 201
    assert user not in await listed(operator, "/v1/users", is_blocked="true")


async def test_all_wallets_of_a_user_are_told_the_newest_first(world: World, operator: Caller) -> None:
    """With since when each was used; the last one is."""
    user = await world.user(wallet=wallet_number(9_000_010))
    linked = [wallet_number(9_000_010 + nth) for nth in range(4)]
    for wallet in linked[1:]:
        world.clock.advance(timedelta(hours=1))
        await world.link(user, wallet)
    path = f"/v1/users/{user.id}/wallets"
    pages = await pages_of(operator, path, limit=3)
    assert [len(page) for page in pages] == [3, 1]
    told = [one for page in pages for one in page]
    assert [one["wallet"] for one in told] == linked[::-1]
    assert [one["is_in_use"] for one in told] == [True, False, False, False]
    assert instant(told[0]["linked_at"]) == world.clock.now()
    oldest = (await operator.get(path, params={"order": "asc", "limit": 1})).json()["items"]
    assert [one["wallet"] for one in oldest] == linked[:1]
    nobodys = await world.user(wallet=None)
    assert await pages_of(operator, f"/v1/users/{nobodys.id}/wallets") == [[]]
    unknown = await operator.get(f"/v1/users/{new_id('usr')}/wallets")
    assert unknown.json()["code"] == "user_unknown"


async def test_merchants_are_found_by_how_their_names_begin_and_whether_they_are_active(operator: Caller) -> None:
    """In any case; what people write like a pattern is none."""
    ids = {}
    for name in ("Corner Shop", "corner cafe", "The Corner", "100% Corner"):
        ids[name] = (await operator.post("/v1/merchants", {"name": name})).json()["id"]
    begun = {ids["Corner Shop"], ids["corner cafe"]}
    assert set(await listed(operator, "/v1/merchants", name="CORNER", limit=1)) == begun
    assert await listed(operator, "/v1/merchants", name="%corner") == []
    assert await listed(operator, "/v1/merchants", name="100%") == [ids["100% Corner"]]
    assert (await operator.post(f"/v1/merchants/{ids['corner cafe']}/deactivate", SIGNED)).status_code == 201
    assert await listed(operator, "/v1/merchants", name="corner", is_active="false") == [ids["corner cafe"]]
    assert await listed(operator, "/v1/merchants", name="corner", is_active="true") == [ids["Corner Shop"]]
    [shown] = (await operator.get("/v1/merchants", params={"name": "corner s"})).json()["items"]
    assert shown == (await operator.get(f"/v1/merchants/{ids['Corner Shop']}")).json()


async def test_a_merchant_finds_itself_and_no_user(rest: Rest, world: World) -> None:
    """Users are the operator's."""
    merchant = await world.merchant()
    keeper = await rest.merchant(merchant)
    assert await listed(keeper, "/v1/merchants") == [merchant.id]
    assert await listed(keeper, "/v1/merchants", name="Shop") == [merchant.id]
    assert await listed(keeper, "/v1/merchants", is_active="false") == []
    for path in ("/v1/users", f"/v1/users/{(await world.user()).id}/wallets"):
        assert_problem(await keeper.get(path), 403, "operator_only")


async def test_a_flag_is_true_or_false(operator: Caller) -> None:
    """Anything else is refused with its name."""
    for path, name in (("/v1/users", "is_blocked"), ("/v1/merchants", "is_active"), ("/v1/programmes", "in_force")):
        response = await operator.get(path, params={name: "perhaps"})
        assert_problem(response, 422, "request_invalid", parameter=name)


async def test_programmes_in_force_are_told_apart_from_those_that_ended(operator: Caller) -> None:
    """And a cursor of the one list does not go on in the other."""
    ids = []
    for currency in ("CHF", "SEK"):
        body = {"name": f"programme in {currency}", "currency": currency, "rate_bps": 100, "budget_minor": "100"}
        ids.append((await operator.post("/v1/programmes", body)).json()["id"])
    assert (await operator.post(f"/v1/programmes/{ids[0]}/end", {"reason": "it is over"})).status_code == 201
    ended = await listed(operator, "/v1/programmes", in_force="false")
    in_force = await listed(operator, "/v1/programmes", in_force="true", limit=1)
    assert (ids[0] in ended, ids[1] in ended, ids[0] in in_force, ids[1] in in_force) == (True, False, False, True)
    assert sorted(ended + in_force) == await listed(operator, "/v1/programmes")
    cursor = (await operator.get("/v1/programmes", params={"in_force": "true", "limit": 1})).json()["next_cursor"]
    for query in ({"in_force": "false"}, {}):
        response = await operator.get("/v1/programmes", params={**query, "cursor": cursor})
        assert_problem(response, 422, "cursor_invalid", parameter="cursor")


async def test_open_campaigns_are_told_apart_from_closed_ones(operator: Caller) -> None:
    """Of a programme that has ended all are closed."""
    body = {"name": "programme in NOK", "currency": "NOK", "rate_bps": 100, "budget_minor": "100"}
    programme = (await operator.post("/v1/programmes", body)).json()["id"]
    path = f"/v1/programmes/{programme}/campaigns"
    [base] = await listed(operator, path)
    body = {"programme_id": programme, "name": "spring", "budget_minor": "100"}
    spring = (await operator.post("/v1/campaigns", body)).json()["id"]
    assert (await operator.post(f"/v1/campaigns/{spring}/close", {"reason": "it is over"})).status_code == 201
    assert await listed(operator, path, is_open="true") == [base]
    assert await listed(operator, path, is_open="false") == [spring]
    assert (await operator.post(f"/v1/programmes/{programme}/end", {"reason": "as well"})).status_code == 201
    assert await listed(operator, path, is_open="true") == []
    assert set(await listed(operator, path, is_open="false")) == {base, spring}


async def test_what_waits_for_verdicts_is_told_by_programme(world: World, operator: Caller) -> None:
    """Of one alone, or of all of them."""
    waiting = {}
    user, shop = await world.user(), await world.merchant()
    for currency in ("DKK", "PLN"):
        body = {"name": f"looked at in {currency}", "currency": currency, "rate_bps": 100, "budget_minor": "10000"}
        programme = (await operator.post("/v1/programmes", {**body, "review_above_minor": "0"})).json()["id"]
        [answer] = await world.record(buy(user, shop, currency=currency))
        waiting[programme] = answer.cashback.id
    for programme, cashback in waiting.items():
        items = (await operator.get("/v1/reviews", params={"programme_id": programme})).json()["items"]
        assert cashback in str(items)
        assert len(items) == 1
    assert set(waiting.values()) <= set(await listed(operator, "/v1/cashback", state="review"))
