"""Attempts in the traces of their mints: the first, and each replacement at a higher price with why it was made."""

from collections.abc import Iterator
from typing import Final

import msgspec
import pytest

from cashback.chain.store import mints
from cashback.kernel.db import Tx
from cashback.kernel.telemetry import Span, record_with
from cashback.processes import adapter, signing
from tests.integration.chain.support import mint, serving

ONE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def told() -> Iterator[list[Span]]:
    """Give the list of all spans that end during the test."""
    spans: list[Span] = []
    with record_with(spans.append):
        yield spans


async def test_each_attempt_at_a_mint_is_a_span_of_its_trace_that_says_why_it_was_made(
    settings: adapter.Settings, told: list[Span]
) -> None:
    """One for each price below what the mint came with; the whole is in no one's trace, nothing in the neighbour's."""
    traced, untraced = (
        msgspec.structs.replace(mint(number), traceparent=trace) for number, trace in ((1, ONE), (2, UNSAMPLED))
    )
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(traced, untraced)
        await bench.reached([1, 2], "submitted")
        await bench.sent()
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        await bench.lever.mine()
        await bench.replaced()
        await bench.lever.automine(is_on=True)
        await bench.settled([1, 2])
        stored = await bench.rows(
            "select '0x' || encode(hash, 'hex') from chain.blockchain_transactions order by place"
        )
    tries = [one for one in told if one.name == "attempt mint"]
    assert {(one.traceparent[3:35], one.parent_id) for one in tries} == {(ONE[3:35], ONE[36:52])}
    assert {one.attributes["cashback.mint.number"] for one in tries} == {1}
    assert [one.attributes["cashback.attempt.number"] for one in tries] == list(range(1, len(stored) + 1))
    assert [one.attributes["cashback.attempt.reason"] for one in tries][:2] == ["first", "priced_out"]
    assert [(one.attributes["cashback.transaction.hash"],) for one in tries] == stored
    wholes = {one.traceparent: one for one in told if one.name == "attempt transaction"}
    assert [wholes[link].attributes["cashback.batch.mints"] for one in tries for link in one.links] == [2] * len(tries)
    assert {one.traceparent[3:35] for one in told} & {UNSAMPLED[3:35]} == set()


async def test_a_replacement_is_stored_and_sent_although_its_mints_cannot_be_told_of(
    settings: adapter.Settings, told: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only traces ask the database for may fail: the transaction that it would have told of is not undone."""
    async with serving(msgspec.structs.replace(settings, resend_ms=200)) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(msgspec.structs.replace(mint(1), traceparent=ONE))
        await bench.reached([1], "submitted")
        await bench.sent()
        monkeypatch.setattr(mints, "traces", lost)
        await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
        await bench.lever.mine()
        await bench.replaced()
        await bench.lever.automine(is_on=True)
        await bench.settled([1])
    assert [one.attributes["cashback.attempt.reason"] for one in told if one.name == "attempt mint"] == ["first"]


async def lost(tx: Tx, **_: object) -> None:
    """Lose the connection, as to a database that fails at this moment."""
    await tx.execute("select pg_terminate_backend(pg_backend_pid())")
