"""The running API against schemathesis: whatever is drawn from its document gets an answer that the document promises.

All phases run: what each form allows and forbids, and chains of requests that go on with what the ones before were
answered; with an operator's key, and with a merchant's.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
import pytest_asyncio

from tests.contract.rest.fuzzer import MERCHANT, NEIGHBOUR, OPERATOR, Fuzzer, Run, figure
from tests.contract.rest.served import Served, serving
from tests.integration.ledger.world import Dsns, World, fresh_database, open_world
from tests.support.node import run_program
from tests.support.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT: Final = Path(__file__).resolve().parents[3]
SET_UP_WITHIN_S: Final = 600
OPERATIONS_MIN: Final = 90
LINKS_MIN: Final = {OPERATOR: 40, MERCHANT: 10}
"""How many links a run takes at least, those that chains add among them: else its chains have proved nothing."""
PROBED_MIN: Final = 2
"""Below how many routes a merchant's neighbour asks for what is the merchant's: else nobody was kept from anything."""

SHORT: Final = Run(examples=4, chains=120, seed=1, within_s=300)
SHORT_OF_A_MERCHANT: Final = Run(examples=2, chains=40, seed=1, within_s=300, phases="fuzzing")
LONG: Final = Run(examples=200, chains=800, seed=2, within_s=1_500)
HALVES: Final = [Run(examples=100, chains=400, seed=seed, within_s=1_500) for seed in (2, 3)]
"""The same of a merchant, who has 200 endpoints for ever: 700 chains may use them up, and then the tool gives up."""
PROVING: Final = {
    "CASHBACK_CHAIN_ID": "31337",
    "CASHBACK_SIWE_DOMAIN": "app.example.com",
    "CASHBACK_SIWE_URI": "https://app.example.com/wallet",
}
"""In whose name wallets are proved: without it nobody is challenged."""
ONE_LIST: Final = Run(examples=2, chains=0, seed=1, within_s=120, phases="fuzzing")


@pytest.fixture(scope="session")
def program() -> Path:
    """Give schemathesis, from its hash-pinned requirements."""
    run_program(sys.executable, "-m", "requirements.tool", "schemathesis", folder=ROOT, within_s=SET_UP_WITHIN_S)
    return ROOT / "build" / "schemathesis" / "bin" / "schemathesis"


@pytest.fixture
def dsns(databases: Databases) -> Iterator[Dsns]:
    """Give a database to each run: what is drawn erases, ends and uses up whatever it names."""
    with fresh_database(databases) as ways:
        yield ways


@pytest_asyncio.fixture(loop_scope="module")
async def world(dsns: Dsns) -> AsyncIterator[World]:
    """Give the services over that database."""
    async with open_world(dsns) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def programme_id(world: World) -> str:
    """Give a programme in force."""
    return (await world.programme()).id


@pytest.fixture
def served(dsns: Dsns, tmp_path: Path) -> Iterator[Served]:
    """Give the API as a process of its own."""
    with serving(dsns, tmp_path, **PROVING) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fuzzer(program: Path, served: Served, world: World, programme_id: str, tmp_path: Path) -> Fuzzer:
    """Give the tool in front of that process, with new keys to it."""
    return await Fuzzer.furnished(program, served, world, tmp_path, programme_id=programme_id)


@pytest.mark.timeout(SET_UP_WITHIN_S + SHORT.within_s)
async def test_what_is_drawn_from_the_document_is_answered_as_it_promises(fuzzer: Fuzzer, world: World) -> None:
    """No 500, no answer that is not documented, no body or header of another form, nothing unsound that is taken."""
    await assert_all_holds(fuzzer, world, OPERATOR, SHORT)


@pytest.mark.timeout(SET_UP_WITHIN_S + SHORT_OF_A_MERCHANT.within_s)
async def test_what_a_merchant_draws_is_answered_so_and_never_to_its_neighbour(fuzzer: Fuzzer, world: World) -> None:
    """The same with a merchant's key; what it read is asked for by its neighbour as well, who is told there is none."""
    await assert_all_holds(fuzzer, world, MERCHANT, SHORT_OF_A_MERCHANT)
    assert len(fuzzer.routes(NEIGHBOUR, 404)) >= PROBED_MIN


@pytest.mark.timeout(SET_UP_WITHIN_S + ONE_LIST.within_s)
async def test_a_fault_that_is_planted_turns_it_red(fuzzer: Fuzzer, world: World) -> None:
    """The API may not read the merchants any more, which is a 500 that nobody foresaw; given back, all is well."""
    only = ("--include-operation-id", "listMerchants")
    await world.rows("revoke select on purchases.merchants from cashback_api")
    try:
        with pytest.raises(AssertionError, match="Server error"):
            await fuzzer.draw(OPERATOR, ONE_LIST, *only)
    finally:
        await world.rows("grant select on purchases.merchants to cashback_api")
    assert "request.broke" in fuzzer.served.log.read_text()
    assert figure(r"Tested: +(\d+)", await fuzzer.draw(OPERATOR, ONE_LIST, *only)) == 1


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 6))
async def test_other_seeds_find_nothing_more(fuzzer: Fuzzer, world: World, seed: int) -> None:
    """The short run from four others."""
    await assert_all_holds(fuzzer, world, OPERATOR, msgspec.structs.replace(SHORT, seed=seed))


@pytest.mark.deep
@pytest.mark.parametrize(
    "who, run",
    [(OPERATOR, LONG), *[(MERCHANT, half) for half in HALVES]],
    ids=["operator", "merchant", "another-merchant"],
)
async def test_fifty_times_as_much_finds_nothing_more(fuzzer: Fuzzer, world: World, who: str, run: Run) -> None:
    """The same from another seed, with many more requests of each operation."""
    await assert_all_holds(fuzzer, world, who, run)


async def assert_all_holds(fuzzer: Fuzzer, world: World, who: str, run: Run) -> None:
    """Assert that nothing was found, that much was tried, and that the books prove afterwards.

    Chains come first: single requests erase users, end programmes and use up what there may be of keys and endpoints.
    """
    chained = await fuzzer.draw(who, msgspec.structs.replace(run, phases="stateful", examples=run.chains))
    assert figure(r"(\d+) covered", chained) >= LINKS_MIN[who], chained
    # What is not told is that it gave up.
    assert figure(r"Scenarios: +(\d+)", chained) >= run.chains, chained
    told = await fuzzer.draw(who, run)
    assert figure(r"Tested: +(\d+)", told) >= OPERATIONS_MIN, told
    # A key that was taken away would have been refused everything since, and an operator may do everything.
    assert await fuzzer.opens(who)
    assert not fuzzer.was_told(OPERATOR, 403)
    assert "request.broke" not in fuzzer.served.log.read_text()
    await world.assert_books_prove()
