"""The halt switch: from then on nothing is signed or sent, while blocks are still followed."""

from typing import Final

from prometheus_client import Gauge

from cashback.chain.model import Halt, MintingHalted, NotHalted, Person
from cashback.chain.rules.attention import halted_for
from cashback.chain.store import halts, network
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

NAME_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500

log = logger(__name__)

HALTED: Final = Gauge("cashback_chain_halted", "1 while minting is halted.")


async def halt(tx: Tx, reason: str, *, detail: str = "") -> None:
    """Halt minting with `tx`, for a stable `reason`, and say so; the first reason stays until the halt is lifted."""
    is_news = await halts.halt(tx, reason, detail=detail)
    reach("minting.halting")
    HALTED.set(1)
    if is_news:
        log.critical("minting.halted", reason=reason, detail=detail)


class Halting:
    """Halts minting, tells whether it is halted, and lifts the halt; all may be repeated."""

    def __init__(self, database: Database) -> None:
        """Act on the network of this database, for every process that serves it."""
        self._database = database

    async def halt(self, reason: str) -> None:
        """Halt minting for a stable `reason`, in a transaction of its own."""
        async with self._database.transaction() as tx:
            await halt(tx, reason)

    async def look(self) -> str | None:
        """Return why minting is halted, None when it is not, and have the metric say the same.

        Whoever halted it, or lifted that: another process, or a person with SQL.
        """
        async with self._database.transaction() as tx:
            reason = (await network.network(tx)).halted_reason
        HALTED.set(reason is not None)
        return reason

    async def check(self) -> None:
        """Return when nothing is halted.

        Raises:
            MintingHalted: a person must look.
        """
        reason = await self.look()
        if reason is not None:
            raise MintingHalted(halted_for(reason))

    async def halt_by_hand(self, *, by: Person, detail: str) -> list[Halt]:
        """Halt minting in the name of a person; return every halt that is open now, oldest first.

        From then on no transaction that signs can commit; a lane sees it before its next send.

        Raises:
            Invalid: who or why is empty or too long.
        """
        check_order(by, detail)
        async with self._database.transaction() as tx:
            is_news = await halts.halt_by_hand(tx, by=by, detail=detail)
            found = await halts.list_open(tx)
        HALTED.set(1)
        log.critical("minting.halted", reason=halts.BY_HAND, why=detail, is_news=is_news, **_who(by))
        return found

    async def resume(self, *, by: Person, because: str) -> list[Halt]:
        """Lift every open halt in the name of a person, and return them, oldest first.

        Raises:
            NotHalted: there is none.
            Invalid: who or why is empty or too long.
        """
        check_order(by, because)
        async with self._database.transaction() as tx:
            # First, so that no halt is lifted that came after the ones that are told.
            await halts.lock(tx)
            found = await halts.list_open(tx)
            reason = await halts.resume(tx, by=by, because=because)
        if reason is None:
            raise NotHalted("minting is not halted; there is nothing to lift")
        HALTED.set(0)
        log.warning("minting.resumed", was=reason, halts=len(found), why=because, **_who(by))
        return found


def check_order(by: Person, words: str) -> None:
    """Raise `Invalid` unless a person is named and gives a reason, both short enough to be kept."""
    if not 0 < len(by.name.strip()) <= NAME_LENGTH_MAX:
        raise Invalid(f"say who you are, in at most {NAME_LENGTH_MAX} characters", pointer="by")
    if not 0 < len(words.strip()) <= REASON_LENGTH_MAX:
        raise Invalid(f"give a reason, in at most {REASON_LENGTH_MAX} characters", pointer="reason")


def _who(by: Person) -> dict[str, str]:
    """Return a person as a log line names them."""
    return {"by": by.name} | ({"certificate": by.certificate} if by.certificate else {})
