"""What the contract's tests ask an adapter, be it the fake or the real one."""

import asyncio
from contextlib import aclosing
from itertools import count
from typing import Final

from cashback.wire.cashback.chain import v1
from tests.integration.minting.subjects import Subject

WITHIN_S: Final = 20.0

# The real adapter's chain is shared by all tests of a module, and it never forgets a number.
_numbers = count(1)


async def cancel(admin: v1.ChainAdminServiceStub, mint: v1.Mint) -> v1.CancelResult:
    """Cancel one mint and return how far that is."""
    answer = await admin.cancel_mints(v1.CancelMintsRequest(by="alice", reason="a test", mints=[mint]))
    (entry,) = answer.entries
    assert entry.number == mint.number
    return entry.result


def a_mint(number: int | None = None, *, recipient: bytes | None = None, amount: int = 1_000) -> v1.Mint:
    """Return a mint under a number that nobody used, to a wallet of its own, unless told otherwise."""
    number = next(_numbers) if number is None else number
    wallet = (0x1000 + number % 1_000).to_bytes(20) if recipient is None else recipient
    return v1.Mint(number=number, cashback_id=f"cb_{number}", recipient=wallet, amount=amount)


async def submit(stub: v1.ChainAdapterServiceStub, *mints: v1.Mint) -> dict[int, v1.SubmitResult]:
    """Return the result of each number of one call."""
    answer = await stub.submit_mints(v1.SubmitMintsRequest(mints=list(mints)))
    assert len(answer.entries) == len(mints)
    return {entry.number: entry.result for entry in answer.entries}


async def outcomes(
    stub: v1.ChainAdapterServiceStub, subject: Subject, *numbers: int, epoch: str = "", after: int = 0
) -> tuple[str, list[v1.Outcome]]:
    """Return the epoch, and the stream after a cursor up to where each of the numbers has its outcome."""
    found: list[v1.Outcome] = []
    request = v1.WatchOutcomesRequest(epoch=epoch, after_sequence=after)
    async with asyncio.timeout(WITHIN_S), aclosing(stub.watch_outcomes(request)) as batches:  # type: ignore[type-var]  # it is a generator
        async for batch in batches:
            found += batch.outcomes
            if set(numbers) <= {outcome.number for outcome in found}:
                return batch.epoch, found
            await subject.advance()
    raise AssertionError("the stream ended")
