"""When the world fails the answer says so, nothing is stored, and no secret gets out."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import psycopg
import pytest
import pytest_asyncio
import structlog
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel import db
from cashback.kernel.ids import new_id
from cashback.processes.embedded import EmbeddedPostgres
from cashback.purchases.model import OPERATOR
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import PEPPER, Caller, Rest, a_purchase, open_rest
from tests.integration.ledger.world import PASSWORD, Dsns, World, new_key, open_world
from tests.support.facts import eventually
from tests.support.pools import holding

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER_S = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""
CLIENTS = 32
"""Who asks twice at once, of a process with two connections."""


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """Have nobody wait for a connection longer than a second: here each wait for one is in vain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "POOL_WAIT_S", 1.0)
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def narrow(dsns: Dsns) -> AsyncIterator[Rest]:
    """Give a process with a single connection."""
    async with open_world(dsns, connections_max=1) as world, open_rest(world) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def few(dsns: Dsns) -> AsyncIterator[Rest]:
    """Give a process with two connections."""
    async with open_world(dsns, connections_max=2) as world, open_rest(world) as api:
        yield api


async def shut(dsns: Dsns, *, is_open: bool) -> None:
    """Let nobody into the database and throw everybody out, or let them in again."""
    name = str(conninfo_to_dict(dsns.superuser)["dbname"])
    elsewhere = make_conninfo(dsns.superuser, dbname="postgres")
    async with await psycopg.AsyncConnection.connect(elsewhere, autocommit=True) as connection:
        await connection.execute(
            sql.SQL("alter database {} with allow_connections {}").format(sql.Identifier(name), sql.Literal(is_open))
        )
        if not is_open:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )


def assert_may_retry(response: httpx.Response, code: str) -> None:
    """Assert that the caller is told to come back, and nothing of our insides."""
    assert_problem(response, 503, code)
    assert int(response.headers["retry-after"]) >= 1
    for secret in (PASSWORD, PEPPER.value, "psycopg", "127.0.0.1", "cashback_api"):
        assert secret not in response.text


async def test_without_the_database_every_request_may_be_retried(rest: Rest, dsns: Dsns, operator: Caller) -> None:
    """503 for known and unknown keys alike, not ready but alive; afterwards the same request is done once (I7)."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    newcomer = await rest.operator()
    await operator.get("/v1/programmes/current")
    key, body, before = new_key(), a_purchase(user, merchant), await rest.stored()
    await shut(dsns, is_open=False)
    posted, asked, unknown, ready, alive = await asyncio.gather(
        operator.post("/v1/purchases", body, key=key),
        operator.get(f"/v1/users/{user.id}/balance"),
        newcomer.post("/v1/users", {}),
        rest.nobody.get("/readyz"),
        rest.nobody.get("/livez"),
    )
    for response in (posted, asked, unknown):
        assert_may_retry(response, "database_unavailable")
    assert (ready.status_code, sorted(ready.json()["problems"])) == (503, ["database"])
    assert alive.status_code == 200
    await shut(dsns, is_open=True)

    async def is_ready() -> bool | None:
        return True if (await rest.nobody.get("/readyz")).status_code == 200 else None

    await eventually(is_ready, within_s=30, what="the database is back")
    assert await rest.stored() == before
    again = await operator.post("/v1/purchases", body, key=key)
    assert again.status_code == 201
    assert "idempotency-replayed" not in again.headers
    assert (await operator.get(f"/v1/users/{user.id}/balance")).status_code == 200


async def test_with_a_frozen_database_a_request_may_be_retried_soon(
    rest: Rest, postgres: EmbeddedPostgres, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 though no connection breaks: the pool is waited for, and no answer, which never comes.

    When the database goes on, so does the API, and all is once.
    """
    user, merchant = await rest.world.user(), await rest.world.merchant()
    await operator.get("/v1/programmes/current")
    key, body, before = new_key(), a_purchase(user, merchant), await rest.stored()
    monkeypatch.setattr(db, "ANSWER_WITHIN_S", NEVER_S)
    await asyncio.to_thread(postgres.pause)
    try:
        posted, asked = await asyncio.gather(
            operator.post("/v1/purchases", body, key=key), operator.get(f"/v1/users/{user.id}")
        )
    finally:
        postgres.resume()
    assert_may_retry(posted, "database_unavailable")
    assert_may_retry(asked, "database_unavailable")

    async def is_ready() -> bool | None:
        return True if (await rest.nobody.get("/readyz")).status_code == 200 else None

    await eventually(is_ready, within_s=30, what="the database is back")
    assert await rest.stored() == before
    assert (await operator.post("/v1/purchases", body, key=key)).status_code == 201


async def test_without_a_free_connection_a_request_may_be_retried(narrow: Rest) -> None:
    """Whoever waits for the pool is told while it has none, and nothing is stored."""
    operator = await narrow.operator()
    user, merchant = await narrow.world.user(), await narrow.world.merchant()
    await operator.get("/v1/programmes/current")
    before, key, body = await narrow.stored(), new_key(), a_purchase(user, merchant)
    async with holding(narrow.world.api):
        posted, asked = await asyncio.gather(
            operator.post("/v1/purchases", body, key=key), operator.get(f"/v1/users/{user.id}")
        )
    assert_may_retry(posted, "database_unavailable")
    assert_may_retry(asked, "database_unavailable")
    assert await narrow.stored() == before
    again = [await operator.post("/v1/purchases", body, key=key) for _ in range(2)]
    assert [response.status_code for response in again] == [201, 201]
    assert ["idempotency-replayed" in response.headers for response in again] == [False, True]


async def test_an_api_under_twice_its_connections_answers_503_and_recovers(few: Rest) -> None:
    """Whoever is let in is answered, all others are told to come back; when they do, all is there, once (I7)."""
    operator = await few.operator()
    user, merchant = await few.world.user(), await few.world.merchant()
    await operator.get("/v1/programmes/current")
    asked = [(new_key(), a_purchase(user, merchant)) for _ in range(CLIENTS)]

    def ask_all() -> list[asyncio.Task[httpx.Response]]:
        """Ask for all of it at once, each under its own key, and for something to read as often."""
        posted = [asyncio.create_task(operator.post("/v1/purchases", body, key=key)) for key, body in asked]
        return posted + [asyncio.create_task(operator.get(f"/v1/users/{user.id}")) for _ in asked]

    async with await psycopg.AsyncConnection.connect(few.world.dsns.superuser) as holder:
        # What stores purchases and reads users waits here, until the first of those who wait for them is turned away.
        await holder.execute("lock table purchases.users, purchases.purchases in access exclusive mode")
        waiting = ask_all()
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await holder.rollback()
        under_load = await asyncio.gather(*waiting)
    assert {response.status_code for response in under_load} <= {200, 201, 503}
    refused = [response for response in under_load if response.status_code == 503]
    assert 0 < len(refused) < len(under_load)
    for response in refused:
        assert_may_retry(response, "database_unavailable")
    afterwards = await asyncio.gather(*ask_all())
    assert [response.status_code for response in afterwards] == [201] * CLIENTS + [200] * CLIENTS
    assert len({response.json()["id"] for response in afterwards[:CLIENTS]}) == CLIENTS


async def test_a_key_whose_first_request_takes_too_long_is_busy(rest: Rest, dsns: Dsns, operator: Caller) -> None:
    """409 after five seconds of waiting, saying when to ask again, and then nothing was done twice (I7)."""
    user, merchant, key = await rest.world.user(), await rest.world.merchant(), new_key()
    before = await rest.stored()
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute(
            "insert into purchases.idempotency_keys (owner, key, fingerprint, created_at)"
            " values (%s, %s, sha256('first'), now())",
            (OPERATOR, key),
        )
        busy = await operator.post("/v1/purchases", a_purchase(user, merchant), key=key)
        await holder.rollback()
    assert_problem(busy, 409, "idempotency_key_busy")
    assert int(busy.headers["retry-after"]) >= 1
    assert await rest.stored() == before
    assert (await operator.post("/v1/purchases", a_purchase(user, merchant), key=key)).status_code == 201


async def test_what_breaks_inside_is_logged_and_not_told(rest: Rest, world: World, operator: Caller) -> None:
    """500 with the trace's id, under which the log has the cause; a refused row and a broken statement alike."""
    user, merchant = await world.user(), await world.merchant()
    await world.rows("alter table purchases.purchases add constraint planted check (reference <> 'poison')")
    await world.rows("alter table purchases.merchants rename column name to planted")
    before = await rest.stored()
    with structlog.testing.capture_logs() as lines:
        refused = await operator.post("/v1/purchases", a_purchase(user, merchant, reference="poison"))
        broken = await operator.get(f"/v1/merchants/{merchant.id}")
    await world.rows("alter table purchases.merchants rename column planted to name")
    for response in (refused, broken):
        assert_problem(response, 500, "internal")
        for inside in ("planted", "psycopg", "purchases.", "select", "Traceback", operator.secret):
            assert inside not in response.text
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["request.broke", "request.broke"]
    assert operator.secret not in repr(lines)
    assert await rest.stored() == before


async def test_an_unforeseen_failure_of_authentication_is_a_problem_too(
    rest: Rest, world: World, operator: Caller
) -> None:
    """Nothing escapes to the server, whose own words are no problem document."""
    await world.rows("alter table purchases.api_keys rename to planted")
    try:
        response = await rest.caller(f"{new_id('key')}.guess").get("/v1/programmes/current")
    finally:
        await world.rows("alter table purchases.planted rename to api_keys")
    assert_problem(response, 500, "internal")
    assert (await operator.get("/v1/programmes/current")).status_code == 200
