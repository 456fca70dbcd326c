"""Taking requests in: each number is stored once, whatever comes again and in whatever order."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.outbox import append
from cashback.kernel.telemetry import logger
from cashback.minting.model import Mint, MintRequest, RequestOvertaken
from cashback.minting.rules import Admit, Hasten, Judgement, Refuse, Republish, fingerprint_of, impossibility, judge
from cashback.minting.service import metrics
from cashback.minting.service.announce import failure_event, outcome_event
from cashback.minting.service.halts import halt
from cashback.minting.store import mints

SCHEMA: Final = "minting"
REFUSED: Final = "number_refused"

log = logger(__name__)


class Requests:
    """The use case behind `token.mint.requested`."""

    def __init__(self, clock: Clock) -> None:
        """Date what is published by `clock`."""
        self._clock = clock

    async def take(self, tx: Tx, requests: Sequence[MintRequest]) -> None:
        """Store what is new, hasten what is known, tell again what is decided, and refuse what contradicts.

        Safe to repeat. A refused request halts minting; its own cashback is stuck, that of the first request goes on.
        It ends with the outbox, so it is the last act of the caller's transaction.

        Raises:
            RequestOvertaken: a cashback got another number meanwhile; nothing of the transaction may be kept.
        """
        now = self._clock.now()
        impossible = [(request, reason) for request in requests if (reason := impossibility(request)) is not None]
        possible = [request for request in requests if impossibility(request) is None]
        again = await _store(tx, possible)
        judged = await _judge(tx, again)
        admitted = [request for request, judgement in judged if isinstance(judgement, Admit)]
        if await _store(tx, admitted):
            raise RequestOvertaken("a cashback got two new numbers at once")
        hastened = [judgement.mint.number for _, judgement in judged if isinstance(judgement, Hasten)]
        told = [judgement.mint for _, judgement in judged if isinstance(judgement, Republish)]
        refused = [(request, judgement) for request, judgement in judged if isinstance(judgement, Refuse)]
        if hastened:
            await mints.hasten(tx, hastened)
        if hastened or admitted or len(again) < len(possible):
            await mints.tell_due(tx)
        if refused:
            await halt(tx, [judgement.halt for _, judgement in refused])
        stuck = [(request, REFUSED) for request, judgement in refused if judgement.is_cashback_stuck]
        events = [
            *(outcome_event(mint, time=now) for mint in told),
            *(failure_event(request, reason=reason, time=now) for request, reason in [*impossible, *stuck]),
        ]
        await append(tx, SCHEMA, events)
        reach("request.storing")
        _count(
            new=len(possible) - len(again) + len(admitted),
            hastened=len(hastened),
            told_again=len(told),
            refused=len(refused),
            impossible=len(impossible),
        )


async def _store(tx: Tx, requests: Sequence[MintRequest]) -> list[MintRequest]:
    """Store the first request of each unknown number, and return all that were not stored."""
    if not requests:
        return []
    first = {request.number: request for request in reversed(requests)}
    stored = await mints.insert(tx, list(first.values()), [fingerprint_of(request) for request in first.values()])
    return [request for request in requests if request.number not in stored or request is not first[request.number]]


async def _judge(tx: Tx, requests: Sequence[MintRequest]) -> list[tuple[MintRequest, Judgement]]:
    """Return what each request means whose number or cashback was there already."""
    if not requests:
        return []
    known = await mints.known(
        tx, numbers=[request.number for request in requests], cashback_ids=[request.cashback_id for request in requests]
    )
    numbers = {mint.number: mint for mint in known}
    cashbacks: dict[str, list[Mint]] = {}
    for mint in known:
        cashbacks.setdefault(mint.cashback_id, []).append(mint)
    return [
        (
            request,
            judge(request, by_number=numbers.get(request.number), of_cashback=cashbacks.get(request.cashback_id, [])),
        )
        for request in requests
    ]


def _count(**results: int) -> None:
    """Count the requests by what they meant, and log them in one line."""
    for result, amount in results.items():
        metrics.requests.labels(result).inc(amount)
    log.info("requests.taken", **{result: amount for result, amount in results.items() if amount})
