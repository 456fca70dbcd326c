"""The running API against schemathesis: whatever is drawn from its document gets an answer that the document promises.

It has an environment of its own (requirements/schemathesis.in). All phases run: what each form allows and forbids, and
chains of requests that go on with what the ones before were answered.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest

from tests.contract.rest.served import Served, serving
from tests.integration.ledger.world import Dsns, World, wallet_number
from tests.support.node import run_program

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT: Final = Path(__file__).resolve().parents[3]
FUZZING: Final = Path(__file__).with_name("fuzzing")
SET_UP_WITHIN_S: Final = 600
OPERATIONS_MIN: Final = 90
LINKS_MIN: Final = 5
"""How many kinds of steps from one request to the next a run takes at least: else its chains have proved nothing."""


class Run(msgspec.Struct, frozen=True):
    """How much is drawn: requests for each operation, chains of them, from which seed on, and for how long at most."""

    examples: int
    chains: int
    seed: int
    within_s: int


SHORT: Final = Run(examples=4, chains=40, seed=1, within_s=300)
LONG: Final = Run(examples=200, chains=800, seed=2, within_s=1_500)


@pytest.fixture(scope="session")
def fuzzer() -> Path:
    """Give schemathesis, from its hash-pinned requirements."""
    run_program(sys.executable, "-m", "requirements.tool", "schemathesis", folder=ROOT, within_s=SET_UP_WITHIN_S)
    return ROOT / "build" / "schemathesis" / "bin" / "schemathesis"


@pytest.fixture
def served(dsns: Dsns, tmp_path: Path) -> Iterator[Served]:
    """Give the API as a process of its own."""
    with serving(dsns, tmp_path) as running:
        yield running


async def known(world: World, served: Served) -> dict[str, str]:
    """Return something of each name that there is, and the key that must not be taken away."""
    programme, user, merchant = await world.programme(), await world.user(), await world.merchant()
    url, headers = served.process.url, {"Authorization": f"Bearer {served.secret}"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as http:
        [own] = (await http.get("/v1/api-keys")).json()["items"]
    return {
        "own_key_id": own["id"],
        "user_id": user.id,
        "merchant_id": merchant.id,
        "programme_id": programme.id,
        "currency": "USD",
        "wallet": wallet_number(1),
    }


def drawn(fuzzer: Path, served: Served, run: Run, folder: Path, *, phases: str, examples: int) -> str:
    """Return what schemathesis tells of phases in which it found nothing."""
    return run_program(
        *(str(fuzzer), "--config-file", str(FUZZING / "schemathesis.toml"), "run"),
        f"{served.process.url}/openapi/openapi.json",
        *("--phases", phases, "--max-examples", str(examples), "--seed", str(run.seed)),
        folder=folder,
        within_s=run.within_s,
        CASHBACK_FUZZING_SECRET=served.secret,
        CASHBACK_FUZZING_KNOWN=str(folder / "known.json"),
        PYTHONPATH=str(FUZZING),
    )


async def assert_all_holds(fuzzer: Path, served: Served, world: World, run: Run, folder: Path) -> None:
    """Assert that nothing was found, that much was tried, and that the books prove afterwards."""
    (folder / "known.json").write_text(json.dumps(await known(world, served)))
    draw = partial(drawn, fuzzer, served, run, folder)
    told = await asyncio.to_thread(draw, phases="examples,coverage,fuzzing", examples=run.examples)
    assert int(one(r"Tested: +(\d+)", told)) >= OPERATIONS_MIN, told
    chained = await asyncio.to_thread(draw, phases="stateful", examples=run.chains)
    assert int(one(r"(\d+) covered", chained)) >= LINKS_MIN, chained
    assert "request.broke" not in served.log.read_text()
    await world.assert_books_prove()


def one(pattern: str, text: str) -> str:
    """Return what the only match of a pattern is about."""
    [found] = re.findall(pattern, text)
    return str(found)


@pytest.mark.timeout(SET_UP_WITHIN_S + SHORT.within_s)
async def test_what_is_drawn_from_the_document_is_answered_as_it_promises(
    fuzzer: Path, served: Served, world: World, tmp_path: Path
) -> None:
    """No 500, no answer that is not documented, no body or header of another form, nothing unsound that is taken."""
    await assert_all_holds(fuzzer, served, world, SHORT, tmp_path)


@pytest.mark.deep
async def test_fifty_times_as_much_finds_nothing_more(
    fuzzer: Path, served: Served, world: World, tmp_path: Path
) -> None:
    """The same from another seed, with many more requests of each operation."""
    await assert_all_holds(fuzzer, served, world, LONG, tmp_path)
