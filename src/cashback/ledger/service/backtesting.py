"""Backtests: recorded purchases decided by other rules, streamed from one state of the database; nothing is stored.

cursor ──chunk──▶ earners, any number of them, a few chunks ahead ──▶ chunks taken in order ──▶ Tally ──▶ the story

Chunks are handed out in turn and taken back in order, so how many earners there are changes how long it takes, and
nothing else. At most `AHEAD` chunks an earner are held at a time.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.db import Database, Tx, long_statements
from cashback.kernel.errors import Broken
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.seats import Seats
from cashback.ledger.model.backtests import (
    LARGEST_MAX,
    Backtest,
    BacktestInterrupted,
    BacktestInvalid,
    BacktestStory,
    BacktestTooLarge,
    Kept,
    Prospect,
    Start,
    Trial,
)
from cashback.ledger.model.engine import Published
from cashback.ledger.model.programmes import Programme, ProgrammeUnknown
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.model.terms import CampaignTerms
from cashback.ledger.rules.backtesting import Tally, prospect, slim
from cashback.ledger.rules.engine import asks_for_past, canonical, rules_of
from cashback.ledger.rules.linting import check_ruleset
from cashback.ledger.rules.programme import facts_of
from cashback.ledger.service.tried import named, paying_of
from cashback.ledger.store import backtests as store
from cashback.ledger.store import programmes, terms

AHEAD: Final = 2
CHUNK: Final = 500
WITHIN_S: Final = 900
"""How long a backtest may take: its snapshot keeps the server from tidying up meanwhile."""

STATEMENT_WITHIN_S: Final = 120

SEATS_MAX: Final = 8
"""How many may be asked for at a time in a process, the one that runs and those that wait for their turn."""

SEATS_OF_ONE: Final = 2
"""How many of them may be one party's."""

Earner: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Takes the first step for an encoded chunk of `Kept`, and returns an encoded list of `Prospect`, None for some."""

Earners: TypeAlias = Callable[[Trial], AbstractAsyncContextManager[Sequence[Earner]]]
"""Makes ready so many of them for the rules of one trial, and ends them."""

Reached: TypeAlias = Callable[[int, int], None]
"""Is told how many purchases of how many are done."""

_chunks: Final = msgspec.msgpack.Decoder(list[Kept])
_prospects: Final = msgspec.msgpack.Decoder(list[Prospect | None])


def earn_chunk(data: bytes, trial: Trial) -> bytes:
    """Return the prospects of an encoded chunk, encoded."""
    found = (prospect(kept, trial) for kept in _chunks.decode(data))
    return msgspec.msgpack.encode([slim(each) if each is not None else None for each in found])


@asynccontextmanager
async def here(trial: Trial) -> AsyncIterator[Sequence[Earner]]:
    """Yield one earner that works in this process, giving way to others before each chunk."""

    async def earn(data: bytes) -> bytes:
        """Return the prospects of a chunk."""
        await asyncio.sleep(0)
        return earn_chunk(data, trial)

    yield [earn]


class Backtests:
    """Tries rules on what was bought; any role that may select may ask, one backtest at a time."""

    def __init__(self, database: Database, *, earners: Earners = here, chunk: int = CHUNK) -> None:
        """Read from `database`, so many purchases at a time."""
        self._database, self._earners, self._chunk = database, earners, chunk
        self._turn = asyncio.Lock()
        self._seats = Seats("backtests")

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have a backtest be one of few that run or wait, and of fewer that a party has.

        Raises:
            Overloaded: so many do.
        """
        return self._seats.taken(party, most=SEATS_MAX, of_one=SEATS_OF_ONE)

    async def run(self, asked: Backtest, *, most: int, reached: Reached) -> BacktestStory:
        """Return what the purchases of a window would have cost; `most` of them at the most.

        Purchases are taken in the order of recording. Users' and merchants' counters begin at nothing; budgets begin
        with what they held when the window began, and all that was funded since. What refunds gave back is left out
        and told, and so is how many purchases no programme took.

        Raises:
            DraftUnknown, RulesetUnknown, ProgrammeUnknown: there is no such one.
            RulesetInvalid: the rules could not be published.
            BacktestInvalid, BacktestTooLarge: the window ends before it starts, or holds too many purchases.
            BacktestInterrupted: it took longer than `WITHIN_S`, or a process that helps has ended.
        """
        _check(asked)
        try:
            async with asyncio.timeout(WITHIN_S), self._turn, self._database.transaction() as tx:
                await store.read_only(tx)
                await store.patient(tx)
                async with long_statements(tx, within_s=STATEMENT_WITHIN_S):
                    return await self._run(tx, asked, most=most, reached=reached)
        except TimeoutError as cause:
            raise BacktestInterrupted(f"a backtest takes at most {WITHIN_S} s: look at a shorter window") from cause

    async def _run(self, tx: Tx, asked: Backtest, *, most: int, reached: Reached) -> BacktestStory:
        """Return the story, all of it read in `tx`."""
        programme, ruleset = await _ruleset(tx, asked)
        known = (await terms.campaigns(tx, [programme.id])).get(programme.id, {})
        check_ruleset(ruleset.rules, facts_of(programme), sorted(known))
        since, until = asked.since, asked.until
        total = await store.count(tx, programme.id, since=since, until=until, most=most + 1)
        if total > most:
            raise BacktestTooLarge(f"a backtest takes at most {most} purchases here", pointer="/until")
        others = await store.without_programme(tx, since=since, until=until)
        tally = Tally(ruleset, await _start(tx, known, since=since, until=until), largest=asked.largest)
        reached(0, total)
        passed_over, done, last = 0, 0, 0
        async with (
            self._earners(Trial(ruleset=ruleset, campaigns=known)) as earners,
            aclosing(store.stream(tx, programme.id, since=since, until=until, chunk=self._chunk)) as chunks,
            aclosing(in_order(chunks, earners)) as prospects,
        ):
            async for found in prospects:
                for each in found:
                    if each is None:
                        passed_over += 1
                        continue
                    if each.position <= last:
                        raise Broken("purchases came out of order", position=each.position)
                    last = each.position
                    tally.take(each)
                done += len(found)
                reached(done, total)
        unknown = await _past_unknown(tx, ruleset, tally)
        return _story(asked, programme, tally, passed_over=passed_over, past_unknown=unknown, without_programme=others)


async def in_order(
    chunks: AsyncIterator[list[Kept]], earners: Sequence[Earner]
) -> AsyncGenerator[list[Prospect | None]]:
    """Yield what the earners make of each chunk, in the order of the chunks; few of them are held at a time."""
    waiting: deque[asyncio.Future[bytes]] = deque()
    place = 0
    try:
        async for chunk in chunks:
            earner = earners[place % len(earners)]
            waiting.append(asyncio.ensure_future(earner(msgspec.msgpack.encode(chunk))))
            place += 1
            if len(waiting) >= AHEAD * len(earners):
                yield _prospects.decode(await waiting.popleft())
        while waiting:
            yield _prospects.decode(await waiting.popleft())
    finally:
        for left in waiting:
            left.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _check(asked: Backtest) -> None:
    """Return when what is asked is within its bounds.

    Raises:
        BacktestInvalid: it is not.
    """
    for pointer, told in (("/since", asked.since), ("/until", asked.until)):
        if told is not None and not is_in_range(told):
            raise BacktestInvalid(WANTED, pointer=pointer)
    if asked.since is not None and asked.until is not None and asked.until <= asked.since:
        raise BacktestInvalid("the window must end after it starts", pointer="/until")
    if not 1 <= asked.largest <= LARGEST_MAX:
        raise BacktestInvalid(f"the largest 1 to {LARGEST_MAX} changes are told", pointer="/largest")


async def _ruleset(tx: Tx, asked: Backtest) -> tuple[Programme, Published]:
    """Return the rules to be tried with their programme.

    Raises:
        DraftUnknown, RulesetUnknown, ProgrammeUnknown: there is no such one.
    """
    programme_id, rules = await _named(tx, asked)
    programme = await programmes.read(tx, programme_id=programme_id)
    if programme is None:
        raise ProgrammeUnknown("there is no such programme", pointer="/programme_id")
    digest = hashlib.sha256(canonical(rules)).hexdigest()
    return programme, Published(id=asked.ruleset, version=0, digest=digest, rules=rules)


async def _named(tx: Tx, asked: Backtest) -> tuple[str, Rules]:
    """Return what was handed over, or a draft or version, which its id tells apart, with its programme's id.

    Raises:
        DraftUnknown, RulesetUnknown: there is none.
    """
    if asked.document is not None and asked.programme_id is not None:
        return asked.programme_id, asked.document
    tried = await named(tx, asked.ruleset, parameter="ruleset_id")
    return tried.programme_id, rules_of(tried.document)


async def _past_unknown(tx: Tx, ruleset: Published, tally: Tally) -> int:
    """Return how many purchases were decided by rules that asked nothing of the past, where those tried do."""
    if not asks_for_past(ruleset):
        return 0
    named = sorted(tally.by_ruleset)
    asking = {each.id for each in await terms.rulesets(tx, named) if asks_for_past(each)}
    return sum(count for name, count in tally.by_ruleset.items() if name not in asking)


async def _start(
    tx: Tx, known: Mapping[str, CampaignTerms], *, since: datetime | None, until: datetime | None
) -> Start:
    """Return where the counting begins."""
    held = await store.budgets(tx, sorted(known), since=since, until=until)
    paying = paying_of(known.values(), {name: budget for name, (budget, _) in held.items()})
    return Start(paying=paying, given_back={name: back for name, (_, back) in held.items() if back})


def _story(
    asked: Backtest, programme: Programme, tally: Tally, *, passed_over: int, past_unknown: int, without_programme: int
) -> BacktestStory:
    """Return what a tally has come to, in words that leave the house."""
    return BacktestStory(
        ruleset=asked.ruleset,
        programme_id=programme.id,
        currency=programme.currency.code,
        since=asked.since,
        until=asked.until,
        purchases=tally.purchases,
        passed_over=passed_over,
        past_unknown=past_unknown,
        without_programme=without_programme,
        given_back_minor=str(tally.given_back),
        recorded_minor=str(tally.recorded),
        draft_minor=str(tally.draft),
        difference_minor=str(tally.draft - tally.recorded),
        by_purchase=tally.by_purchase,
        by_user=tally.by_user,
        by_merchant=tally.by_merchant,
        campaigns=tally.campaigns(),
        reasons=tally.reasons(),
        limits=tally.limits(),
        largest_rises=tally.rises(),
        largest_falls=tally.falls(),
        user_rises=tally.user_rises(),
        user_falls=tally.user_falls(),
    )
