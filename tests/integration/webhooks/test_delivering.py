"""Deliveries are tried as published, signed, and to nobody that they must not reach."""

import asyncio
from datetime import datetime

import pytest

from cashback.kernel.failpoints import Point, watching
from cashback.webhooks.rules.schedule import WAITS_S
from cashback.webhooks.service import metrics
from cashback.webhooks.service.delivering import HOLD_S
from cashback.webhooks.store import due
from tests.integration.webhooks.world import World, eventually, leading, refunded
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S


async def test_a_delivery_is_signed_and_tried_once_when_all_is_well(world: World) -> None:
    """With the event's id, its own bytes and the endpoint's secret; the log has the answer and the address."""
    world.shop.answers("/", 202, body=b"x" * 5_000)
    endpoint = await world.endpoint()
    one = refunded()
    await world.take(one)
    async with world.delivering():
        await world.tried(1)
    [got] = world.shop.got
    assert got.id == one.id
    assert one.data in got.body
    assert got.is_signed_with(await world.secret(endpoint))
    assert world.states() == ["delivered"]
    rows = world.rows("select number, host(address), status, error, length(answer) from webhooks.attempts")
    assert rows == [(1, "127.0.0.1", 202, None, 1_024)]


async def test_a_delivery_is_tried_as_published(world: World) -> None:
    """Ten times, each as long after the other as is said or a tenth more, with the same bytes; then it has failed."""
    world.shop.answers("/", 500)
    await world.endpoint()
    await world.take(refunded())
    waits: list[tuple[float, str]] = []

    def look(point: Point) -> None:
        """Keep how long the next try has to wait, before anything else is done."""
        if point == "delivery.noted":
            query = "select extract(epoch from due_at - due_set_at), state from webhooks.deliveries"
            waits.extend((float(wait_s or 0), state) for wait_s, state in world.rows(query))
            world.hasten()

    with watching(look):
        async with world.delivering():
            await eventually(lambda: world.are("failed"))
    assert [state for _, state in waits] == ["due"] * len(WAITS_S) + ["failed"]
    for wait_s, (waits_s, _) in zip(WAITS_S, waits, strict=False):
        # Both instants are of the clock, one read after the other.
        assert wait_s - 1 < waits_s <= wait_s * 1.1
    assert len({got.body for got in world.shop.got}) == 1
    assert len({got.id for got in world.shop.got}) == 1
    assert world.rows("select count(*), min(status) from webhooks.attempts") == [(10, 500)]


async def test_410_disables_the_endpoint_and_ends_what_waits_for_it(world: World) -> None:
    """And what others wait for is delivered; how many were disabled, and why, is told."""
    disabled = metrics.disabled.labels("gone")
    before = next(iter(disabled.collect())).samples[0].value
    world.shop.answers("/gone", 410)
    await world.endpoint("/gone")
    await world.endpoint("/there")
    await world.take(*(refunded() for _ in range(20)))
    async with world.delivering():
        await eventually(lambda: world.are(*["delivered"] * 20, *["failed"] * 20))
    assert len(world.shop.at("/gone")) < 20
    assert world.rows("select disabled_reason from webhooks.endpoints order by url") == [("gone",), (None,)]
    assert world.rows("select what, done_by from webhooks.endpoint_journal where what = 'disabled'") == [
        ("disabled", "worker webhooks")
    ]
    assert next(iter(disabled.collect())).samples[0].value == before + 1


async def test_what_an_address_says_that_was_left_meanwhile_counts_for_nothing_but_the_try(world: World) -> None:
    """It is gone there, and the endpoint is elsewhere by then: the next try goes to that, and nothing is disabled."""
    world.shop.answers("/old", 410)
    world.shop.slow("/old")
    endpoint = await world.endpoint("/old")
    await world.take(refunded())
    async with world.delivering():
        await eventually(lambda: world.has_got(1, "/old"))
        await world.move(endpoint, "/new")
        world.shop.opens.set()
        await world.tried(1)
        assert world.states() == ["due"]
        assert world.rows("select state, failing_since from webhooks.endpoints") == [("enabled", None)]
        world.hasten()
        await eventually(lambda: world.are("delivered"))
    assert [got.path for got in world.shop.got] == ["/old", "/new"]
    assert world.rows("select status from webhooks.attempts order by number") == [(410,), (204,)]


async def test_a_redirect_is_a_failure_and_not_followed(world: World) -> None:
    """Wherever it points to."""
    world.shop.answers("/", 307, location=world.shop.url("/elsewhere"))
    await world.endpoint()
    await world.take(refunded())
    async with world.delivering():
        await world.tried(1)
    assert world.states() == ["due"]
    assert world.shop.at("/elsewhere") == []


async def test_an_endpoint_without_a_success_for_five_days_is_disabled(world: World) -> None:
    """A success in between, and the time begins anew."""
    noted: list[Point] = []

    async def are_noted(count: int) -> bool:
        """Tell whether so many tries have been noted, with all that follows from them."""
        return noted.count("delivery.noted") >= count

    world.shop.answers("/", 500)
    await world.endpoint()
    await world.take(refunded())
    with watching(noted.append):
        async with world.delivering():
            await eventually(lambda: are_noted(1))
            world.shop.answers("/", 204)
            world.rows("update webhooks.endpoints set failing_since = now() - interval '6 days'")
            world.hasten()
            await eventually(lambda: world.are("delivered"))
            assert world.rows("select failing_since, state from webhooks.endpoints") == [(None, "enabled")]
            world.shop.answers("/", 500)
            await world.take(refunded())
            await eventually(lambda: are_noted(3))
            world.rows("update webhooks.endpoints set failing_since = now() - interval '5 days'")
            world.hasten()
            await eventually(lambda: are_noted(4))
            # A shop that had nothing to hear of for days has its ten tries like any other.
            assert world.states() == ["delivered", "due"]
            world.rows(
                "update webhooks.deliveries set claims = claims + 7, attempts = attempts + 7, due_at = now()"
                " where state = 'due'"
            )
            await eventually(lambda: world.are("delivered", "failed"))
    assert world.rows("select disabled_reason from webhooks.endpoints") == [("failing",)]


async def test_a_name_that_leads_to_a_private_address_is_refused_on_every_try(world: World) -> None:
    """First it leads to where it may, then inside: nothing is sent there, and it is asked anew each time."""
    world.shop.answers("/", 500)
    await world.endpoint(host="localhost")
    await world.take(refunded())
    inside = ("10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:10.0.0.1")
    async with world.delivering(names=leading("127.0.0.1", *inside)):
        for number in range(1, 2 + len(inside)):
            await world.tried(number)
            world.hasten()
    rows = world.rows("select host(address), status, error from webhooks.attempts order by number")
    assert rows[: 1 + len(inside)] == [("127.0.0.1", 500, None), *[(None, None, "address_forbidden")] * len(inside)]
    assert len(world.shop.got) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_without_the_setting_this_machine_is_not_delivered_to(world: World, host: str) -> None:
    """By name or by number: the URL is judged again at the try, and behind it stands the guard."""
    await world.endpoint()
    await world.take(refunded())
    world.rows("update webhooks.endpoints set url = %s", f"https://{host}:{world.shop.port}/")
    async with world.delivering(allow_loopback=False):
        await world.tried(1)
    [(error,)] = world.rows("select error from webhooks.attempts")
    assert error == ("address_forbidden" if host == "localhost" else "url_forbidden")
    assert world.shop.got == []


async def test_a_slow_endpoint_holds_up_no_other(world: World) -> None:
    """It has four tries in flight and no more, while all others are delivered to."""
    world.shop.slow("/slow")
    await world.endpoint("/slow")
    await world.endpoint("/fast")
    await world.take(*(refunded() for _ in range(100)))
    async with world.delivering(within_s=30.0):
        await eventually(lambda: world.has_got(100, "/fast"))
        assert len(world.shop.at("/slow")) == 4
    # What was in flight at the end is for anybody to take now.
    assert world.rows("select count(*) from webhooks.deliveries where state = 'claimed'") == [(0,)]


async def test_an_endpoint_that_says_nothing_is_left_after_its_time(world: World) -> None:
    """And tried again."""
    world.shop.slow("/")
    await world.endpoint()
    await world.take(refunded())
    async with world.delivering(within_s=0.2):
        await world.tried(1)
    assert world.rows("select error, status from webhooks.attempts") == [("timeout", None)]
    assert world.states() == ["due"]


@pytest.mark.deep
async def test_what_a_killed_worker_had_claimed_is_soon_delivered_by_another_one(world: World) -> None:
    """It gave nothing back: its claim runs out."""
    await world.endpoint()
    await world.take(refunded())
    async with world.worker.transaction() as tx:
        [claim] = await due.claim_due(tx, limit=1, per_merchant=1, per_endpoint=1, hold_s=HOLD_S)
    assert claim.number == 1
    async with world.delivering(), asyncio.timeout(RECOVERS_PROCESS_WITHIN_S):
        await eventually(lambda: world.are("delivered"))


@pytest.mark.deep
async def test_a_try_that_takes_longer_than_a_claim_is_made_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker lives and says so; another one has nothing to do meanwhile."""
    monkeypatch.setattr("cashback.webhooks.service.delivering.HOLD_S", 1)
    monkeypatch.setattr("cashback.webhooks.service.delivering.RENEW_S", 0.2)
    world.shop.slow("/")
    await world.endpoint()
    await world.take(refunded())
    async with world.delivering(within_s=30.0):
        await eventually(lambda: world.has_got(1))
        [(began,)] = world.rows("select clock_timestamp()")
        async with world.delivering(within_s=30.0):
            await eventually(lambda: is_long_ago(world, began))
        assert world.rows("select claims from webhooks.deliveries") == [(1,)]
    assert len(world.shop.got) == 1


async def is_long_ago(world: World, began: datetime) -> bool:
    """Tell whether a claim would have run out three times since."""
    [(is_so,)] = world.rows("select clock_timestamp() > %s + interval '3 seconds'", began)
    return bool(is_so)


async def test_two_workers_deliver_each_once_while_all_goes_well(world: World) -> None:
    """They skip each other's claims."""
    for number in range(8):
        await world.endpoint(f"/{number}")
    await world.take(*(refunded() for _ in range(25)))
    async with world.delivering(), world.delivering():
        await eventually(lambda: world.are(*["delivered"] * 200))
    assert len({(got.path, got.id) for got in world.shop.got}) == len(world.shop.got) == 200


class Died(BaseException):
    """A process that is no more, as far as one task can play that."""


async def test_what_was_answered_and_not_noted_is_delivered_again_under_the_same_id(world: World) -> None:
    """At least once: the receiver knows it by its id, and the log has the try that was noted."""
    await world.endpoint()
    await world.take(refunded())

    died: list[Point] = []

    def die(point: Point) -> None:
        """End as the worker would that is killed here."""
        if point == "delivery.answered":
            died.append(point)
            raise Died

    async def is_dead() -> bool:
        """Tell whether it has ended."""
        return bool(died)

    with watching(die), pytest.raises(Died):
        async with world.delivering():
            await eventually(is_dead)
    assert world.states() == ["claimed"]
    world.hasten()
    async with world.delivering():
        await eventually(lambda: world.are("delivered"))
    first, second = world.shop.got
    assert first.id == second.id
    assert first.body == second.body
    assert world.rows("select claims, attempts from webhooks.deliveries") == [(2, 1)]


async def test_a_claim_that_ran_out_is_not_noted(world: World) -> None:
    """What a process that stood still found out is outrun by whoever came after it."""
    world.shop.slow("/")
    await world.endpoint()
    await world.take(refunded())
    async with world.delivering(within_s=30.0):
        await eventually(lambda: world.has_got(1))
        world.rows("update webhooks.deliveries set claims = claims + 1")
        world.shop.opens.set()
        await eventually(lambda: world.are("claimed"))
    assert world.rows("select count(*) from webhooks.attempts") == [(0,)]
