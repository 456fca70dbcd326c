"""Erasing what makes a user a person, once by its key: what they bought, earned and were paid stays, of nobody.

lock their cashbacks ──▶ none on its way? ──▶ key ──▶ lock the user ──▶ erase, block, unlink, note who had it done

All of it is one transaction over both schemas. Who links a wallet, challenges one or sets a tier meanwhile locks the
user as well, and finds nobody: before, it is erased with the rest; after, it is refused.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, Rejected
from cashback.kernel.mistakes import first_of
from cashback.kernel.telemetry import logger
from cashback.purchases.model import Outcome, Recorded, Refused, UserUnknown
from cashback.purchases.model.errors import CashbackInFlight
from cashback.purchases.model.privacy import Asker, Disclosed, Erasure, ErasureAnswer
from cashback.purchases.rules import as_kept, problem_of_key, problem_of_signature
from cashback.purchases.service.alone import do_alone
from cashback.purchases.service.once import Applied, but_known, done_or_refused
from cashback.purchases.service.rebuilding import REBUILDERS, retell_erasure
from cashback.purchases.store import people
from cashback.purchases.store import privacy as store

__all__ = ["Erasing", "ErasureAnswer"]

TOLD: Final = sorted(REBUILDERS.keys() - {"erase_user"})
"""Commands whose answers can be told anew: those of them that are about the user are, of what stands then."""

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class Erasing:
    """Erases what makes users persons."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Work on `database`."""
        self._database = database
        self._clock = clock

    async def erase(self, erasure: Erasure) -> Outcome:
        """Erase a user's data once; the answer is an `ErasureAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was erased; the same call again finds out.
        """
        if problem := first_of(problem_of_key(erasure), problem_of_signature(erasure)):
            return Refused(problem)
        now = self._clock.now()
        result = done_or_refused(await do_alone(self._database, partial(_Erasure, now), erasure, now=now))
        if isinstance(result, Recorded) and not result.is_replay:
            log.warning("user.erased", user_id=erasure.user_id)
        return result


class _Erasure:
    """Erases one user; an instance serves one transaction."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[Erasure]) -> list[Rejected | None]:
        """Refuse who is not there, and whose tokens are on their way; those that wait stay, locked before any key."""
        [command] = commands
        if not await people.read_users(tx, [command.user_id]):
            return [UserUnknown("there is no such user", parameter="user_id")]
        problem = None
        if count := await ledger.hold_requests(tx, command.user_id):
            problem = CashbackInFlight(
                f"mints of this user's are under way or stuck, {count} in all: each is to be decided first"
            )
        return await but_known(tx, commands, [problem])

    async def apply(self, tx: Tx, commands: Sequence[Erasure]) -> Applied:
        """Erase the user in both schemas, and note who had it done; doing it again finds what slipped in since."""
        [command] = map(as_kept, commands)
        await people.lock_users(tx, [command.user_id])
        erased = await store.erase(tx, command, at=self._now, deeds=TOLD)
        await ledger.unlink_wallet(tx, command.user_id)
        asker = Asker(key_id=command.key_id, traceparent=command.traceparent)
        await store.note(tx, command.user_id, Disclosed.ERASURE, asker, at=self._now)
        told = await retell_erasure(tx, command.user_id)
        if told is None:
            raise Broken("an erased user is not told as one")
        told = msgspec.structs.replace(told, is_news=erased.is_news)
        return Applied(answers=[_encoder.encode(told)], about=[command.user_id])
