"""One running system for all end-to-end tests; each test has a shop and customers of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cashback.processes.stack import PROCESSES
from tests.support.chain import ChainReader
from tests.support.collector import Collector, collecting
from tests.support.load import Customer, Shop
from tests.support.stack import ANCHORED_SOON, SOON_S, WholeSystem, whole_system


class Minted(msgspec.Struct, frozen=True):
    """One purchase of 19.99 that went all the way: who bought, what was answered, what became of it, in which trace.

    `caller_id` is the caller's own span, below which all others are.
    """

    customer: Customer
    answer: dict[str, Any]
    cashback: dict[str, Any]
    trace_id: str
    caller_id: str


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Give what every process of the system exports its traces to."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path, collector: Collector) -> Iterator[WholeSystem]:
    """Give the system, with every process ready and traced; mints are final soon, and evidence anchored."""
    traced = {name: {"CASHBACK_OTLP_ENDPOINT": collector.endpoint} for name in PROCESSES}
    changes = {**traced, "worker-ledger": traced["worker-ledger"] | ANCHORED_SOON}
    with whole_system(tmp_path_factory.mktemp("e2e"), anvil_program, changes=changes, block_time_s=SOON_S) as system:
        yield system


@pytest.fixture(scope="package")
def minted(stack: WholeSystem) -> Minted:
    """Give a purchase whose mint is final, for tests that only look at it."""
    return asyncio.run(_mint(stack))


@pytest.fixture
async def shop(stack: WholeSystem) -> AsyncIterator[Shop]:
    """Give a merchant of this test's own."""
    async with Shop.open(stack) as shop:
        yield shop


@pytest.fixture
async def chain(stack: WholeSystem) -> AsyncIterator[ChainReader]:
    """Give the chain, past the adapter."""
    async with stack.chain() as reader:
        yield reader


async def _mint(stack: WholeSystem) -> Minted:
    """Buy, and return when the mint is final."""
    trace_id, caller_id = secrets.token_hex(16), secrets.token_hex(8)
    headers = {"traceparent": f"00-{trace_id}-{caller_id}-01"}
    async with Shop.open(stack) as shop:
        customer = await shop.customer()
        answer = await shop.buy(customer, amount_minor=1_999, headers=headers)
        await shop.settled(answer["id"])
        return Minted(customer, answer, await shop.live_cashback(answer["id"]), trace_id, caller_id)
