"""Mints in their own traces: taken in, and signed for as part of a transaction that may carry many."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from cashback.chain.model import Attempt, Mint, Slot
from cashback.kernel.telemetry import Kind, Moment, Value, batch, current_traceparent, each, is_tracing


@contextmanager
def accepting(mints: Sequence[Mint]) -> Iterator[Sequence[Mint]]:
    """Yield `mints`, each as part of the span of taking it in, which is linked with the call that brought it."""
    if not is_tracing():
        yield mints
        return
    origins = [mint.traceparent for mint in mints]
    with each(
        origins,
        lambda place: ("accept mint", {"cashback.mint.number": mints[place].number}),
        kind=Kind.INTERNAL,
        links=[current_traceparent()],
    ) as contexts:
        yield [
            msgspec.structs.replace(mint, traceparent=context) for mint, context in zip(mints, contexts, strict=True)
        ]


def attempted(slot: Slot, attempt: Attempt, *, traces: Mapping[int, str | None], begun: Moment) -> None:
    """Tell of a signed and stored attempt: once for the transaction, and once in the trace of each mint it carries."""
    transaction: dict[str, Value] = {
        "cashback.nonce": slot.nonce,
        "cashback.transaction.hash": f"0x{attempt.hash.hex()}",
    }
    numbers = slot.call.numbers
    with batch(
        "attempt transaction",
        [traces.get(number) for number in numbers],
        lambda place: ("attempt mint", {"cashback.mint.number": numbers[place], **transaction}),
        kinds=(Kind.INTERNAL, Kind.INTERNAL),
        attributes={"cashback.batch.mints": len(numbers), **transaction},
        begun=begun,
    ):
        pass
