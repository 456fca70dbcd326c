"""Every command once: the one mechanism behind each idempotency key (I7).

screen ──▶ reserve the keys ──▶ apply what is fresh ──▶ store the answers ──▶ announce ──▶ commit
   │            ├ known ──▶ the stored answer again, or "reused with another request"
   │            │    └ forgotten ──▶ made anew once this has committed, of what it made
   │            └ held by another process ──▶ refused as busy, every repeat of it in the batch at once
   └ names what does not exist ──▶ refused, nothing stored

A batch is one transaction. When a row of one command is refused by the database, it is split and decided anew; when a
key is held elsewhere for longer than our patience, it is done anew without the keys that are held. So nobody pays for a
neighbour, and nobody waits for somebody else's key twice.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec
from prometheus_client import Counter

from cashback.kernel.db import LOCK_TIMEOUT_MS, Database, Tx
from cashback.kernel.errors import Broken, CashbackError, Rejected
from cashback.kernel.failpoints import reach
from cashback.purchases.model import Command, KeyBusy, KeyReused, Outcome, Recorded, Refused, Unstorable
from cashback.purchases.rules import deed_of, fingerprint
from cashback.purchases.service.rebuilding import REBUILDERS, Forgotten, Rebuilder, rebuild
from cashback.purchases.store import idempotency
from cashback.purchases.store.idempotency import Answered, Asked, Given, Key, owned_key

HASTY_MS: Final = 250
"""How long a batch waits for a key that another process holds, before it is done without that key."""

PROBE_MS: Final = 2
"""How long it waits for each of its keys, or some of them together, while it finds out which are held."""

PATIENT_MS: Final = LOCK_TIMEOUT_MS
"""How long a command that has nobody beside it waits for the first answer to its key."""

KEY_WAITS: Final = Counter(
    "cashback_purchases_key_waits_total",
    "Waits for idempotency keys of other processes that were given up.",
    ["patience"],
)

C = TypeVar("C", bound=Command)
C_contra = TypeVar("C_contra", bound=Command, contravariant=True)

Reserve: TypeAlias = Callable[[Tx, Mapping[Key, Asked]], Awaitable["_Reserved"]]
"""Reserves the keys of a batch, with what they are to stand for."""

Result: TypeAlias = Outcome | CashbackError
"""An outcome, or the failure that kept one command of a batch from having one."""


async def _nothing(tx: Tx) -> None:
    """Publish nothing."""
    del tx


class Applied(msgspec.Struct, frozen=True):
    """What applying commands came to, and what is to be published as the last act.

    For each there is an answer, and the id of what it is `about`: what was made or changed, None where there is none.
    """

    answers: list[bytes]
    about: Sequence[str | None]
    announce: Callable[[Tx], Awaitable[None]] = _nothing


class _Reserved(msgspec.Struct, frozen=True):
    """What became of the keys of a batch: ours to use, standing for an answer, or held by another process."""

    fresh: set[Key]
    answered: dict[Key, Answered]
    busy: set[Key]


class Operation(Protocol[C_contra]):
    """What is done with commands of one kind; an instance serves one transaction."""

    async def screen(self, tx: Tx, commands: Sequence[C_contra]) -> list[Rejected | None]:
        """Return for each command what keeps it from being done at all, or None."""
        ...

    async def apply(self, tx: Tx, commands: Sequence[C_contra]) -> Applied:
        """Do the commands, none of which was done before or refused."""
        ...


class Once(Generic[C]):
    """Does commands of one kind as of one instant, each once."""

    def __init__(
        self,
        database: Database,
        operation: Callable[[], Operation[C]],
        *,
        now: datetime,
        patience_ms: int = HASTY_MS,
        rebuilders: Mapping[str, Rebuilder] = REBUILDERS,
    ) -> None:
        """Make a fresh `operation` for each transaction on `database`; what was forgotten is made by `rebuilders`."""
        self._database = database
        self._operation = operation
        self._now = now
        self._patience_ms = patience_ms
        self._rebuilders = rebuilders

    async def do(self, commands: Sequence[C]) -> list[Result]:
        """Return a result for each command, in order; what was done before is answered as it was then.

        Commands that share a key with another one of the batch are repeats of the first. A key that another process
        holds for longer than our patience is refused as busy, its repeats with it. Nothing is raised but bugs.
        """
        return await self._attempt(commands, self._reserved_together) if commands else []

    async def _attempt(self, commands: Sequence[C], reserve: Reserve) -> list[Result]:
        """Do a batch, and when one of it is in the way of the others, do it again without that one."""
        try:
            return await self._transact(commands, reserve)
        except KeyBusy as error:
            KEY_WAITS.labels("whole").inc()
            if len({owned_key(command) for command in commands}) == 1:
                return [Refused(error)] * len(commands)
            return await self._attempt(commands, self._reserved_apart)
        except Unstorable as error:
            if len(commands) == 1:
                return [error]
            middle = len(commands) // 2
            return await self._attempt(commands[:middle], reserve) + await self._attempt(commands[middle:], reserve)
        except CashbackError as error:
            return [error] * len(commands)

    async def _transact(self, commands: Sequence[C], reserve: Reserve) -> list[Result]:
        """Do a batch in one transaction; what was forgotten of it is made anew in another one, after that."""
        operation = self._operation()
        asked = [Asked(fingerprint(command), command.key_id, deed_of(command)) for command in commands]
        async with self._database.transaction() as tx:
            with idempotency.storing():
                refusals = await operation.screen(tx, commands)
                firsts = _firsts(commands, refusals)
                reserved = await reserve(tx, {key: asked[place] for key, place in firsts.items()})
                doing = {key: commands[place] for key, place in firsts.items() if key in reserved.fresh}
                announce, answers = await _do(tx, operation, doing)
            # A refused row would be one command's fault; an outbox that takes no event is nobody's.
            await announce(tx)
            if doing:
                reach("commands.committing")
        if doing:
            reach("commands.committed")
        answered = reserved.answered | {
            key: Answered(asked[firsts[key]].fingerprint, answer) for key, answer in answers.items()
        }
        begun = {firsts[key] for key in doing}
        anew = await _anew(self._database, reserved.answered, rebuilders=self._rebuilders, now=self._now)
        return [
            Refused(refusal)
            if refusal
            else _result(answered.get(key), one.fingerprint, is_new=place in begun, anew=anew.get(key))
            for place, (key, refusal, one) in enumerate(zip(map(owned_key, commands), refusals, asked, strict=True))
        ]

    async def _reserved_together(self, tx: Tx, asked: Mapping[Key, Asked]) -> _Reserved:
        """Reserve the keys in one statement.

        Raises:
            KeyBusy: another process has held one of them for longer than our patience; `tx` is spoilt.
        """
        fresh = await idempotency.reserve(tx, asked, at=self._now, patience_ms=self._patience_ms) if asked else set()
        return await _with_known(tx, asked, fresh=fresh, busy=set())

    async def _reserved_apart(self, tx: Tx, asked: Mapping[Key, Asked]) -> _Reserved:
        """Reserve the keys that nobody else holds, by one statement."""
        if not asked:
            return await _with_known(tx, asked, fresh=set(), busy=set())
        found = await idempotency.reserve_free(tx, asked, at=self._now, patience_ms=PROBE_MS)
        KEY_WAITS.labels("probe").inc(found.waits)
        return await _with_known(tx, asked, fresh=found.fresh, busy=found.busy)


async def answered(database: Database, command: Command, *, now: datetime) -> Outcome | None:
    """Return what a command's key stands for, None when for nothing yet; nothing is reserved.

    For who has something to ask of the world before a command is done, and nothing when it was done before.

    Raises:
        CashbackError: it was done so long ago that its answer is forgotten, and cannot be made anew right now.
    """
    key = owned_key(command)
    async with database.transaction() as tx:
        found = await idempotency.read(tx, [key])
    if key not in found:
        return None
    anew = await _anew(database, found, rebuilders=REBUILDERS, now=now)
    return outcome_of(_result(found[key], fingerprint(command), is_new=False, anew=anew.get(key)))


def outcome_of(result: Result) -> Outcome:
    """Return what came of a command.

    Raises:
        CashbackError: it failed, or was refused only while it was done.
    """
    if isinstance(result, CashbackError):
        raise result
    return result


def done_or_refused(result: Result) -> Outcome:
    """Return what came of a command; one that was refused while it was done is refused as any other.

    Raises:
        CashbackError: it failed.
    """
    return Refused(result) if isinstance(result, Rejected) else outcome_of(result)


async def but_known(tx: Tx, commands: Sequence[Command], problems: Sequence[Rejected | None]) -> list[Rejected | None]:
    """Return the problems of commands that were not done before; what was done is answered as it was.

    Asked once all is held that is held before keys: whoever was ahead of us has its key in there by now.
    """
    met = [owned_key(command) for command, problem in zip(commands, problems, strict=True) if problem is not None]
    known = await idempotency.known(tx, met) if met else set()
    return [
        None if owned_key(command) in known else problem for command, problem in zip(commands, problems, strict=True)
    ]


def _firsts(commands: Sequence[Command], refusals: Sequence[Rejected | None]) -> dict[Key, int]:
    """Return for each key the place of the first command that has it and is not refused."""
    firsts: dict[Key, int] = {}
    for place, command in enumerate(commands):
        if refusals[place] is None:
            firsts.setdefault(owned_key(command), place)
    return firsts


async def _with_known(tx: Tx, keys: Iterable[Key], *, fresh: set[Key], busy: set[Key]) -> _Reserved:
    """Return what became of the keys, reading what the others stand for."""
    known = [key for key in keys if key not in fresh and key not in busy]
    return _Reserved(fresh=fresh, answered=await idempotency.read(tx, known) if known else {}, busy=busy)


async def _do(
    tx: Tx, operation: Operation[C], doing: Mapping[Key, C]
) -> tuple[Callable[[Tx], Awaitable[None]], dict[Key, bytes]]:
    """Apply fresh commands and store their answers; return what is left to publish, and the answers."""
    if not doing:
        return _nothing, {}
    applied = await operation.apply(tx, list(doing.values()))
    answers = dict(zip(doing, applied.answers, strict=True))
    given = [Given(*one) for one in zip(applied.answers, applied.about, strict=True)]
    await idempotency.answer(tx, dict(zip(doing, given, strict=True)))
    return applied.announce, answers


async def _anew(
    database: Database, answered: Mapping[Key, Answered], *, rebuilders: Mapping[str, Rebuilder], now: datetime
) -> dict[Key, bytes | CashbackError]:
    """Return the answers of those keys whose own were forgotten, or why there is none."""
    keys = [key for key, one in answered.items() if one.answer is None]
    if not keys:
        return {}
    forgotten = [Forgotten(answered[key].what, answered[key].resource) for key in keys]
    return dict(zip(keys, await rebuild(database, forgotten, rebuilders=rebuilders, now=now), strict=True))


def _result(answered: Answered | None, print_: bytes, *, is_new: bool, anew: bytes | CashbackError | None) -> Result:
    """Return what came of a command whose key stands for `answered`, or for nothing yet; `anew` if it was forgotten."""
    if answered is None:
        return Refused(KeyBusy("the first request under this key is still being answered"))
    if answered.fingerprint != print_:
        return Refused(KeyReused("this key was used with another request", parameter="Idempotency-Key"))
    if answered.answer is not None:
        return Recorded(answer=answered.answer, is_replay=not is_new)
    if isinstance(anew, bytes):
        return Recorded(answer=anew, is_replay=True, is_rebuilt=True)
    return anew or Broken("a key is stored without its answer")
