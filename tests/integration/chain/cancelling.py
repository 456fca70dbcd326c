"""Orders to cancel mints, and what came of them on the chain."""

from typing import Final

from cashback.chain.gateway.decoding import RETIRED
from cashback.chain.model import CancelAnswer, Mint, Person
from tests.integration.chain.support import Bench

ALICE: Final = Person("alice")
WHY: Final = "the wallet is lost"


async def cancel(bench: Bench, *mints: Mint) -> list[CancelAnswer]:
    """Cancel mints in Alice's name."""
    return await bench.adapter.cancellations.cancel(mints, by=ALICE, because=WHY)


async def retirements(bench: Bench) -> list[int]:
    """Return the numbers that the chain's logs call retired, in their order."""
    wanted = {"address": bench.settings.token_address, "topics": [f"0x{RETIRED.hex()}"], "fromBlock": "0x0"}
    return [int(log["topics"][1], 16) for log in await bench.lever.call("eth_getLogs", wanted)]


async def slots(bench: Bench) -> list[tuple[int, str]]:
    """Return nonce and kind of every slot."""
    return [(row[0], row[1]) for row in await bench.rows("select nonce, kind from chain.slots order by nonce")]
