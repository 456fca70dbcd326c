"""All that is known of a user, told as one document over REST, and noted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.purchases.service import exporting, statements
from tests.contract.rest.document import assert_problem
from tests.contract.rest.marked import marked, staged
from tests.contract.rest.test_ownership import Stage
from tests.contract.rest.world import a_purchase
from tests.integration.ledger.world import World
from tests.support.facts import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTED: Final = "select what, key_id from purchases.disclosures where user_id = %s order by position"


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


async def test_who_asks_for_the_head_alone_is_told_nothing_and_noted_nowhere(stage: Stage) -> None:
    """The head is that of the document, of a length that nobody knows yet (RFC 9110, section 9.3.2)."""
    rest, operator, user = stage.rest, stage.operator, await stage.rest.world.user()
    path = f"/v1/users/{user.id}/export"
    head = await operator.ask("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert await rest.world.rows(NOTED, user.id) == []
    got = await operator.get(path)
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name), name
    assert await rest.world.rows(NOTED, user.id) == [("export", operator.key_id)]
    keeper = await rest.merchant(await rest.world.merchant())
    for caller, id_, status in ((operator, new_id("usr"), 404), (operator, "usr_x", 404), (keeper, user.id, 403)):
        assert (await caller.ask("HEAD", f"/v1/users/{id_}/export")).status_code == status


async def test_few_exports_are_under_way_at_a_time_and_one_of_a_key(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is 503 with `Retry-After` and noted nowhere; whoever is told, or goes away, makes room."""
    monkeypatch.setattr(exporting, "AT_ONCE_MAX", 2)
    rest, world, user = stage.rest, stage.rest.world, await stage.rest.world.user()
    path = f"/v1/users/{user.id}/export"
    first, second, third = [await rest.operator() for _ in range(3)]
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("lock table purchases.wallet_challenges in access exclusive mode")
        reading = asyncio.create_task(first.get(path))
        await reading_wait(world, 1)
        refused = [await first.get(path)]
        leaving = asyncio.create_task(second.get(path))
        await reading_wait(world, 2)
        refused.append(await third.get(path))
        leaving.cancel()
        await asyncio.wait({leaving})
        staying = asyncio.create_task(third.get(path))
        await reading_wait(world, 2)
        await holder.rollback()
        told = [await reading, await staying]
    for one in refused:
        assert_problem(one, 503, "overloaded")
        assert one.headers["retry-after"] == "1"
    assert [one.status_code for one in (*told, await second.get(path))] == [200] * 3
    noted = [key for _, key in await world.rows(NOTED, user.id)]
    assert noted == [one.key_id for one in (first, second, third, second)]


async def test_few_statements_are_written_as_csv_at_a_time_and_head_reads_none(stage: Stage) -> None:
    """One too many of a key is 503 with `Retry-After`; pages of JSON are never turned away for that."""
    rest, world, user = stage.rest, stage.rest.world, await stage.rest.world.user()
    path = f"/v1/users/{user.id}/statement?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"
    as_csv = f"{path}&format=csv"
    one, other = [await rest.operator() for _ in range(2)]
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as holder:
        await holder.execute("lock table purchases.users in access exclusive mode")
        reading = [asyncio.create_task(one.get(as_csv)) for _ in range(statements.AT_ONCE_OF_ONE)]
        await reading_wait(world, len(reading))
        refused = await one.get(as_csv)
        others = [asyncio.create_task(asked) for asked in (one.get(path), other.get(as_csv))]
        await reading_wait(world, len(reading) + len(others))
        await holder.rollback()
        told = [await each for each in (*reading, *others)]
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert [each.status_code for each in (*told, await one.get(as_csv))] == [200] * 5
    head = await one.ask("HEAD", as_csv)
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/csv; charset=utf-8")


async def reading_wait(world: World, count: int) -> None:
    """Return once so many wait for a table that an export reads."""
    asked = (
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        " and wait_event = 'relation'"
    )

    async def look() -> bool | None:
        return (await world.one(asked) == count) or None

    await eventually(look, within_s=10, what=f"{count} wait for a table")
