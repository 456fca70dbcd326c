"""Bounds: slots in flight, ranges of blocks, answers that are too long, and a database that begins again."""

import msgspec
import pytest

from cashback.chain.model import ChainUnavailable
from cashback.chain.service import reading as reading_module
from cashback.kernel.config import Secret
from cashback.processes import adapter, signing
from tests.integration.chain.levers import ACCOUNTS
from tests.integration.chain.proxy import Proxy
from tests.integration.chain.support import Bench, assembled, mint, serving
from tests.integration.chain.waiting import eventually
from tests.support.servers import Databases


@pytest.mark.invariant("I9")
async def test_a_lane_keeps_so_many_slots_in_flight_and_no_more(settings: adapter.Settings) -> None:
    """More are taken on as blocks carry the first ones, and the nonces have no gap."""
    bounded = msgspec.structs.replace(settings, slots_in_flight=2, batch_mints=1)
    async with serving(bounded) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(*[mint(number) for number in range(1, 6)])
        await in_flight(bench, 2)
        await bench.lever.automine(is_on=True)
        await bench.lever.mine()
        await bench.settled(range(1, 6))
        slots = await bench.rows("select nonce, block_number is not null from chain.slots order by nonce")
        assert slots == [(nonce, True) for nonce in range(5)]
        mined = await bench.rows("select count(*) from chain.blockchain_transactions where block_number is not null")
        assert mined == [(5,)]


async def in_flight(bench: Bench, slots: int) -> None:
    """Return once so many slots are open, and fail when there are more."""

    async def look() -> bool | None:
        [(found,)] = await bench.rows("select count(*) from chain.slots where state = 'open'")
        assert found <= slots
        return True if found == slots else None

    await eventually(look)


async def test_a_long_history_is_read_in_ranges_and_halved_where_a_provider_refuses(settings: adapter.Settings) -> None:
    """A database that begins late sees every log all the same."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        proxied = msgspec.structs.replace(settings, rpc_urls=(proxy.url, settings.rpc_urls[0]))
        async with serving(settings) as bench:
            await bench.people.mint_elsewhere(mint(3, amount=9))
            await bench.lever.mine(300)
        too_much = {"error": {"code": -32_005, "message": "query returned more than 10000 results"}}
        proxy.once("eth_getLogs", too_much, too_much)
        only = msgspec.structs.replace(proxied, rpc_urls=(proxy.url,))
        async with serving(only) as bench:
            await bench.followed()
            assert await bench.rows("select number from chain.used_numbers") == [(3,)]
            assert proxy.asked.count("eth_getLogs") < 100


@pytest.mark.invariant("I2")
async def test_a_rebuilt_database_starts_another_epoch_and_mints_nothing_twice(
    settings: adapter.Settings, databases: Databases
) -> None:
    """What was minted before gets its outcome from the chain's own log, and the lane goes on at the next nonce."""
    old = [mint(1), mint(2)]
    async with serving(settings) as bench:
        await bench.submit(*old)
        await bench.settled([1, 2])
        first_epoch = await bench.adapter.stream.epoch()
        await bench.lever.mine(5)
    with databases.fresh("chain_template") as dsn:
        empty = msgspec.structs.replace(settings, chain_dsn=Secret(dsn))
        async with serving(empty) as bench:
            await bench.followed()
            await bench.submit(*old, mint(3))
            outcomes = await bench.settled([1, 2, 3])
            assert await bench.adapter.stream.epoch() != first_epoch
            assert [outcome.sequence for outcome in outcomes] == [1, 2, 3]
            assert [await bench.logs_of(number) for number in (1, 2, 3)] == [1, 1, 1]
            assert await bench.rows("select nonce from chain.slots") == [(1,)]


async def test_a_new_lane_does_not_open_before_its_signers_transactions_are_final(settings: adapter.Settings) -> None:
    """Whatever was sent before this database knew of it must be certain first."""
    async with serving(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.lever.call("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[0], "gas": hex(21_000)})
    async with serving(settings) as bench:
        await bench.submit(mint(1))
        await bench.lever.mine()
        await bench.followed()
        assert [view.state for view in await bench.views([1])] == ["accepted"]
        await bench.lever.automine(is_on=True)
        await bench.lever.mine(4)
        await bench.settled([1])
        assert await bench.rows("select nonce from chain.slots") == [(1,)]


async def test_what_holders_burn_is_told_beside_the_mint_logs(settings: adapter.Settings) -> None:
    """Supply is minted less burned: the answers of one question add up to it."""
    async with serving(settings) as bench:
        holder = signing.address(ACCOUNTS[3])
        await bench.submit(mint(1, amount=1_000, recipient=holder))
        await bench.settled([1])
        await bench.people.burn(settings.token_address, 300)
        await bench.lever.mine(5)
        logs = await bench.adapter.reading.mint_logs(from_block=0, to_block=0)
        assert ([log.amount for log in logs.logs], logs.burned, logs.supply_at_end) == ([1_000], 300, 700)


async def test_a_question_about_mint_logs_begins_at_the_start_block_and_says_so(settings: adapter.Settings) -> None:
    """Before it there is no token: years of empty blocks are not searched."""
    async with serving(msgspec.structs.replace(settings, start_block=5)) as bench:
        await bench.submit(mint(1))
        await bench.settled([1])
        first = await bench.adapter.reading.mint_logs(from_block=0, to_block=0)
        assert (first.from_block, [log.number for log in first.logs]) == (5, [1])
        later = await bench.adapter.reading.mint_logs(from_block=6, to_block=first.end.number)
        assert later.from_block == 6


async def test_a_long_question_about_mint_logs_is_answered_in_ranges_that_the_provider_allows(
    settings: adapter.Settings,
) -> None:
    """Logs and burns alike; what was too much once is not asked for again, and what is known is not asked twice."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy, serving(settings) as bench:
        holder = signing.address(ACCOUNTS[3])
        await bench.submit(mint(1, amount=1_000, recipient=holder))
        await bench.settled([1])
        for _ in range(3):
            await bench.people.burn(settings.token_address, 100)
            await bench.lever.mine(100)
        await bench.followed()
        proxy.limit_logs(50)
        async with assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as limited:
            reading = limited.adapter.reading
            page = first = await reading.mint_logs(from_block=0, to_block=0)
            numbers, burned = [log.number for log in first.logs], first.burned
            proxy.asked.clear()
            pages = 0
            while page.covered_to_block < first.end.number:
                page = await reading.mint_logs(from_block=page.covered_to_block + 1, to_block=first.end.number)
                numbers += [log.number for log in page.logs]
                burned += page.burned
                pages += 1
            assert (numbers, burned, first.supply_at_end) == ([1], 300, 700)
            assert (page.supply_at_end, page.end) == (None, first.end)
            assert set(proxy.asked) == {"eth_getBlockByNumber", "eth_getLogs"}
            assert proxy.asked.count("eth_getBlockByNumber") == pages
            assert proxy.asked.count("eth_getLogs") < 5 * pages


async def test_what_did_not_fit_into_an_answer_is_not_read_again_and_again(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node without a limit tells more than one answer of ours holds: the next question asks for no more than that."""
    monkeypatch.setattr(reading_module, "LOGS_MAX", 1)
    told = 0

    def count(logs: list[object]) -> list[object]:
        """Count what is given."""
        nonlocal told
        told += len(logs)
        return logs

    async with Proxy.before(settings.rpc_urls[0]) as proxy:
        through = msgspec.structs.replace(settings, rpc_urls=(proxy.url, settings.rpc_urls[0]), rpc_quorum=1)
        async with assembled(through) as bench:
            for number in range(1, 13):
                await bench.people.mint_elsewhere(mint(number))
            await bench.lever.mine(128)
            proxy.lie("eth_getLogs", count)
            reading, numbers, reached, end = bench.adapter.reading, [], -1, 0
            while reached < end or not end:
                page = await reading.mint_logs(from_block=reached + 1, to_block=end)
                numbers += [log.number for log in page.logs]
                reached, end = page.covered_to_block, page.end.number
    assert numbers == list(range(1, 13))
    # Each page once more in the next one, which asks for a little more; without, it were 12 + 11 + ... + 1.
    assert told <= 3 * len(numbers)


async def test_a_range_that_takes_a_node_too_long_is_asked_for_again_in_small(settings: adapter.Settings) -> None:
    """Silence may mean that it was too much; a node that is down is still found out at once."""
    async with Proxy.before(settings.rpc_urls[0]) as proxy, serving(settings) as bench:
        await bench.lever.mine(600)
        await bench.followed()
        async with assembled(msgspec.structs.replace(settings, rpc_urls=(proxy.url,))) as slow:
            proxy.once("eth_getLogs", "refuse")
            page = await slow.adapter.reading.mint_logs(from_block=0, to_block=0)
            assert page.covered_to_block == 255
            proxy.always("eth_getLogs", "refuse")
            with pytest.raises(ChainUnavailable):
                await slow.adapter.reading.mint_logs(from_block=0, to_block=0)
