"""Sending until a block carries it: the same bytes again, or a dearer replacement; and what nodes say meanwhile."""

from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest
import structlog

from cashback.chain.model import Attempt, Person
from cashback.chain.store import lanes
from cashback.chain.store import slots as stored_slots
from cashback.processes import adapter, signing
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import assembled, mint, running, serving
from tests.integration.chain.waiting import eventually

SEND = "eth_sendRawTransaction"


@pytest.fixture
async def proxy(settings: adapter.Settings) -> AsyncIterator[Proxy]:
    """Give a proxy in front of the node."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        yield proxy


def through(settings: adapter.Settings, proxy: Proxy) -> adapter.Settings:
    """Return the settings with the proxy as the only endpoint."""
    return msgspec.structs.replace(settings, rpc_urls=(proxy.url,))


@pytest.mark.invariant("I2")
async def test_a_send_whose_answer_is_lost_is_repeated_with_the_same_bytes(
    settings: adapter.Settings, proxy: Proxy
) -> None:
    """The node took it: whoever calls that failed and signs anew pays twice."""
    proxy.once(SEND, "swallow")
    async with serving(through(settings, proxy)) as bench:
        await bench.submit(mint(1))
        [outcome] = await bench.settled([1])
        assert outcome.kind == "minted"
        assert len(await bench.attempts()) == 1
        assert await bench.logs_of(1) == 1


async def test_a_send_that_never_left_is_unknown_and_then_repeated(settings: adapter.Settings, proxy: Proxy) -> None:
    """Three silences in a row change nothing but the time it takes."""
    proxy.once(SEND, "refuse", "refuse", "refuse")
    async with serving(through(settings, proxy)) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        [(nonce, sends, answer, is_mined)] = await bench.attempts()
        assert (nonce, sends, answer, is_mined) == (0, 4, "accepted", True)


@pytest.mark.parametrize(
    "code,words",
    [
        (429, "Your app has exceeded its compute units per second capacity"),
        (-32_007, "50/second request limit reached - reduce calls per second"),
        (-32_000, "words that nobody has heard before"),
    ],
)
async def test_a_send_that_a_provider_limits_halts_nothing_and_is_repeated(
    settings: adapter.Settings, proxy: Proxy, code: int, words: str
) -> None:
    """The lane says that it waits, one warning has the node's words, and the same bytes go when the limit allows."""
    proxy.always(SEND, {"error": {"code": code, "message": words}})
    with structlog.testing.capture_logs() as lines:
        async with serving(through(settings, proxy)) as bench:
            await bench.submit(mint(1))
            await bench.waits_for("send_not_taken")
            proxy.always(SEND, "pass")
            await bench.settled([1])
            assert [(nonce, answer) for nonce, _, answer, _ in await bench.attempts()] == [(0, "accepted")]
            status = await bench.adapter.reading.status()
            assert (status.network.halted_reason, status.lanes[0].lane.waits_for) == (None, None)
    warned = [line for line in lines if line["event"] == "attempt.unaccepted" and line["log_level"] == "warning"]
    assert [line["problem"] for line in warned] == [f"{code}: {words}"]


async def test_a_send_that_is_refused_for_good_halts_minting_and_is_offered_again_when_that_is_lifted(
    settings: adapter.Settings, proxy: Proxy
) -> None:
    """A person has looked, perhaps at the node's settings: the same bytes are tried before anything is said again."""
    proxy.always(SEND, {"error": {"code": -32_000, "message": "exceeds block gas limit"}})
    async with serving(through(settings, proxy)) as bench:
        await bench.submit(mint(1))
        assert await bench.halted() == "transaction_refused"
        proxy.always(SEND, "pass")
        await bench.adapter.halting.resume(by=Person("a test"), because="the node's limit was raised")
        await bench.settled([1])
        assert [nonce for nonce, _, _, _ in await bench.attempts()] == [0]


async def test_a_transaction_that_a_pool_dropped_is_offered_again(settings: adapter.Settings) -> None:
    """The same bytes, after `resend_ms`."""
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        [view] = await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_dropTransaction", f"0x{view.transaction_hash.hex()}")
        await bench.lever.automine(is_on=True)
        [outcome] = await bench.settled([1])
        assert outcome.place.transaction_hash == view.transaction_hash


@pytest.mark.invariant("I9")
async def test_a_transaction_that_is_priced_out_is_replaced_and_one_of_the_two_is_mined(
    settings: adapter.Settings,
) -> None:
    """The replacement is stored before it is sent, at the same nonce, at least an eighth dearer."""
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        await bench.lever.mine()
        await bench.replaced()
        await bench.lever.automine(is_on=True)
        await bench.settled([1])
        found = await bench.attempts()
        assert [(nonce, is_mined) for nonce, _, _, is_mined in found] == [(0, False), (0, True)]
        [(first, second)] = await bench.rows(
            "select min(max_fee_wei), max(max_fee_wei) from chain.blockchain_transactions"
        )
        assert second * 8 >= first * 9


@pytest.mark.invariant("I9")
async def test_a_clock_that_steps_back_between_two_attempts_does_not_change_their_order(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """The first would look newest, and be raised to the price of the second: the same bytes, stored twice."""
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        await bench.lever.call("evm_mine")
        await bench.replaced()
        with psycopg.connect(chain_dsn) as connection:
            connection.execute(
                "update chain.blockchain_transactions set stored_at = stored_at - interval '1 minute' "
                "where place > (select min(place) from chain.blockchain_transactions)"
            )
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(150 * signing.GWEI))
        await bench.lever.call("evm_mine")
        await bench.replaced(many=3)
        prices = await bench.rows("select max_fee_wei from chain.blockchain_transactions order by place")
        assert prices == sorted(set(prices))
        await bench.lever.automine(is_on=True)
        await bench.settled([1])


async def test_storing_an_attempt_again_stores_nothing(settings: adapter.Settings) -> None:
    """The same hash is the same bytes."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.reached([1], "submitted")
        async with bench.database.transaction() as tx:
            [lane] = await lanes.lanes(tx)
            [slot] = await stored_slots.open_slots(tx, lane=lane.id, limit=1)
            again = Attempt(hash=slot.hash, lane=slot.lane, nonce=slot.nonce, raw=slot.raw, fees=slot.fees)
            assert await stored_slots.store(tx, [again]) == 0


@pytest.mark.invariant("I2", "I9")
async def test_a_transaction_whose_block_is_replaced_before_it_was_followed_is_offered_again(
    settings: adapter.Settings,
) -> None:
    """The node said that the nonce is used, and forgot: nothing tells the lane that this is no longer so."""
    async with assembled(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.submit(mint(1))
        async with running(bench.adapter.lanes[0].run):
            await bench.answered("nonce_used")
            await bench.lever.reorganise(1)

            async def look() -> bool | None:
                return True if await bench.logs_of(1) else None

            await eventually(look)
        assert [attempt[0] for attempt in await bench.attempts()] == [0]


async def test_what_is_in_flight_is_sent_again_while_nobody_tells_what_else_may_be_minted(
    settings: adapter.Settings,
) -> None:
    """A pool forgot it, more mints wait, and every view of the contracts is refused: it is offered all the same."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        quick = msgspec.structs.replace(settings, rpc_urls=(proxy.url,), resend_ms=100)
        async with serving(quick) as bench:
            await bench.lever.automine(is_on=False)
            await bench.submit(mint(1))
            await bench.reached([1], "submitted")
            await bench.sent()
            proxy.always("eth_call", {"error": {"code": -32_005, "message": "limit exceeded"}})
            await bench.submit(mint(2))
            await bench.lever.call("anvil_dropAllTransactions")
            offered = proxy.asked.count("eth_sendRawTransaction")

            async def look() -> bool | None:
                return True if proxy.asked.count("eth_sendRawTransaction") > offered + 1 else None

            await eventually(look)
            assert [view.state for view in await bench.views([1, 2])] == ["submitted", "accepted"]


async def test_fees_above_the_cap_make_the_lane_wait_until_they_fall(settings: adapter.Settings) -> None:
    """It says so, signs nothing, and goes on by itself."""
    capped = msgspec.structs.replace(settings, fee_cap_wei=20 * signing.GWEI)
    async with serving(capped) as bench:
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        await bench.lever.mine()
        await bench.submit(mint(1))
        await bench.waits_for("fee_above_cap")
        assert await bench.attempts() == []
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(signing.GWEI))
        await bench.lever.mine()
        await bench.settled([1])
