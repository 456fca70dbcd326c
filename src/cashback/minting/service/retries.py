"""Having one mint tried again, in a person's name: under the same number, which the adapter takes once (I2)."""

from cashback.kernel.db import Database
from cashback.kernel.telemetry import logger
from cashback.minting.model import NUMBER_RETIRED, MintNotFound, MintRetired, MintSettled, MintState
from cashback.minting.service.halts import check_order
from cashback.minting.store import mints, retries

log = logger(__name__)


class Retries:
    """Makes mints due again; takes the operator's role."""

    def __init__(self, database: Database) -> None:
        """Act on minting's database."""
        self._database = database

    async def retry(self, number: int, *, by: str, because: str) -> tuple[MintState, str | None]:
        """Hand a mint to the adapter again, now, and return its state until now, with why it was stuck.

        One without an outcome is hastened; one that is stuck is requested again. Safe to repeat.

        Raises:
            MintNotFound: nobody requested the number.
            MintSettled: it is minted.
            MintRetired: its number is retired, so that nothing can be minted under it; the ledger gives it another.
            Invalid: who or why is empty or too long.
        """
        check_order(by, because)
        async with self._database.transaction() as tx:
            found = await retries.lock(tx, number)
            if found is None:
                raise MintNotFound(f"no mint has the number {number}", number=number)
            state, reason = found
            if state is MintState.MINTED:
                raise MintSettled(f"mint {number} is minted", number=number)
            if state is MintState.STUCK and reason == NUMBER_RETIRED:
                raise MintRetired(
                    f"number {number} was retired meanwhile, and nothing is minted under it any more: run it again, and"
                    " its cashback is given back, for another number",
                    number=number,
                )
            await retries.request_again(tx, number)
            await retries.note(tx, number, state=state, reason=reason, by=by, because=because)
            await mints.tell_due(tx)
        log.warning("mint.retried", mint=number, was=state.value, was_reason=reason, by=by, why=because)
        return state, reason
