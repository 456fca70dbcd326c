"""Every command once: the one mechanism behind each idempotency key (I7).

screen ──▶ reserve the keys ──▶ apply what is fresh ──▶ store the answers ──▶ announce ──▶ commit
   │            └ known ──▶ the stored answer again, or "reused with another request"
   └ names what does not exist ──▶ refused, nothing stored

A batch is one transaction. When it fails for a reason of one command, it is split and decided anew, so that nobody pays
for a neighbour.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from cashback.kernel.db import LOCK_TIMEOUT_MS, Database, Tx
from cashback.kernel.errors import CashbackError, Rejected
from cashback.purchases.model import Command, KeyBusy, KeyReused, Outcome, Recorded, Refused, Unstorable
from cashback.purchases.rules import fingerprint
from cashback.purchases.store import idempotency
from cashback.purchases.store.idempotency import Answered, Key

HASTY_MS: Final = 250
"""How long a batch waits for a key that another process holds, before it is split so that only the repeat waits on."""

PATIENT_MS: Final = LOCK_TIMEOUT_MS
"""How long a command that has nobody beside it waits for the first answer to its key."""

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


class Once(Generic[C]):
    """Does commands of one kind as of one instant, each once."""

    def __init__(
        self, database: Database, operation: Callable[[], Operation[C]], *, now: datetime, patience_ms: int = HASTY_MS
    ) -> None:
        """Make a fresh `operation` for each transaction on `database`."""
        self._database = database
        self._operation = operation
        self._now = now
        self._patience_ms = patience_ms

    async def do(self, commands: Sequence[C]) -> list[Result]:
        """Return a result for each command, in order; what was done before is answered as it was then.

        Commands that share a key with another one of the batch are repeats of the first. A key that another process
        holds for longer than our patience is refused as busy. Nothing is raised but bugs.
        """
        if not commands:
            return []
        try:
            return list(await self._transact(commands))
        except (KeyBusy, Unstorable) as error:
            if len(commands) == 1:
                return [Refused(error) if isinstance(error, KeyBusy) else error]
            middle = len(commands) // 2
            return await self.do(commands[:middle]) + await self.do(commands[middle:])
        except CashbackError as error:
            return [error] * len(commands)

    async def _transact(self, commands: Sequence[C]) -> list[Outcome]:
        """Do a batch in one transaction."""
        operation = self._operation()
        prints = [fingerprint(command) for command in commands]
        async with self._database.transaction() as tx:
            with idempotency.storing():
                refusals = await operation.screen(tx, commands)
                firsts = _firsts(commands, refusals)
                fresh, answered = await self._reserve(tx, {key: prints[place] for key, place in firsts.items()})
                doing = {key: commands[place] for key, place in firsts.items() if key in fresh}
                if doing:
                    answered |= await _do(tx, operation, doing, {key: prints[firsts[key]] for key in doing})
        begun = {firsts[key] for key in doing}
        return [
            Refused(refusal) if refusal else _outcome(answered[_key(command)], print_, is_new=place in begun)
            for place, (command, refusal, print_) in enumerate(zip(commands, refusals, prints, strict=True))
        ]

    async def _reserve(self, tx: Tx, prints: dict[Key, bytes]) -> tuple[set[Key], dict[Key, Answered]]:
        """Return the keys that are ours to use, and what the others stand for."""
        if not prints:
            return set(), {}
        fresh = await idempotency.reserve(tx, prints, at=self._now, patience_ms=self._patience_ms)
        known = [key for key in prints if key not in fresh]
        return fresh, await idempotency.read(tx, known) if known else {}


def _key(command: Command) -> Key:
    """Return the idempotency key of a command with its owner."""
    return command.owner, command.key


def _firsts(commands: Sequence[Command], refusals: Sequence[Rejected | None]) -> dict[Key, int]:
    """Return for each key the place of the first command that has it and is not refused."""
    firsts: dict[Key, int] = {}
    for place, command in enumerate(commands):
        if refusals[place] is None:
            firsts.setdefault(_key(command), place)
    return firsts


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
        return Refused(KeyReused("this key was used with another request", parameter="Idempotency-Key"))
    return Recorded(answer=answered.answer, is_replay=not is_new)
