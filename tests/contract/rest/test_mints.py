"""Mints over REST, by their numbers: the ledger's record to whoever may see it, and the chain's live word on demand."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from cashback.ledger.gateway import adapter as gateway
from cashback.ledger.service import mint_stories
from cashback.purchases.model import Merchant
from cashback.wire.cashback.chain.v1 import GetMintsRequest, GetMintsResponse, GetMintsResponseEntry, MintState
from tests.contract.rest.adapter import ScriptedAdapter
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, open_rest
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINTS: Final = "/v1/mints"
PATIENT_S: Final = 30.0
HASH: Final = bytes(range(32))
EVER: Final = 100
"""More pages than any list of these tests has."""


class Shop(msgspec.Struct, frozen=True):
    """A merchant and whoever holds its key."""

    merchant: Merchant
    keeper: Caller

    async def sells(self, world: World, count: int = 1) -> list[str]:
        """Return the cashbacks of so many purchases, whose mints were requested in turn."""
        answers = await world.record(*[buy(await world.user(), self.merchant) for _ in range(count)])
        ids = [answer.cashback.id for answer in answers]
        for cashback_id in ids:
            await world.request(cashback_id)
        return ids


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adapter() -> AsyncIterator[ScriptedAdapter]:
    """Give an adapter that says what it is told to."""
    async with ScriptedAdapter.serving() as adapter:
        yield adapter


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rest(world: World, adapter: ScriptedAdapter) -> AsyncIterator[Rest]:
    """Give the API with that adapter behind it, and a programme in force."""
    await world.programme()
    async with open_rest(world, adapter_address=adapter.address) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def shop(rest: Rest, world: World) -> Shop:
    """Give a merchant."""
    merchant = await world.merchant()
    return Shop(merchant, await rest.merchant(merchant))


@pytest_asyncio.fixture(loop_scope="module")
async def rival(rest: Rest, world: World) -> Shop:
    """Give another merchant."""
    merchant = await world.merchant()
    return Shop(merchant, await rest.merchant(merchant))


@pytest.fixture(autouse=True)
def well(adapter: ScriptedAdapter) -> None:
    """Begin each test with an adapter that knows of no mint."""
    adapter.is_hanging, adapter.refusal = False, None
    adapter.answers = {"GetMints": b""}
    adapter.asked.clear()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the API wait for the adapter, for tests about what that says and not about when."""
    monkeypatch.setattr(gateway, "DEADLINE_S", PATIENT_S)
    monkeypatch.setattr(gateway, "_deadline", partial(gateway._deadline, within_s=PATIENT_S))


async def number_of(world: World, cashback_id: str) -> int:
    """Return the number of a cashback's mint."""
    return int(await world.one("select mint_number from ledger.cashback_ledger where id = %s", cashback_id))


async def listed(caller: Caller, **asked: object) -> list[dict[str, Any]]:
    """Return the mints of every page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    for _ in range(EVER):
        response = await caller.get(MINTS, params={**asked, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("the list has no end")


async def test_a_mint_tells_what_was_frozen_and_where_it_stands(shop: Shop, world: World, operator: Caller) -> None:
    """Requested, then minted with its place; still minted when the purchase is returned after that."""
    [cashback_id] = await shop.sells(world)
    number = await number_of(world, cashback_id)
    known = await world.readings.cashback(cashback_id)
    asked = (await shop.keeper.get(f"{MINTS}/{number}")).json()
    assert asked == {
        "number": str(number),
        "state": "requested",
        "cashback_id": cashback_id,
        "purchase_id": known.purchase_id,
        "user_id": known.user_id,
        "merchant_id": shop.merchant.id,
        "recipient": known.recipient,
        "token_units": "1500000",
        "requested_at": "2026-03-01T12:00:00Z",
        "minted_at": None,
        "transaction_hash": None,
        "block_number": None,
        "block_hash": None,
        "failure": None,
        "chain": None,
        "is_stale": False,
    }
    outcome = await minted_outcome(world, cashback_id)
    await world.settle(outcome)
    place = {"transaction_hash": outcome.transaction_hash, "block_number": outcome.block_number}
    place |= {"block_hash": outcome.block_hash, "minted_at": "2026-03-01T12:00:00Z"}
    told = (await operator.get(f"{MINTS}/{number}")).json()
    assert told == {**asked, "state": "minted", **place}
    body = {"purchase_id": known.purchase_id, "amount_minor": "10000", "reason": "sent back"}
    assert (await shop.keeper.post("/v1/refunds", body)).status_code == 201
    assert (await world.readings.cashback(cashback_id)).state == "reversed"
    assert (await operator.get(f"{MINTS}/{number}")).json() == told
    assert cashback_id in [one["cashback_id"] for one in await listed(operator, state="minted")]


async def test_pages_go_on_without_gap_or_repeat_from_the_highest_number_down(
    shop: Shop, rival: Shop, world: World, operator: Caller
) -> None:
    """For the operator those of everybody, for a merchant its own."""
    own = await shop.sells(world, 5)
    others = await rival.sells(world, 3)
    everybody = await listed(operator, limit=2)
    assert [one["cashback_id"] for one in everybody[:8]] == [*others[::-1], *own[::-1]]
    numbers = [int(one["number"]) for one in everybody]
    assert numbers == sorted({*numbers}, reverse=True)
    counted = "select count(mint_number) + (select count(*) from ledger.retired_numbers) from ledger.cashback_ledger"
    assert len(numbers) == await world.one(counted)
    assert [one["cashback_id"] for one in await listed(shop.keeper, limit=2)] == own[::-1]
    named = await listed(operator, limit=2, merchant_id=shop.merchant.id)
    assert [one["cashback_id"] for one in named] == own[::-1]


async def test_anothers_mint_is_not_there(shop: Shop, rival: Shop, world: World) -> None:
    """In the words of a number that nobody has, in lists by any filter, and with the chain's word wanted or not."""
    [cashback_id] = await rival.sells(world)
    number = await number_of(world, cashback_id)
    for path in (f"{MINTS}/{number}", f"{MINTS}/{number}?expand=chain", f"{MINTS}/{number + 10_000}"):
        response = await shop.keeper.get(path)
        assert_problem(response, 404, "mint_unknown", parameter="number")
        assert response.json()["detail"] == "there is no such mint"
    strange = await shop.keeper.get(f"{MINTS}?merchant_id={rival.merchant.id}")
    assert_problem(strange, 404, "merchant_unknown", parameter="merchant_id")
    assert await listed(shop.keeper) == []


async def test_mints_of_one_state_are_found(shop: Shop, world: World) -> None:
    """And a state that there is not is refused."""
    requested, minted, stuck = await shop.sells(world, 3)
    await world.settle(await minted_outcome(world, minted), await failed_outcome(world, stuck))
    for state, cashback_id in (("requested", requested), ("minted", minted), ("stuck", stuck)):
        [found] = await listed(shop.keeper, state=state)
        assert (found["cashback_id"], found["state"]) == (cashback_id, state)
    assert (await listed(shop.keeper, state="stuck"))[0]["failure"] == "refused"
    assert await listed(shop.keeper, state="retired") == []
    assert_problem(await shop.keeper.get(f"{MINTS}?state=lost"), 422, "request_invalid", parameter="state")


async def test_a_number_that_was_given_up_is_still_told(shop: Shop, world: World) -> None:
    """Retired, and of the same cashback, which has another number; each stands in the list at its place."""
    [cashback_id] = await shop.sells(world)
    first = await number_of(world, cashback_id)
    before = (await shop.keeper.get(f"{MINTS}/{first}")).json()
    await world.settle(await failed_outcome(world, cashback_id, reason="number_retired"))
    await world.retirements.give_back(first, by="alice", because="the wallet is lost")
    await world.request(cashback_id)
    second = await number_of(world, cashback_id)
    told = (await shop.keeper.get(f"{MINTS}/{first}")).json()
    assert told == {**before, "state": "retired", "failure": "number_retired"}
    assert [(one["number"], one["state"]) for one in await listed(shop.keeper, limit=1)] == [
        (str(second), "requested"),
        (str(first), "retired"),
    ]
    assert [one["number"] for one in await listed(shop.keeper, state="retired")] == [str(first)]


async def test_few_of_a_state_among_many_are_found_a_stretch_at_a_time(
    shop: Shop, rival: Shop, world: World, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page looks through so many numbers and no more: it may be empty, and goes on behind them."""
    monkeypatch.setattr(mint_stories, "AMONG_MAX", 3)
    [first] = await shop.sells(world)
    await rival.sells(world, 4)
    [last] = await shop.sells(world)
    await world.settle(*[await failed_outcome(world, one) for one in (first, last)])
    page = (await operator.get(MINTS, params={"state": "stuck"})).json()
    assert [one["cashback_id"] for one in page["items"]] == [last]
    page = (await operator.get(MINTS, params={"state": "stuck", "cursor": page["next_cursor"]})).json()
    assert [one["cashback_id"] for one in page["items"]] == [first]
    assert [one["cashback_id"] for one in await listed(operator, state="stuck")][:2] == [last, first]
    assert len(await listed(rival.keeper, limit=1)) == 4


async def test_a_merchants_mints_are_found_at_once_however_many_others_have(
    shop: Shop, rival: Shop, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages look through its own, so they are full, and no cursor of theirs is another's number."""
    monkeypatch.setattr(mint_stories, "AMONG_MAX", 3)
    [first] = await shop.sells(world)
    await rival.sells(world, 4)
    [last] = await shop.sells(world)
    page = (await shop.keeper.get(MINTS)).json()
    assert [one["cashback_id"] for one in page["items"]] == [last, first]
    assert page["next_cursor"] is None


@pytest.mark.usefixtures("patient")
async def test_the_chains_word_is_told_where_it_is_asked_for(
    shop: Shop, world: World, adapter: ScriptedAdapter
) -> None:
    """One question for a page, for its numbers alone; of what the adapter does not tell the ledger's part stands."""
    numbers = [await number_of(world, one) for one in await shop.sells(world, 3)]
    known = [GetMintsResponseEntry(number=number, state=MintState.ACCEPTED) for number in numbers[1:2]]
    known.append(
        GetMintsResponseEntry(
            number=numbers[2],
            state=MintState.INCLUDED,
            transaction_hash=HASH,
            block_number=76,
            included_at_ms=1_772_366_400_000,
        )
    )
    adapter.answers["GetMints"] = bytes(GetMintsResponse(entries=known))
    found = await listed(shop.keeper, expand="chain")
    nothing = dict.fromkeys(("transaction_hash", "block_number", "submitted_at", "included_at", "final_at"))
    included = {"transaction_hash": "0x" + HASH.hex(), "block_number": "76", "included_at": "2026-03-01T12:00:00Z"}
    assert [(one["chain"], one["is_stale"]) for one in found] == [
        ({**nothing, "state": "included", **included}, False),
        ({**nothing, "state": "accepted"}, False),
        (None, True),
    ]
    [(call, asked)] = adapter.asked
    assert (call, list(GetMintsRequest.parse(asked).numbers)) == ("GetMints", numbers[::-1])
    one = (await shop.keeper.get(f"{MINTS}/{numbers[2]}", params={"expand": "chain"})).json()
    assert one == found[0]


async def test_the_adapter_is_not_asked_for_what_nobody_wants(
    shop: Shop, world: World, adapter: ScriptedAdapter
) -> None:
    """Nor of an empty page; what is no such thing is refused by name."""
    assert await listed(shop.keeper, expand="chain") == []
    [cashback_id] = await shop.sells(world)
    [found] = await listed(shop.keeper)
    assert (await shop.keeper.get(f"{MINTS}/{await number_of(world, cashback_id)}")).json() == found
    assert adapter.asked == []
    for path in (MINTS, f"{MINTS}/1"):
        refused = await shop.keeper.get(path, params={"expand": "everything"})
        assert_problem(refused, 422, "request_invalid", parameter="expand")


async def test_without_the_adapter_mints_are_told_stale(shop: Shop, world: World, adapter: ScriptedAdapter) -> None:
    """One that is down and one that hangs keep nobody waiting, and take nothing away of what the ledger knows."""
    [cashback_id] = await shop.sells(world)
    [known] = await listed(shop.keeper)
    stale = {**known, "chain": None, "is_stale": True}
    adapter.is_hanging = True
    assert await listed(shop.keeper, expand="chain") == [stale]
    adapter.is_hanging = False
    await adapter.go_down()
    try:
        path = f"{MINTS}/{await number_of(world, cashback_id)}"
        assert (await shop.keeper.get(path, params={"expand": "chain"})).json() == stale
    finally:
        await adapter.go_up()


@pytest.mark.parametrize("number", [0, 2**63 - 1])
async def test_what_is_no_number_of_ours_has_no_mint(operator: Caller, number: int) -> None:
    """Numbers begin at 1, and end below what is stored at most."""
    assert_problem(await operator.get(f"{MINTS}/{number}"), 422, "request_invalid", parameter="number")
