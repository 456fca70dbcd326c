"""What adapter and minting know of mint numbers, and the ledger held against it."""

import pytest

from cashback.chain.service.numbers import NumberImpossible
from cashback.kernel.money import MINT_NUMBER_MAX
from cashback.processes import adapter
from tests.integration.chain.support import Bench, assembled, mint, running, serving


async def known(bench: Bench) -> int:
    """Return the highest number that the state of this adapter tells."""
    return (await bench.adapter.reading.status()).known.number


@pytest.mark.invariant("I2")
async def test_a_number_is_known_that_was_submitted_seen_in_a_log_or_told_by_minting(
    settings: adapter.Settings,
) -> None:
    """The highest of the three; and when minting told."""
    async with assembled(settings) as bench, running(bench.adapter.follower.run):
        assert (await known(bench), (await bench.adapter.reading.status()).known.minting_told_ms_ago) == (0, None)
        await bench.submit(mint(3))
        assert await known(bench) == 3
        await bench.people.mint_elsewhere(mint(5))
        await bench.lever.mine()
        await bench.followed()
        assert await known(bench) == 5
        assert (await bench.adapter.numbers.take(9)).number == 9
        assert (await bench.adapter.numbers.take(7)).number == 9
        told_ms_ago = (await bench.adapter.reading.status()).known.minting_told_ms_ago
        assert told_ms_ago is not None
        assert told_ms_ago >= 1


async def test_a_number_that_no_ledger_gives_out_is_not_known(settings: adapter.Settings) -> None:
    """Whoever mints under it halts minting, but sets no ledger back for ever."""
    async with assembled(settings) as bench, running(bench.adapter.follower.run):
        await bench.submit(mint(2), mint(MINT_NUMBER_MAX + 1))
        await bench.people.mint_elsewhere(mint(2**64 - 1))
        await bench.lever.mine()
        await bench.followed()
        assert await known(bench) == 2
        for number in (MINT_NUMBER_MAX + 1, -1):
            with pytest.raises(NumberImpossible):
                await bench.adapter.numbers.take(number)
            with pytest.raises(NumberImpossible):
                await bench.adapter.numbers.compare(number)


@pytest.mark.invariant("I2", "I3")
async def test_a_ledger_that_knows_fewer_numbers_halts_minting_with_both(settings: adapter.Settings) -> None:
    """One that knows as many or more does not; the halt comes again for as long as that is so."""
    async with serving(settings) as bench:
        await bench.submit(mint(8))
        for given_out in (8, 9):
            assert (await bench.adapter.numbers.compare(given_out))[1] is False
        assert (await bench.adapter.reading.status()).halts == []
        assert (await bench.adapter.numbers.compare(7))[1] is True
        [halt] = (await bench.adapter.reading.status()).halts
        assert (halt.reason, halt.detail) == (
            "ledger_behind",
            "the ledger has given out numbers up to 7, and 8 is known here: its database is older",
        )
