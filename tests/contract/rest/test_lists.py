"""Lists: bounded pages, continued by opaque cursors."""

from base64 import urlsafe_b64encode

import pytest
import pytest_asyncio

from cashback.kernel.http import Terms
from cashback.kernel.ids import new_id
from cashback.kernel.page import cursor_of, place_of
from cashback.purchases.model import User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, buy

pytestmark = pytest.mark.asyncio(loop_scope="module")

EARNED = 123


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(world: World, operator: Caller) -> User:
    """Give a user who bought often, in turns with somebody else."""
    user, somebody, merchant = await world.user(), await world.user(), await world.merchant()
    await world.record(*[buy(who, merchant) for _ in range(EARNED) for who in (user, somebody)])
    return user


async def pages_of(caller: Caller, user: User, **query: object) -> list[list[str]]:
    """Return the ids on every page of a user's cashback."""
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        response = await caller.get(f"/v1/users/{user.id}/cashback", params={**query, **cursor})
        assert response.status_code == 200
        page = response.json()
        pages.append([item["id"] for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize(
    "query,sizes",
    [
        pytest.param({}, [50, 50, 23], id="fifty-unless-told-otherwise"),
        pytest.param({"limit": 200}, [123], id="the-most"),
        pytest.param({"limit": 41}, [41, 41, 41], id="to-the-last-one"),
        pytest.param({"limit": 122}, [122, 1], id="all-but-one"),
    ],
)
async def test_pages_follow_each_other_without_gap_or_repeat(
    world: World, operator: Caller, user: User, query: dict[str, object], sizes: list[int]
) -> None:
    """Newest first, or oldest first, and no page after the last one."""
    rows = await world.rows("select id from ledger.cashback_ledger where user_id = %s order by id desc", user.id)
    expected = [row[0] for row in rows]
    for order, ids in (({}, expected), ({"order": "asc"}, expected[::-1])):
        pages = await pages_of(operator, user, **query, **order)
        assert [len(page) for page in pages] == sizes
        assert [id_ for page in pages for id_ in page] == ids


async def test_what_is_earned_meanwhile_moves_no_page(world: World, operator: Caller) -> None:
    """A cursor is a place and not a number of rows to skip."""
    user, merchant = await world.user(), await world.merchant()
    await world.record(*[buy(user, merchant) for _ in range(20)])
    first = (await operator.get(f"/v1/users/{user.id}/cashback", params={"limit": 10})).json()
    [newer] = await world.record(buy(user, merchant))
    query = {"limit": 10, "cursor": first["next_cursor"]}
    second = (await operator.get(f"/v1/users/{user.id}/cashback", params=query)).json()
    seen = [item["id"] for item in first["items"] + second["items"]]
    assert len(set(seen)) == 20
    assert newer.cashback.id not in seen


async def test_a_user_who_earned_nothing_has_an_empty_list(world: World, operator: Caller) -> None:
    """200 and no items; whoever does not exist has no list."""
    response = await operator.get(f"/v1/users/{(await world.user()).id}/cashback")
    assert response.json() == {"items": [], "next_cursor": None}


def forged(place: str) -> str:
    """Return a place as a cursor writes it."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="nonsense"),
        pytest.param("!!!", id="no-base64"),
        pytest.param("a", id="a-single-character"),
        pytest.param("MQ==", id="padded"),
        pytest.param("M!Q", id="noise-between"),
        pytest.param(forged("-1"), id="negative"),
        pytest.param(forged("1 or true"), id="injection"),
        pytest.param(forged("9" * 19), id="beyond-63-bits"),
        pytest.param(forged("٣"), id="other-digits"),
    ],
)
async def test_a_forged_cursor_is_refused(operator: Caller, user: User, cursor: str) -> None:
    """Only what a page handed out continues one."""
    response = await operator.get(f"/v1/users/{user.id}/cashback", params={"cursor": cursor})
    assert_problem(response, 422, "cursor_invalid", parameter="cursor")


async def test_a_cursor_of_another_list_opens_no_door(world: World, operator: Caller, user: User) -> None:
    """It is a place among one user's own: with anybody else's name it is none of ours."""
    cursor = (await operator.get(f"/v1/users/{user.id}/cashback", params={"limit": 1})).json()["next_cursor"]
    stranger, merchant = await world.user(), await world.merchant()
    await world.record(buy(stranger, merchant))
    response = await operator.get(f"/v1/users/{stranger.id}/cashback", params={"cursor": cursor})
    assert_problem(response, 422, "cursor_invalid", parameter="cursor")


async def test_a_cursor_is_a_place_among_what_its_reader_sees(rest: Rest, world: World) -> None:
    """Of two cursors nobody learns how much everybody earned between them: a cashback of the merchant's own is all."""
    user, shop, elsewhere = await world.user(), await world.merchant(), await world.merchant()
    bought = await world.record(*[buy(user, where) for where in (shop, elsewhere, shop, elsewhere)])
    own = max(bought[0].cashback.id, bought[2].cashback.id)
    keeper = await rest.merchant(shop)
    page = (await keeper.get(f"/v1/users/{user.id}/cashback", params={"limit": 1})).json()
    assert [item["id"] for item in page["items"]] == [own]
    assert (place_of(page["next_cursor"]) or "").endswith(f":{own}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def numbered(world: World, user: User) -> dict[str, Terms]:
    """Give the lists whose places are numbers, each with what its cursors go with."""
    programme = await world.one("select id from ledger.programmes")
    campaign = await world.one("select id from ledger.campaigns")
    merchant = await world.one("select min(id) from purchases.merchants")
    return {
        "seals?": Terms.of("seals"),
        "reconciliations?": Terms.of("reconciliations"),
        "recomputations?": Terms.of("recomputations"),
        "reviews?": Terms.of("reviews"),
        f"reviews?programme_id={programme}&": Terms.of("reviews", programme_id=programme),
        "adjustments?": Terms.of("adjustments"),
        f"adjustments?user_id={user.id}&": Terms.of("adjustments", user_id=user.id),
        "exchange-rates?": Terms.of("rates"),
        "exchange-rates?base=EUR&": Terms.of("rates", base="EUR"),
        "mints?": Terms.of("mints"),
        "mints?state=stuck&": Terms.of("mints", standing="stuck"),
        f"mints?merchant_id={merchant}&": Terms.of("mints", merchant_id=merchant),
        f"programmes/{programme}/rulesets?": Terms.of("rulesets", programme_id=programme),
        f"programmes/{programme}/pauses?": Terms.of("pauses", programme_id=programme),
        f"campaigns/{campaign}/waitlist?": Terms.of("waitlist", campaign_id=campaign),
        f"users/{user.id}/blocks?": Terms.of("blocks", user_id=user.id),
        f"users/{user.id}/wallet-changes?": Terms.of("wallet_changes", user_id=user.id),
        f"merchants/{merchant}/deactivations?": Terms.of("deactivations", merchant_id=merchant),
        f"debts/{user.id}/write-offs?": Terms.of("write_offs", user_id=user.id),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_id(world: World, operator: Caller) -> dict[str, Terms]:
    """Give the lists whose places are ids, likewise."""
    programme = await world.one("select id from ledger.programmes")
    made = await operator.post(
        "/v1/webhooks/endpoints", {"url": "https://shop.example/hooks", "types": ["purchase.refunded"]}
    )
    assert made.status_code == 201, made.text
    endpoint = made.json()["id"]
    return {
        "programmes?": Terms.of("programmes"),
        "programmes?in_force=true&": Terms.of("programmes", in_force=True),
        f"programmes/{programme}/campaigns?": Terms.of("campaigns", programme_id=programme),
        f"programmes/{programme}/campaigns?is_open=true&": Terms.of("campaigns", programme_id=programme, is_open=True),
        f"programmes/{programme}/drafts?": Terms.of("drafts", programme_id=programme),
        "debts?": Terms.of("debts"),
        "debts/programmes?": Terms.of("programme_debts"),
        "api-keys?": Terms.of("api_keys"),
        "webhooks/endpoints?": Terms.of("endpoints"),
        f"webhooks/endpoints/{endpoint}/deliveries?": Terms.of("deliveries", endpoint_id=endpoint),
    }


async def test_no_list_goes_on_by_the_cursor_of_another(
    operator: Caller, numbered: dict[str, Terms], by_id: dict[str, Terms]
) -> None:
    """Nor by its own of other filters: each knows another place by the same number, or another thing."""
    for lists, place in ((numbered, "1"), (by_id, new_id("key"))):
        cursors = {asked: cursor_of(terms.bound(place) or "") for asked, terms in lists.items()}
        assert len(set(cursors.values())) == len(lists)
        before = [*cursors.values()][-1]
        for asked, own in cursors.items():
            response = await operator.get(f"/v1/{asked}cursor={own}")
            # Of this user nothing was ever asked back: there is no such list, wherever it is to begin.
            assert response.json().get("code") in {None, "debt_unknown"}, (asked, response.text)
            for others in (before, cursor_of(place)):
                refused = await operator.get(f"/v1/{asked}cursor={others}")
                assert_problem(refused, 422, "cursor_invalid", parameter="cursor")
            before = own


@pytest.mark.parametrize("place", ["-1", "1 or true", str(2**63), "9" * 30, "\u0663"])
async def test_a_list_does_not_go_on_at_what_is_no_place_under_its_own_name(
    operator: Caller, numbered: dict[str, Terms], place: str
) -> None:
    """What a cursor goes with is no secret: a stranger may have written the rest."""
    for asked, terms in numbered.items():
        refused = await operator.get(f"/v1/{asked}cursor={cursor_of(terms.bound(place) or '')}")
        assert_problem(refused, 422, "cursor_invalid", parameter="cursor")


@pytest.mark.parametrize("place", ["-1", "", " ", "9" * 40, "\u00b2", "key_" + "z" * 90, "0001-01-01T00:00:00+14:00 1"])
async def test_a_list_of_ids_goes_on_behind_any_text_or_refuses_it(
    operator: Caller, by_id: dict[str, Terms], place: str
) -> None:
    """A place among ids is a text that others lie behind, or none of ours: never a fault of the server."""
    for asked, terms in by_id.items():
        answer = await operator.get(f"/v1/{asked}cursor={cursor_of(terms.bound(place) or '')}")
        if answer.status_code != 200:
            assert_problem(answer, 422, "cursor_invalid", parameter="cursor")


async def cursors_of(caller: Caller, *lists: str) -> dict[str, str]:
    """Return where the second page of each list begins, of pages of one item."""
    found = {}
    for asked in lists:
        page = await caller.get(f"/v1/{asked}limit=1")
        assert page.status_code == 200, (asked, page.text)
        found[asked] = page.json()["next_cursor"]
    return found


async def test_neither_does_the_log_of_who_did_what_nor_a_statement(rest: Rest, world: World, operator: Caller) -> None:
    """Their places are instants, which mean something in each of them: behind one, others would be passed unseen."""
    users, merchant = [await world.user(), await world.user()], await world.merchant()
    keeper = await rest.merchant(merchant)
    for user in users:
        for _ in range(2):
            assert (await keeper.post("/v1/purchases", a_purchase(user))).status_code == 201
    log, until = "audit-log?to=2026-03-02T00:00:00Z&", "from=2026-02-01T00:00:00Z&to=2026-03-02T00:00:00Z&"
    cursors = await cursors_of(
        operator,
        log,
        "audit-log?to=2026-03-03T00:00:00Z&",
        f"audit-log?{until}",
        f"{log}key_id={keeper.key_id}&",
        *[f"users/{user.id}/statement?{until}" for user in users],
        f"users/{users[1].id}/statement?from=2026-02-02T00:00:00Z&to=2026-03-02T00:00:00Z&",
        f"users/{users[1].id}/statement?from=2026-02-01T00:00:00Z&to=2026-03-03T00:00:00Z&",
    )
    of_shop = (await cursors_of(keeper, log))[log]
    assert len({*cursors.values(), of_shop}) == len(cursors) + 1
    for asked, own in cursors.items():
        # Behind its mark the place is as it was told before marks were.
        unmarked = cursor_of((place_of(own) or "").partition(":")[2])
        for other in ({*cursors.values()} - {own}) | {of_shop, unmarked}:
            refused = await operator.get(f"/v1/{asked}limit=1&cursor={other}")
            assert_problem(refused, 422, "cursor_invalid", parameter="cursor")
        elsewhere = asked.replace("T00:00:00Z", "T02:00:00%2B02:00")
        assert (await operator.get(f"/v1/{elsewhere}limit=1&cursor={own}")).status_code == 200
