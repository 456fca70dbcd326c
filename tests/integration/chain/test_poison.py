"""Mints that make a whole call fail, on a real node: found before anything is signed, held, and the rest goes."""

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.rules import batching, packing
from cashback.chain.rules.attention import worries
from cashback.chain.rules.batching import Budget
from cashback.chain.store import holds
from cashback.processes import adapter
from tests.integration.chain.listening import listening_at
from tests.integration.chain.poison import BURNING, UNDOING, Poison
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving

WINDOW = tuple(range(1, 13))
SCATTERED = tuple(range(5, 3_600, 300))
HELD = "cashback_chain_mints_held_total"


async def poisoned(bench: Bench) -> Poison:
    """Return the token's other code, in force."""
    poison = Poison(bench.lever, bench.settings.token_address)
    await poison.brew()
    return poison


async def calls(bench: Bench) -> list[tuple[int, bool]]:
    """Return how many mints each call carries that was ever signed, and whether it reverted."""
    return await bench.rows(
        """
        select count(*), bool_or(revert_reason is not null)
        from chain.slots
        join chain.mints using (lane, nonce)
        group by lane, nonce
        order by nonce
        """
    )


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("numbers", [WINDOW, SCATTERED], ids=["window", "scattered"])
async def test_poison_in_a_call_is_held_and_told_and_the_rest_goes_in_the_same_turn(
    settings: adapter.Settings, numbers: tuple[int, ...]
) -> None:
    """Three of twelve, next to each other and apart; gas is paid for one call, which does what it should."""
    poison = {numbers[3]: UNDOING, numbers[4]: BURNING, numbers[10]: UNDOING}
    rest = [number for number in numbers if number not in poison]
    before = REGISTRY.get_sample_value(HELD, {"reason": "unexplained"}) or 0
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await poisoned(bench)
        await bench.submit(*(mint(number, recipient=poison.get(number)) for number in numbers))
        await bench.ripe()
        with capture_logs() as lines:
            async with running(*loops(bench)):
                await bench.settled(rest)
        assert [one["numbers"] for one in lines if one["event"] == "mint.held"] == [sorted(poison)]
        assert [one["log_level"] for one in lines if one["event"] == "mint.held"] == ["critical"]
        assert REGISTRY.get_sample_value(HELD, {"reason": "unexplained"}) == before + 3
        assert {(view.state, view.reason) for view in await bench.views(list(poison))} == {("held", "unexplained")}
        assert await calls(bench) == [(len(rest), False)]
        view = await caller.status()
        assert (view.held, view.held_numbers) == (3, sorted(poison))
        assert "3 held" in " / ".join(worries(view))


@pytest.mark.invariant("I2", "I4")
async def test_what_was_poison_is_minted_when_it_is_released_after_the_cure(settings: adapter.Settings) -> None:
    """Released too early it is held again."""
    async with serving(settings) as bench:
        poison = await poisoned(bench)
        await bench.submit(mint(1), mint(2, recipient=UNDOING))
        await bench.settled([1])
        for number in (2, 3):
            await bench.reached([2], "held")
            async with bench.database.transaction() as tx:
                await holds.release(tx, [2])
            await bench.submit(mint(number + 7))
            await bench.settled([number + 7])
        await bench.reached([2], "held")
        await poison.cure()
        async with bench.database.transaction() as tx:
            await holds.release(tx, [2])
        await bench.settled([2])
        assert await bench.logs_of(2) == 1


async def test_when_nothing_goes_it_is_the_contract_and_nothing_is_held(settings: adapter.Settings) -> None:
    """The lane waits, says so, asks little meanwhile, and goes on by itself once the contract is mended."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        poison = await poisoned(bench)
        await bench.submit(*(mint(number, recipient=UNDOING) for number in WINDOW))
        await bench.waits_for("calls_refused")
        assert "refuse every call" in " / ".join(worries(await caller.status()))
        assert {view.state for view in await bench.views(WINDOW)} == {"accepted"}
        assert await calls(bench) == []
        await poison.cure()
        await bench.settled(WINDOW)
        assert await calls(bench) == [(len(WINDOW), False)]


async def test_one_mint_that_goes_shows_that_the_others_are_poison(settings: adapter.Settings) -> None:
    """It comes last; one that is merely too large for the limit shows nothing, and is not what the lane waits for."""
    async with serving(settings) as bench:
        await poisoned(bench)
        await bench.people.limit(capacity=1_000, window_s=86_400)
        await bench.submit(*(mint(number, amount=1, recipient=UNDOING) for number in WINDOW))
        await bench.waits_for("calls_refused")
        await bench.submit(mint(50, amount=1_001), mint(99, amount=1))
        await bench.settled([99])
        assert {view.state for view in await bench.views(WINDOW)} == {"held"}
        await bench.waits_for("mint_limit_reached")


@pytest.mark.invariant("I4")
async def test_more_poison_in_front_than_a_lane_looks_at_hides_nobody_behind_it(settings: adapter.Settings) -> None:
    """Seed 104: the lane sees two at a time, and both fail alone, as if the contracts refused everything."""
    narrow = msgspec.structs.replace(settings, batch_mints=2, slots_in_flight=1)
    async with serving(narrow) as bench:
        await poisoned(bench)
        await bench.submit(*(mint(number, recipient=UNDOING) for number in WINDOW))
        await bench.waits_for("calls_refused")
        await bench.submit(*(mint(number, recipient=BURNING) for number in SCATTERED[1:]), mint(9_999))
        await bench.settled([9_999])
        assert {view.state for view in await bench.views([*WINDOW, *SCATTERED[1:]])} == {"held"}


async def test_mints_that_fail_only_together_go_apart_and_none_is_held(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the bound is too low for forty at once, and enough for twenty: each half goes in a call of its own."""
    monkeypatch.setattr(packing, "_GAS_MINT", 26_000)
    numbers = range(1, 41)
    async with assembled(settings) as bench:
        await bench.submit(*(mint(number) for number in numbers))
        await bench.ripe()
        async with running(*loops(bench)):
            await bench.settled(numbers)
        assert await calls(bench) == [(20, False), (20, False)]
        assert await bench.rows("select count(*) from chain.mints where held_at is not null") == [(0,)]


@pytest.mark.invariant("I4")
async def test_nothing_is_signed_that_no_node_has_tried(settings: adapter.Settings) -> None:
    """A limit says nothing about a call; when the node answers again the lane goes on."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxy.whim_of_trials({"error": {"code": -32_005, "message": "limit exceeded"}})
        async with serving(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench:
            await bench.submit(mint(1), mint(2))
            await proxy.trials_met(3)
            assert {view.state for view in await bench.views([1, 2])} == {"accepted"}
            proxy.whim_of_trials("pass")
            await bench.settled([1, 2])


@pytest.mark.invariant("I4")
async def test_nobody_is_held_for_what_a_node_says_while_it_takes_a_block_in(settings: adapter.Settings) -> None:
    """It tried two calls on the state behind the block with the clock before it: the first of two mints, and alone."""
    panic = {"error": {"code": 3, "message": "execution reverted: panic (0x11)", "data": f"0x4e487b71{0x11:064x}"}}
    async with (
        Proxy.before(settings.rpc_urls[0]) as proxy,
        assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as bench,
    ):
        await bench.submit(mint(1), mint(2))
        await bench.ripe()
        proxy.whim_of_trials(panic, times=2)
        async with running(*loops(bench)):
            await bench.settled([1, 2])
        assert await calls(bench) == [(2, False)]
        assert await bench.rows("select count(*) from chain.mints where held_at is not null") == [(0,)]


async def test_of_three_endpoints_one_that_calls_everything_poison_is_outvoted(settings: adapter.Settings) -> None:
    """A verdict that withholds somebody's money is a quorum's."""
    async with Proxy.before(settings.rpc_urls[0]) as liar, Proxy.before(settings.rpc_urls[0]) as honest:
        liar.whim_of_trials({"error": {"code": 3, "message": "execution reverted", "data": "0x"}})
        urls = (liar.url, honest.url, settings.rpc_urls[0])
        async with serving(msgspec.structs.replace(settings, rpc_urls=urls)) as bench:
            await bench.submit(mint(1), mint(2), mint(3))
            await bench.settled([1, 2, 3])
            assert await bench.rows("select count(*) from chain.mints where held_at is not null") == [(0,)]


@pytest.mark.parametrize("reason", ["mint_limit_reached", "minter_paused"])
async def test_what_the_arithmetic_lets_through_the_trial_stops_without_holding_anything(
    settings: adapter.Settings, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world's doing makes the lane wait for it by its name; no gas is spent, and it goes on when that is over."""
    with monkeypatch.context() as patch:
        patch.setattr(batching, "budget", lambda *_, **__: Budget(2**62, "mint_limit_reached"))
        async with serving(settings) as bench:
            await bench.people.limit(capacity=1_000, window_s=86_400)
            if reason == "minter_paused":
                await bench.people.pause()
            await bench.submit(mint(1, amount=600), mint(2, amount=600))
            await bench.waits_for(reason)
            assert {view.state for view in await bench.views([1, 2])} == {"accepted"}
            if reason == "minter_paused":
                await bench.people.unpause()
            await bench.people.limit(capacity=1_000_000, window_s=1)
            await bench.settled([1, 2])
            assert await calls(bench) == [(2, False)]
