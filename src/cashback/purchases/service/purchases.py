"""Recording purchases: the one way in, for a request, a bulk and a file alike."""

import asyncio
import collections
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback import ledger
from cashback.kernel.clock import Clock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.mistakes import first_of
from cashback.purchases.model import NewPurchase, Outcome, Purchase, PurchaseUnknown, Recorded, Refused
from cashback.purchases.rules import problem_of_key, problem_of_purchase
from cashback.purchases.service.committer import GroupCommitter, Limits
from cashback.purchases.service.first_answers import FirstAnswers, is_busy
from cashback.purchases.service.naming import is_outpaced
from cashback.purchases.service.once import HASTY_MS, Once, Result, outcome_of
from cashback.purchases.service.patience import Patience
from cashback.purchases.service.recording import Recording
from cashback.purchases.store import purchases as store

DEFAULT_LIMITS: Final = Limits()
TRIES_MAX: Final = 10
"""How often purchases are tried while others take their names; the second time they see who did."""

SPLIT_INTO: Final = 4
"""Into how many times more transactions each try parts those with names: the sixth has each of 500 by itself."""

COMMANDS: Final = Counter("cashback_purchases_commands_total", "Purchases by what came of them.", ["outcome"])


class Purchases:
    """Records purchases in batches, and reads them."""

    def __init__(self, database: Database, *, clock: Clock, limits: Limits = DEFAULT_LIMITS) -> None:
        """Record into `database`; `close` before the process ends."""
        self._database = database
        self._clock = clock
        self._rulesets = ledger.PublishedRulesets()
        self.batch_max = limits.batch_max
        self._committer: GroupCommitter[NewPurchase, Outcome] = GroupCommitter(self._commit, limits)
        self._first_answers: FirstAnswers[NewPurchase] = FirstAnswers(self._insist, self._again)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, database: Database, *, clock: Clock, limits: Limits = DEFAULT_LIMITS
    ) -> AsyncIterator["Purchases"]:
        """Yield the recorder, and let what is under way end with the block."""
        purchases = cls(database, clock=clock, limits=limits)
        try:
            yield purchases
        finally:
            await purchases.close()

    async def record(self, purchases: Sequence[NewPurchase]) -> list[Outcome]:
        """Record each purchase once and return its outcome, in order; what was recorded before is answered as then.

        Callers that come together are committed together. A purchase that is refused harms no other. Keys that other
        processes hold are waited for, all of them together no longer than one.

        Raises:
            Overloaded: too many are waiting.
            DatabaseUnavailable: it is unknown whether they were recorded; the same call again finds out.
        """
        outcomes: list[Outcome] = []
        patience = Patience()
        for start in range(0, len(purchases), self.batch_max):
            outcomes += await self._record(purchases[start : start + self.batch_max], patience)
        return outcomes

    async def record_one(self, purchase: NewPurchase) -> Outcome:
        """Record one purchase, as `record` does."""
        now = self._clock.now()
        if problem := _problem(purchase, now):
            return Refused(problem)
        return await self._outcome(_arrived(purchase, now), Patience())

    async def record_promptly(self, purchases: Sequence[NewPurchase]) -> list[Outcome]:
        """Record at most one batch as `record` does, but say at once which keys another process holds.

        Raises:
            Overloaded: too many are waiting.
            DatabaseUnavailable: it is unknown whether they were recorded; the same call again finds out.
        """
        problems, sound = self._sorted(purchases)
        outcomes = iter(await self._committer.submit(sound) if sound else [])
        return [Refused(problem) if problem else next(outcomes) for problem in problems]

    def is_awaited(self, purchase: NewPurchase) -> bool:
        """Tell whether somebody waits for the key of a purchase already, which another process holds."""
        return self._first_answers.is_awaited(purchase)

    async def record_late(self, purchase: NewPurchase, patience: Patience) -> Outcome:
        """Record a sound purchase as soon as the process that holds its key lets go of it, or say that it does not.

        Raises:
            Overloaded: too many are waiting.
            DatabaseUnavailable: it is unknown whether it was recorded; the same call again finds out.
        """
        with patience.spent():
            return await self._late(_arrived(purchase, self._clock.now()), patience)

    async def purchase(self, purchase_id: str) -> Purchase:
        """Return one purchase.

        Raises:
            PurchaseUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            found = await store.read(tx, purchase_id)
        if found is None:
            raise PurchaseUnknown("there is no such purchase", parameter="purchase_id")
        return found

    async def close(self) -> None:
        """Turn newcomers away and return when everything under way is answered, or cancelled because it is late."""
        await self._committer.close()
        await self._first_answers.close()

    def _sorted(self, purchases: Sequence[NewPurchase]) -> tuple[list[Rejected | None], list[NewPurchase]]:
        """Return what is wrong with each, and those that are sound: what is unsound never waits for anything."""
        now = self._clock.now()
        problems = [_problem(purchase, now) for purchase in purchases]
        sound = [_arrived(purchase, now) for purchase, problem in zip(purchases, problems, strict=True) if not problem]
        return problems, sound

    async def _record(self, purchases: Sequence[NewPurchase], patience: Patience) -> list[Outcome]:
        """Record at most one batch."""
        problems, sound = self._sorted(purchases)
        outcomes = iter(await self._outcomes(sound, patience))
        return [Refused(problem) if problem else next(outcomes) for problem in problems]

    async def _outcome(self, purchase: NewPurchase, patience: Patience) -> Outcome:
        """Record a sound purchase; one whose key another process holds waits away from the batches.

        Raises:
            CashbackError: recording it failed.
        """
        if not self._first_answers.is_awaited(purchase):
            begun_s = monotonic_s()
            (outcome,) = await self._committer.submit([purchase])
            if not is_busy(outcome):
                return outcome
            patience.spend_since(begun_s)
        return await self._late(purchase, patience)

    async def _outcomes(self, purchases: Sequence[NewPurchase], patience: Patience) -> list[Outcome]:
        """Record sound purchases together, each as `_outcome` does.

        Raises:
            CashbackError: recording one of them failed.
        """
        begun_s = monotonic_s()
        awaited = [self._first_answers.is_awaited(purchase) for purchase in purchases]
        prompt = [purchase for purchase, is_awaited in zip(purchases, awaited, strict=True) if not is_awaited]
        done = iter(await self._committer.submit(prompt) if prompt else [])
        outcomes = [None if is_awaited else next(done) for is_awaited in awaited]
        busy = [place for place, outcome in enumerate(outcomes) if outcome is None or is_busy(outcome)]
        late: Iterator[Outcome] = iter(())
        if busy:
            patience.spend_since(begun_s)
            with patience.spent():
                late = iter(await asyncio.gather(*[self._late(purchases[place], patience) for place in busy]))
        return [next(late) if outcome is None or is_busy(outcome) else outcome for outcome in outcomes]

    async def _late(self, purchase: NewPurchase, patience: Patience) -> Outcome:
        """Return the outcome of a purchase whose key another process holds, or held.

        Raises:
            CashbackError: recording it failed.
        """
        return outcome_of(await self._first_answers.result(purchase, within_s=patience.left_s))

    async def _insist(self, purchase: NewPurchase, *, patience_ms: int) -> Result:
        """Record one purchase by itself, waiting so long for its key."""
        return (await self._commit([purchase], patience_ms=patience_ms))[0]

    async def _again(self, purchase: NewPurchase) -> Result:
        """Record one purchase with whoever else comes."""
        return (await self._committer.submit([purchase]))[0]

    async def _commit(self, purchases: Sequence[NewPurchase], patience_ms: int = HASTY_MS) -> list[Result]:
        """Commit one batch; what was outpaced by another purchase of its name is done again, and told which.

        One that is outpaced takes its transaction with it. So each try has fewer of them beside each other, and those
        without a name, which nobody outpaces, among themselves. Who waits long for a key does so once.
        """
        until_s = monotonic_s() + patience_ms / 1_000
        results = await self._do(purchases, patience_ms)
        for tries in range(1, TRIES_MAX):
            if not any(map(is_outpaced, results)):
                break
            for places in _parted(purchases, results, SPLIT_INTO**tries):
                left_ms = max(int((until_s - monotonic_s()) * 1_000), HASTY_MS)
                done = await self._do([purchases[place] for place in places], left_ms)
                for place, result in zip(places, done, strict=True):
                    results[place] = result
        results = [_outpaced() if is_outpaced(result) else result for result in results]
        for name, count in collections.Counter(map(_name, results)).items():
            COMMANDS.labels(name).inc(count)
        return results

    async def _do(self, purchases: Sequence[NewPurchase], patience_ms: int) -> list[Result]:
        """Record purchases in one transaction, or what it takes to keep their neighbours out of it."""
        now = self._clock.now()
        recording = partial(Recording, now, self._rulesets)
        return await Once(self._database, recording, now=now, patience_ms=patience_ms).do(purchases)


def _problem(purchase: NewPurchase, now: datetime) -> Rejected | None:
    """Return what is wrong with a purchase as it stands, or None."""
    return first_of(
        problem_of_key(purchase), problem_of_purchase(purchase, now=now), _problem_of_currency(purchase.currency)
    )


def _problem_of_currency(code: str) -> Rejected | None:
    """Return what is wrong with a currency that something was paid in."""
    if ledger.currency_of(code) is not None:
        return None
    if (month := ledger.withdrawn_in(code)) is not None:
        return ledger.CurrencyWithdrawn(f"{code} was withdrawn in {month}", pointer="/currency")
    return ledger.CurrencyUnknown("the currency is no code of ISO 4217", pointer="/currency")


def _parted(purchases: Sequence[NewPurchase], results: Sequence[Result], parts: int) -> list[list[int]]:
    """Return the places of what was outpaced: those without a name, and the others in so many parts."""
    places = [place for place, result in enumerate(results) if is_outpaced(result)]
    unnamed = [place for place in places if purchases[place].reference is None]
    named = [place for place in places if purchases[place].reference is not None]
    return [part for part in (unnamed, *(named[start::parts] for start in range(min(parts, len(named))))) if part]


def _outpaced() -> Unavailable:
    """Return what is told of a purchase that was tried so often and is still outpaced."""
    return Unavailable("others take this reference again and again; ask again under the same key")


def _name(result: Result) -> str:
    """Return what came of a purchase, in a word for the metrics."""
    match result:
        case Recorded(is_replay=is_replay):
            return "replayed" if is_replay else "recorded"
        case Refused(error=error):
            return error.code
        case _:
            return result.code


def _arrived(purchase: NewPurchase, now: datetime) -> NewPurchase:
    """Return a sound purchase with its time of arrival, and its own time in UTC: one instant has one fingerprint."""
    return msgspec.structs.replace(
        purchase, occurred_at=purchase.occurred_at.astimezone(UTC), received_at=purchase.received_at or now
    )
