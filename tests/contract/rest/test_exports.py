"""All that is known of a user, told as one document over REST, and noted."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from cashback.purchases.service import exporting
from tests.contract.rest.marked import marked, staged
from tests.contract.rest.test_ownership import Stage
from tests.contract.rest.world import a_purchase
from tests.integration.ledger.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(world: World) -> AsyncIterator[Stage]:
    """Give an API with an adapter that judges, and a programme."""
    async with staged(world) as one:
        yield one


async def test_all_that_is_known_is_told_as_one_document(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each list tells, page after page, however long the pages are; that it was asked for is told as well."""
    operator, world, one = stage.operator, stage.rest.world, await marked(stage, 5)
    merchant = await world.merchant()
    for price in ("1000", "2000", "3000"):
        bought = await operator.post("/v1/purchases", a_purchase(one.id, merchant, amount_minor=price))
        for _ in range(2):
            body = {"purchase_id": bought.json()["id"], "amount_minor": "100", "reason": "of a test"}
            assert (await operator.post("/v1/refunds", body)).status_code == 201
    path = f"/v1/users/{one.id}"
    told = (await operator.get(f"{path}/export")).json()
    assert all(marker in str(told) for marker in one.markers)
    assert told["user"] == (await operator.get(path)).json()
    for name, address in (
        ("wallets", f"{path}/wallets?order=asc"),
        ("wallet_changes", f"{path}/wallet-changes"),
        ("blocks", f"{path}/blocks"),
        ("purchases", f"/v1/purchases?user_id={one.id}&order=asc"),
        ("cashback", f"/v1/cashback?user_id={one.id}&order=asc"),
        ("adjustments", f"/v1/adjustments?user_id={one.id}"),
    ):
        assert told[name] == (await operator.get(address)).json()["items"], name
    assert [len(told[name]) for name in ("purchases", "refunds", "wallet_challenges")] == [4, 6, 3]
    assert told["statement"]
    [noted] = told["disclosures"]
    assert (noted["what"], noted["key_id"]) == ("export", operator.key_id)
    monkeypatch.setattr(exporting, "PAGE", 1)
    by_one = (await operator.get(f"{path}/export")).json()
    assert [one["what"] for one in by_one.pop("disclosures")] == ["export"] * 2
    lines = [sorted(line["position"] for line in each.pop("statement")) for each in (told, by_one)]
    assert lines[0] == lines[1]
    del told["disclosures"]
    assert by_one == told


async def test_an_export_is_noted_in_the_trace_of_who_asked(stage: Stage) -> None:
    """Though nothing is read of it, and for good: nobody but the superuser changes a row."""
    operator, world, user = stage.operator, stage.rest.world, await stage.rest.world.user()
    response = await operator.get(f"/v1/users/{user.id}/export")
    trace = response.headers["traceparent"].split("-")[1]
    query = "select what, key_id, trace from purchases.disclosures where user_id = %s"
    assert await world.rows(query, user.id) == [("export", operator.key_id, trace)]
    with psycopg.connect(world.dsns.of("cashback_owner")) as owner:
        for change in ("delete from", "truncate"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(f"{change} purchases.disclosures".encode())
            owner.rollback()
