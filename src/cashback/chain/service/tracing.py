"""Mints in their own traces: taken in, and each attempt at them, as part of a transaction that may carry many."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec

from cashback.chain.model import Attempt, Mint
from cashback.chain.rules.tending import BumpReason
from cashback.chain.store import mints as stored_mints
from cashback.chain.store import slots as stored_slots
from cashback.kernel.db import Database, DatabaseUnavailable, Tx
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


class Attempted(msgspec.Struct, frozen=True):
    """An attempt that is stored, the traces of the mints that it carries by their numbers, and its place at its nonce.

    `reason` says why it was made: the `first` at its nonce, or why its price was raised (`BumpReason`).
    """

    attempt: Attempt
    traces: Mapping[int, str | None]
    place: int = 1
    reason: str = "first"

    def tell(self, *, begun: Moment) -> None:
        """Tell of it once for the transaction, and once in the trace of each mint."""
        transaction: dict[str, Value] = {
            "cashback.nonce": self.attempt.nonce,
            "cashback.transaction.hash": f"0x{self.attempt.hash.hex()}",
            "cashback.attempt.number": self.place,
            "cashback.attempt.reason": self.reason,
        }
        numbers = list(self.traces)
        with batch(
            "attempt transaction",
            list(self.traces.values()),
            lambda place: ("attempt mint", {"cashback.mint.number": numbers[place], **transaction}),
            kinds=(Kind.INTERNAL, Kind.INTERNAL),
            attributes={"cashback.batch.mints": len(numbers), **transaction},
            begun=begun,
        ):
            pass


async def tell_replaced(
    database: Database, bumps: Sequence[tuple[Attempt, BumpReason]], *, lane: int, begun: Moment
) -> None:
    """Tell of those of one lane's replacements that are stored; nothing is asked where nobody is told.

    Asked for after they were stored, and left untold when the database does not answer that: they wait for no trace.
    """
    if not is_tracing():
        return
    with suppress(DatabaseUnavailable):
        async with database.transaction() as tx:
            told = await _replaced(tx, bumps, lane=lane)
        for one in told:
            one.tell(begun=begun)


async def _replaced(tx: Tx, bumps: Sequence[tuple[Attempt, BumpReason]], *, lane: int) -> list[Attempted]:
    """Return those of one lane's replacements that are stored."""
    nonces = [attempt.nonce for attempt, _ in bumps]
    hashes = await stored_slots.attempts_of(tx, lane=lane, nonces=nonces)
    traces = await stored_mints.traces(tx, lane=lane, nonces=nonces)
    return [
        Attempted(
            attempt, traces.get(attempt.nonce, {}), place=hashes[attempt.nonce].index(attempt.hash) + 1, reason=reason
        )
        for attempt, reason in bumps
        if attempt.hash in hashes.get(attempt.nonce, ())
    ]
