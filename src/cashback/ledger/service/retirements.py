"""Giving a cashback back whose mint number was retired: it is approved again, and gets another number (I1, I2, I8).

    stuck, for `number_retired` ──▶ the number is given up ──▶ approved ──the worker's sweep──▶ mint_requested

Minting calls a number retired only once that is final on the chain; nothing can be minted under it any more. What its
programme gave up of it when its purchase was returned, the tokens being on their way, is owed again: the next request
keeps it back, and what is minted is what is left.
"""

from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.telemetry import logger
from cashback.ledger.model import NUMBER_RETIRED, BooksMoved, CashbackUnknown
from cashback.ledger.rules import check_retired, given_back, owed_again
from cashback.ledger.service.posting import post
from cashback.ledger.store import retirements as store

ACTOR: Final = "operator"
NAME_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500

log = logger(__name__)


class Retirements:
    """Gives cashbacks back; takes the operator's role."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Act on the ledger's database."""
        self._database = database
        self._clock = clock

    async def give_back(self, mint_number: int, *, by: str, because: str) -> bool:
        """Approve the cashback of a retired number again, and return whether that is news; safe to repeat.

        The worker requests it within seconds, under another number and for the wallet that its user has then.

        Raises:
            CashbackUnknown: no cashback has or had the number.
            NumberNotRetired: its cashback is not stuck for that.
            Invalid: who or why is empty or too long.
        """
        _check(by, because)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            cashback = await store.lock(tx, mint_number)
            if cashback is None:
                if await store.among(tx, [mint_number]):
                    return False
                raise CashbackUnknown(f"no cashback has the mint number {mint_number}", mint_number=mint_number)
            check_retired(cashback)
            again = owed_again(cashback)
            gone = await store.give_up(tx, mint_number, by=by, because=because, at=now)
            back = await store.approve_again(
                tx, mint_number, owed_again=again, actor=ACTOR, cause=NUMBER_RETIRED, at=now
            )
            if (gone, back) != (1, 1):
                raise BooksMoved(f"{cashback.id} moved under its lock")
            await post(tx, given_back(cashback, again), at=now)
        log.warning("cashback.given_back", cashback=cashback.id, mint=mint_number, by=by, why=because)
        return True


def _check(by: str, words: str) -> None:
    """Raise `Invalid` unless a person is named and gives a reason, both short enough to be kept."""
    if not 0 < len(by.strip()) <= NAME_LENGTH_MAX:
        raise Invalid(f"say who you are, in at most {NAME_LENGTH_MAX} characters", pointer="by")
    if not 0 < len(words.strip()) <= REASON_LENGTH_MAX:
        raise Invalid(f"give a reason, in at most {REASON_LENGTH_MAX} characters", pointer="reason")
