"""What must be true after every fault, once the system has drained."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from cashback.kernel.bus import Bus
from cashback.kernel.bus.verdicts import is_verdict
from cashback.processes.embedded import answers
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.stack import WholeSystem

READY_WITHIN_S: Final = 15.0


async def assert_nothing_lost_or_doubled(
    stack: WholeSystem, load: Load, *, asleep: str = "", given_up: int = 0
) -> None:
    """Assert that every accepted purchase is minted exactly once (I2, I4, I5), that all agree, and nobody gave up.

    Every process is ready again, but for the one that is meant to be asleep, and no event is a dead letter, but for
    the `given_up` that are meant to be.
    """
    report = await stack.drained()
    assert report.findings == []
    await ready(stack, [name for name in stack.processes if name != asleep])
    assert await dead_letters(stack) == given_up
    assert stack.rows("minting", "select kind, detail from minting.halts") == []
    assert stack.rows("chain", "select halted_reason from chain.network") == [(None,)]

    assert load.purchases
    recorded = stack.rows("cashback", "select id from purchases.purchases where merchant_id = %s", load.merchant_id)
    assert sorted(row[0] for row in recorded) == sorted(load.purchases)
    query = "select mint_number, recipient, token_units, state from ledger.cashback_ledger where purchase_id = any(%s)"
    cashbacks = stack.rows("cashback", query, load.purchases)
    assert Counter(row[3] for row in cashbacks) == {"minted": len(load.purchases)}
    async with stack.chain() as chain:
        logs = await chain.mint_logs()
    minted = Counter((log.number, log.recipient, log.amount) for log in logs)
    assert all(minted[number, recipient.lower(), amount] == 1 for number, recipient, amount, _ in cashbacks)


async def ready(stack: WholeSystem, names: Sequence[str]) -> None:
    """Return once all of these processes say that every neighbour answers them."""
    for name in names:

        async def look(port: int = stack.processes[name].port) -> bool | None:
            return True if await asyncio.to_thread(answers, port, "/readyz") else None

        await eventually(look, within_s=READY_WITHIN_S, what=f"{name} is ready")


async def dead_letters(stack: WholeSystem) -> int:
    """Return how many events were given up since the broker's storage is what it is."""
    async with Bus.connect(stack.nats.url(), name="verdict") as bus:
        await bus.wait_connected()
        state = (await bus.api("STREAM.INFO.CASHBACK_DLQ", {"subjects_filter": ">"}))["state"]
    subjects: dict[str, int] = state.get("subjects") or {}
    return sum(count for subject, count in subjects.items() if not is_verdict(subject))
