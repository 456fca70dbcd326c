"""From an accepted mint to its outcome, on a real chain."""

from cashback.processes import adapter
from tests.integration.chain.support import mint, serving


async def test_an_accepted_mint_becomes_final_and_its_outcome_says_where(settings: adapter.Settings) -> None:
    """One mint goes all the way; I3: the log's transaction is the one that was stored before."""
    async with serving(settings) as bench:
        asked = mint(7, amount=290_000)
        await bench.submit(asked)
        [included] = await bench.reached([7], "included", "safe")
        [outcome] = await bench.settled([7])
        [view] = await bench.views([7])
        assert outcome.kind == "minted"
        assert outcome.sequence == 1
        assert outcome.mint.has_fingerprint_of(asked)
        assert outcome.place.transaction_hash == included.transaction_hash == view.transaction_hash
        assert view.state == "final"
        balances, _ = await bench.adapter.reading.balances([asked.recipient])
        assert balances == [290_000]
