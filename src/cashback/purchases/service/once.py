"""Every command once: the one mechanism behind each idempotency key (I7).

screen ──▶ reserve the keys ──▶ apply what is fresh ──▶ store the answers ──▶ announce ──▶ commit
   │            └ known ──▶ the stored answer again, or "reused with another request"
   └ names what does not exist ──▶ refused, nothing stored

A batch is one transaction. When it fails for a reason of one command, it is split and decided anew, so that nobody pays
for a neighbour.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeAlias, TypeVar

import msgspec

from cashback.kernel.db import LOCK_TIMEOUT_MS, Database, Tx
from cashback.kernel.errors import CashbackError, Rejected
from cashback.purchases.model import Command, KeyBusy, KeyReused, Outcome, Recorded, Refused, Unstorable
from cashback.purchases.rules import fingerprint
from cashback.purchases.store import idempotency
from cashback.purchases.store.idempotency import Answered, Key

PATIENCE_IN_BATCH_MS: Final = 250
"""How long a batch waits for a key that another process holds before it is split; a lone command waits for longer."""

C = TypeVar("C", bound=Command)
C_contra = TypeVar("C_contra", bound=Command, contravariant=True)

Result: TypeAlias = Outcome | CashbackError
"""An outcome, or the failure that kept one command of a batch from having one."""


class Applied(msgspec.Struct, frozen=True):
    """What applying commands came to: an answer for each, and what is to be published as the last act."""

    answers: list[bytes]
    announce: Callable[[Tx], Awaitable[None]]


class Operation(Protocol[C_contra]):
    """What is done with commands of one kind; an instance serves one transaction."""

    async def screen(self, tx: Tx, commands: Sequence[C_contra]) -> list[Rejected | None]:
        """Return for each command what keeps it from being done at all, or None."""
        ...

    async def apply(self, tx: Tx, commands: Sequence[C_contra]) -> Applied:
        """Do the commands, none of which was done before or refused."""
        ...


async def once(
    database: Database, operation: Callable[[], Operation[C]], commands: Sequence[C], *, now: datetime
) -> list[Result]:
    """Return a result for each command, in order; what was done before is answered as it was then.

    Commands that share a key with another one of the batch are repeats of the first. Nothing is raised but bugs.
    """
    if not commands:
        return []
    try:
        return list(await _transact(database, operation(), commands, now))
    except (KeyBusy, Unstorable) as error:
        if len(commands) == 1:
            return [Refused(error) if isinstance(error, KeyBusy) else error]
        middle = len(commands) // 2
        first = await once(database, operation, commands[:middle], now=now)
        return first + await once(database, operation, commands[middle:], now=now)
    except CashbackError as error:
        return [error] * len(commands)


async def _transact(database: Database, operation: Operation[C], commands: Sequence[C], now: datetime) -> list[Outcome]:
    """Do a batch in one transaction."""
    prints = [fingerprint(command) for command in commands]
    async with database.transaction() as tx:
        with idempotency.storing():
            refusals = await operation.screen(tx, commands)
            firsts: dict[Key, int] = {}
            for place, command in enumerate(commands):
                if refusals[place] is None:
                    firsts.setdefault((command.owner, command.key), place)
            fresh, answered = await _reserve(tx, {key: prints[place] for key, place in firsts.items()}, now)
            doing = {key: commands[place] for key, place in firsts.items() if key in fresh}
            if doing:
                answered |= await _do(tx, operation, doing, {key: prints[firsts[key]] for key in doing})
    begun = {firsts[key] for key in doing}
    return [
        Refused(refusal) if refusal else _outcome(answered[command.owner, command.key], print_, is_new=place in begun)
        for place, (command, refusal, print_) in enumerate(zip(commands, refusals, prints, strict=True))
    ]


async def _reserve(tx: Tx, prints: dict[Key, bytes], now: datetime) -> tuple[set[Key], dict[Key, Answered]]:
    """Return the keys that are ours to use, and what the others stand for."""
    if not prints:
        return set(), {}
    patience_ms = LOCK_TIMEOUT_MS if len(prints) == 1 else PATIENCE_IN_BATCH_MS
    fresh = await idempotency.reserve(tx, prints, at=now, patience_ms=patience_ms)
    known = [key for key in prints if key not in fresh]
    return fresh, await idempotency.read(tx, known) if known else {}


async def _do(tx: Tx, operation: Operation[C], doing: dict[Key, C], prints: dict[Key, bytes]) -> dict[Key, Answered]:
    """Apply fresh commands, store their answers and announce them; return what their keys stand for from now on."""
    applied = await operation.apply(tx, list(doing.values()))
    answers = dict(zip(doing, applied.answers, strict=True))
    await idempotency.answer(tx, answers)
    await applied.announce(tx)
    return {key: Answered(fingerprint=prints[key], answer=answer) for key, answer in answers.items()}


def _outcome(answered: Answered, print_: bytes, *, is_new: bool) -> Outcome:
    """Return the outcome of a command whose key stands for `answered`."""
    if answered.fingerprint != print_:
        return Refused(KeyReused("this key was used with another request", pointer="Idempotency-Key"))
    return Recorded(answer=answered.answer, is_replay=not is_new)
