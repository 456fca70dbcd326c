"""Refunds: one at a time or many, each once, whatever order they come in, before their purchase as well."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from prometheus_client import Counter

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.ids import is_id
from cashback.kernel.listing import Stretch, id_place
from cashback.kernel.mistakes import first_of
from cashback.purchases.model import Outcome, Recorded, Refused, Unstorable
from cashback.purchases.model.refunds import NewRefund, RefundAnswer, RefundUnknown
from cashback.purchases.rules import problem_of_key, problem_of_refund
from cashback.purchases.service.alone import do_alone
from cashback.purchases.service.once import Once, Result, outcome_of
from cashback.purchases.service.parked_answers import read_refund, unapplied_answer
from cashback.purchases.service.patience import Patience
from cashback.purchases.service.refunding import Refunding
from cashback.purchases.store import listing
from cashback.purchases.store import refunds as store

BATCH_MAX: Final = 100
COMMANDS: Final = Counter("cashback_purchases_refunds_total", "Refunds by what came of them.", ["outcome"])


class Refunds:
    """Makes refunds, and tells of them."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Work on `database`."""
        self._database = database
        self._clock = clock

    async def refund(self, refunds: Sequence[NewRefund]) -> list[Outcome]:
        """Make each refund once and return its outcome, in order; what was made before is answered as then.

        The answer is a `RefundAnswer`. One that is refused harms no other. A hundred are one transaction.

        Raises:
            DatabaseUnavailable: it is unknown whether they were made; the same call again finds out.
        """
        outcomes: list[Outcome] = []
        for start in range(0, len(refunds), BATCH_MAX):
            outcomes += await self._refund(refunds[start : start + BATCH_MAX])
        return outcomes

    async def refund_one(self, refund: NewRefund) -> Outcome:
        """Make one refund, as `refund` does."""
        return (await self._refund([refund]))[0]

    async def show(self, refund_id: str, *, merchant_id: str | None) -> RefundAnswer:
        """Return a refund as it was applied, or how it waits; only that merchant's, unless it is None.

        Raises:
            RefundUnknown: there is none.
        """
        if not is_id(refund_id, "rfd"):
            raise RefundUnknown("there is no such refund", parameter="refund_id")
        async with self._database.transaction() as tx:
            found = await read_refund(tx, refund_id, merchant_id=merchant_id, now=self._clock.now())
        if found is None:
            raise RefundUnknown("there is no such refund", parameter="refund_id")
        return found

    async def parked(self, merchant_id: str | None, stretch: Stretch) -> tuple[list[RefundAnswer], str | None]:
        """Return a page by id of refunds whose purchase has not come, came too late, or refused them.

        And the place of the next one. Only that merchant's, or all when it is None.

        Raises:
            CursorInvalid: the place is none of ours.
        """
        behind = id_place(stretch.place, "rfd")
        async with self._database.transaction() as tx:
            ids, place = await listing.parked(tx, merchant_id, order=stretch.order, behind=behind, limit=stretch.limit)
            found = await store.read_parked(tx, ids) if ids else {}
        now = self._clock.now()
        # What was applied between the two is told among those that were.
        return [unapplied_answer(*found[id_], now=now) for id_ in ids if id_ in found], place

    async def _refund(self, refunds: Sequence[NewRefund]) -> list[Outcome]:
        """Make at most one batch."""
        problems = [first_of(problem_of_key(refund), problem_of_refund(refund)) for refund in refunds]
        sound = [refund for refund, problem in zip(refunds, problems, strict=True) if problem is None]
        patience = Patience()
        results = await self._do(sound, patience)
        # Its name was given to another refund at that very moment; by now that can be seen, and said.
        again = {place: sound[place] for place, result in enumerate(results) if isinstance(result, Unstorable)}
        for place, refund in again.items():
            results[place] = (await self._do([refund], patience))[0]
        done = iter([outcome_of(result) for result in results])
        outcomes: list[Outcome] = [Refused(problem) if problem else next(done) for problem in problems]
        for outcome in outcomes:
            COMMANDS.labels(_name_of(outcome)).inc()
        return outcomes

    async def _do(self, refunds: Sequence[NewRefund], patience: Patience) -> list[Result]:
        """Make sound refunds in one transaction."""
        now = self._clock.now()
        refunding, patience_ms = partial(Refunding, now), patience.left_ms
        with patience.spent():
            if len(refunds) == 1:
                return [await do_alone(self._database, refunding, refunds[0], now=now, patience_ms=patience_ms)]
            return await Once(self._database, refunding, now=now, patience_ms=patience_ms).do(refunds)


def _name_of(outcome: Outcome) -> str:
    """Return what came of a refund, in a word for the metrics."""
    match outcome:
        case Recorded(is_replay=is_replay):
            return "replayed" if is_replay else "made"
        case Refused(error=error):
            return error.code
