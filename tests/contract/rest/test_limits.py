"""How often a key may ask, and an address be wrong about one: told on every answer, and 429 with `Retry-After`."""

from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.principal import Rate
from cashback.purchases.model import FieldInvalid, Merchant, User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import UNGUARDED, Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

THREE: Final = Rate(per_s=1, burst=3)
CURRENT: Final = "/v1/programmes/current"
LINES: Final = {"Content-Type": "application/x-ndjson"}


class Clock:
    """Seconds that stand still until they are moved."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        """Return them."""
        return self.now_s


@pytest.fixture(scope="module")
def limited(rest: Rest, world: World) -> Callable[..., Rest]:
    """Give how to make a process of the API with other limits, for which time stands still unless told otherwise."""

    def make(**guards: Any) -> Rest:  # noqa: ANN401  # as `Guards` has them
        return Rest(world, rest.adapter, guards=msgspec.structs.replace(UNGUARDED, **{"now_s": Clock(), **guards}))

    return make


@pytest.fixture(scope="module")
def still(limited: Callable[..., Rest]) -> Rest:
    """Give a process of the API for which time stands still."""
    return limited()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(world: World) -> User:
    """Give somebody who buys."""
    return await world.user()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def merchant(world: World) -> Merchant:
    """Give a shop."""
    return await world.merchant()


async def test_every_answer_tells_what_is_left_and_the_one_too_many_is_refused(still: Rest) -> None:
    """By a problem that says when to ask again, before anything is done; other keys go on."""
    caller = await still.operator(rate=THREE)
    answers = [await caller.post("/v1/users", {}) for _ in range(4)]
    assert [one.status_code for one in answers] == [201, 201, 201, 429]
    assert [one.headers["ratelimit"].partition(";t=")[0] for one in answers] == [
        '"key";r=2',
        '"key";r=1',
        '"key";r=0',
        '"key";r=0',
    ]
    assert {one.headers["ratelimit-policy"] for one in answers} == {'"key";q=3;w=3'}
    assert_problem(answers[3], 429, "rate_limited")
    assert answers[3].headers["retry-after"] == "1"
    assert answers[3].json()["retry_after_s"] == 1
    assert (await (await still.operator()).get(CURRENT)).status_code == 200


async def test_a_refused_command_used_nothing_up(rest: Rest, limited: Callable[..., Rest]) -> None:
    """The same key does after the time that was told: it is no replay."""
    clock = Clock()
    caller, key = await limited(now_s=clock).operator(rate=Rate(per_s=1, burst=2)), new_key()
    for _ in range(2):
        await caller.get(CURRENT)
    before = await rest.stored()
    refused = await caller.post("/v1/users", {}, key=key)
    assert refused.status_code == 429
    assert await rest.stored() == before
    clock.now_s += int(refused.headers["retry-after"])
    answer = await caller.post("/v1/users", {}, key=key)
    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)


async def test_merchants_and_operators_have_a_rate_of_their_kind(
    limited: Callable[..., Rest], merchant: Merchant
) -> None:
    """A rate that stands beside the key goes before it, higher or lower."""
    process = limited(merchants=Rate(per_s=1, burst=7), operators=Rate(per_s=1, burst=9))
    shop, operator = await process.merchant(merchant), await process.operator()
    own = await process.merchant(merchant, rate=Rate(per_s=5, burst=5))
    told = [(await one.get("/v1/api-keys")).headers["ratelimit-policy"] for one in (shop, operator, own)]
    assert told == ['"key";q=7;w=7', '"key";q=9;w=9', '"key";q=5;w=1']


async def test_what_is_refused_and_head_count_and_health_does_not(still: Rest) -> None:
    """A key's answers all say how it stands; who needs no key has no rate."""
    caller = await still.operator(rate=Rate(per_s=1, burst=9))
    for method, path in (("GET", "/nowhere"), ("HEAD", CURRENT), ("OPTIONS", CURRENT), ("DELETE", CURRENT)):
        assert "ratelimit" in (await caller.http.request(method, path)).headers
    assert (await caller.get(CURRENT)).headers["ratelimit"].startswith('"key";r=4;')
    for path in ("/livez", "/readyz", "/openapi/openapi.json"):
        assert "ratelimit" not in (await caller.get(path)).headers
    assert "ratelimit" not in (await still.nobody.get(CURRENT)).headers


async def test_each_purchase_of_a_bulk_counts(still: Rest, user: User, merchant: Merchant) -> None:
    """One that is larger than what is left is taken, and waited for afterwards: nothing of the next is recorded."""
    caller = await still.operator(rate=THREE)
    body = {"purchases": [a_purchase(user, merchant) for _ in range(20)]}
    first = await caller.post("/v1/purchases/bulk", body)
    assert (first.status_code, first.json()["recorded"]) == (201, 20)
    assert first.headers["ratelimit"] == '"key";r=0;t=20'
    before = await still.stored()
    second = await caller.post("/v1/purchases/bulk", body)
    assert_problem(second, 429, "rate_limited")
    assert second.headers["retry-after"] == "18"
    assert await still.stored() == before


async def test_the_smallest_burst_lets_a_bulk_in_after_a_rest(
    limited: Callable[..., Rest], world: World, user: User, merchant: Merchant
) -> None:
    """It takes one when it comes and the others while anything is left: of a burst of one nothing ever would be.

    Nobody is given such a rate any more; a key that has one from before may ask twice at once.
    """
    clock = Clock()
    process = limited(now_s=clock)
    with pytest.raises(FieldInvalid):
        await process.operator(rate=Rate(per_s=1, burst=1))
    caller = await process.operator(rate=Rate(per_s=1, burst=2))
    await world.rows("update purchases.api_keys set burst = 1 where id = %s", caller.key_id)
    body = {"purchases": [a_purchase(user, merchant) for _ in range(3)]}
    for _ in range(2):
        assert (await caller.post("/v1/purchases/bulk", body)).status_code == 201
        assert (await caller.post("/v1/purchases/bulk", body)).status_code == 429
        clock.now_s += 10


async def test_a_page_of_the_log_counts_as_what_it_reads(still: Rest) -> None:
    """It looks at 10,000 commands for one request: 25 of an allowance, so that no key keeps the database busy by it."""
    caller = await still.operator(rate=Rate(per_s=1, burst=100))
    assert (await caller.get("/v1/audit-log")).headers["ratelimit"].startswith('"key";r=75;')
    assert (await caller.get(CURRENT)).headers["ratelimit"].startswith('"key";r=74;')


async def test_the_last_of_an_allowance_is_no_bulk(still: Rest, user: User, merchant: Merchant) -> None:
    """It came as one request, and is refused once it is known to be many."""
    caller = await still.operator(rate=THREE)
    for _ in range(2):
        await caller.get(CURRENT)
    body = {"purchases": [a_purchase(user, merchant), a_purchase(user, merchant)]}
    assert_problem(await caller.post("/v1/purchases/bulk", body), 429, "rate_limited")


@pytest.mark.parametrize("is_bulk", [True, False])
async def test_what_counts_as_many_does_after_the_time_that_it_was_told(
    limited: Callable[..., Rest], user: User, merchant: Merchant, *, is_bulk: bool
) -> None:
    """It takes one when it comes again, and something is left beside that: of the slowest key as well, or it never did.

    So does a page of the log of who did what.
    """
    clock = Clock()
    caller = await limited(now_s=clock).operator(rate=THREE)
    body = {"purchases": [a_purchase(user, merchant), a_purchase(user, merchant)]}

    async def ask() -> httpx.Response:
        """Ask for what counts as many."""
        return await (caller.post("/v1/purchases/bulk", body) if is_bulk else caller.get("/v1/audit-log"))

    for _ in range(2):
        await caller.get(CURRENT)
    refused = await ask()
    assert_problem(refused, 429, "rate_limited")
    clock.now_s += int(refused.headers["retry-after"])
    assert (await ask()).is_success


async def test_a_stream_goes_as_fast_as_its_key_may(rest: Rest, user: User, merchant: Merchant) -> None:
    """Each line counts, and whoever sends is kept waiting; all of it is recorded."""
    caller = await rest.operator(rate=Rate(per_s=1_000, burst=500))
    lines = b"\n".join(msgspec.json.encode(a_purchase(user, merchant)) for _ in range(1_200))
    answer = await caller.post("/v1/purchases/stream", lines, headers=LINES)
    assert (answer.status_code, answer.json()["recorded"]) == (201, 1_200)
    assert answer.headers["ratelimit"].startswith('"key";r=')


async def test_a_stream_that_would_wait_too_long_is_told_when_to_come_again(
    rest: Rest, user: User, merchant: Merchant
) -> None:
    """What came before is recorded, and the same stream counts it as replayed."""
    caller = await rest.operator(rate=Rate(per_s=1, burst=1_100))
    lines = b"\n".join(msgspec.json.encode(a_purchase(user, merchant)) for _ in range(600))
    answer = await caller.post("/v1/purchases/stream", lines, headers=LINES)
    assert_problem(answer, 429, "rate_limited")
    assert 40 < int(answer.headers["retry-after"]) <= 52
    recorded = await rest.world.rows("select count(*) from purchases.idempotency_keys where by_key = %s", caller.key_id)
    assert recorded[0][0] >= 500


async def test_an_address_where_somebody_guesses_waits_before_anything_is_looked_up(
    limited: Callable[..., Rest],
) -> None:
    """With a key that nobody has, none, or nonsense; a key that was let in before is let in all the same."""
    process = limited(guesses=THREE)
    known, late = await process.operator(), await process.operator()
    assert (await known.get(CURRENT)).status_code == 200
    guesser = process.caller(f"{known.secret[:-1]}{'a' if known.secret[-1] != 'a' else 'b'}")
    asked = [guesser, process.nobody, process.caller("nonsense"), guesser, process.nobody]
    answers = [await one.get(CURRENT) for one in asked]
    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    for answer in answers[3:]:
        assert_problem(answer, 429, "rate_limited")
        assert answer.headers["retry-after"] == "1"
        assert "ratelimit" not in answer.headers
    assert (await known.get(CURRENT)).status_code == 200
    # Nobody can tell it from a guess without looking it up.
    assert (await late.get(CURRENT)).status_code == 429


async def test_health_is_told_wherever_somebody_guesses(limited: Callable[..., Rest]) -> None:
    """Whoever balances the load comes from there as well."""
    process = limited(guesses=Rate(per_s=1, burst=1))
    for _ in range(3):
        await process.nobody.get(CURRENT)
    assert [(await process.nobody.get(path)).status_code for path in ("/livez", "/readyz")] == [200, 200]


async def test_keys_of_one_process_are_forgotten_by_no_other(limited: Callable[..., Rest]) -> None:
    """A rate holds for one process: two let in twice as many."""
    one, other = limited(), limited()
    caller = await one.operator(rate=THREE)
    elsewhere = Caller(other.app, other.document, caller.secret)
    for holder in (caller, elsewhere):
        assert [(await holder.get(CURRENT)).status_code for _ in range(4)] == [200, 200, 200, 429]
