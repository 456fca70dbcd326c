"""Cashback by hand: each credit and each debit done once by its key, in one transaction with all that follows."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import is_id
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import TokenUnits
from cashback.kernel.telemetry import logger
from cashback.ledger import AdjustmentAnswer, AdjustmentReadings, CashbackUnknown, MintLimit, ProgrammeUnknown
from cashback.purchases.model import Outcome, Recorded, Refused, UserUnknown
from cashback.purchases.model.adjustments import CreditByHand, DebitByHand, UserBlocked
from cashback.purchases.rules import as_kept, problem_of_key, problem_of_signature
from cashback.purchases.service.alone import do_alone, known_before
from cashback.purchases.service.once import Applied, done_or_refused
from cashback.purchases.store import people

__all__ = ["AdjustmentAnswer", "AdjustmentReadings", "Adjustments"]

ByHand: TypeAlias = CreditByHand | DebitByHand

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class Adjustments:
    """Gives and takes back cashback in the name of a person."""

    def __init__(self, database: Database, *, clock: Clock, mint_limit: MintLimit | None = None) -> None:
        """Work on `database`; without `mint_limit` nobody asks how much is minted at once."""
        self._database = database
        self._clock = clock
        self._mint_limit = mint_limit

    async def credit(self, command: CreditByHand) -> Outcome:
        """Give a user cashback once; the answer is an `AdjustmentAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was given; the same call again finds out.
        """
        return await self._do(command)

    async def debit(self, command: DebitByHand) -> Outcome:
        """Take back of a cashback once; the answer is an `AdjustmentAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was taken; the same call again finds out.
        """
        return await self._do(command)

    async def _do(self, command: ByHand) -> Outcome:
        """Make one adjustment."""
        if problem := first_of(problem_of_key(command), problem_of_signature(command), _problem_of(command)):
            return Refused(problem)
        if (known := await known_before(self._database, command, now=self._clock.now())) is not None:
            return known
        is_credit = isinstance(command, CreditByHand)
        limit = await self._mint_limit.told() if is_credit and self._mint_limit is not None else None
        now = self._clock.now()
        result = done_or_refused(await do_alone(self._database, partial(_ByHand, now, limit), command, now=now))
        if isinstance(result, Recorded) and not result.is_replay:
            made = msgspec.json.decode(result.answer, type=AdjustmentAnswer)
            log.warning("cashback.adjusted", kind=type(command).__name__, adjustment=made.id)
        return result


class _ByHand:
    """Makes adjustments; what the ledger refuses takes the whole transaction with it."""

    def __init__(self, now: datetime, mint_limit: TokenUnits | None) -> None:
        self._now = now
        self._mint_limit = mint_limit

    async def screen(self, tx: Tx, commands: Sequence[ByHand]) -> list[Rejected | None]:
        """Return for each credit whether its user may have it; what debits take from is locked, before their keys."""
        users = [command.user_id for command in commands if isinstance(command, CreditByHand)]
        known = await people.read_users(tx, users) if users else {}
        problems: list[Rejected | None] = []
        for command in commands:
            if isinstance(command, DebitByHand):
                await ledger.hold_cashback(tx, command.cashback_id)
                problems.append(None)
            elif command.user_id not in known:
                problems.append(UserUnknown("there is no such user", pointer="/user_id"))
            elif known[command.user_id].is_blocked:
                problems.append(UserBlocked("this user earns no cashback at present", pointer="/user_id"))
            else:
                problems.append(None)
        return problems

    async def apply(self, tx: Tx, commands: Sequence[ByHand]) -> Applied:
        """Make each adjustment; the events come last."""
        made = [await self._make(tx, as_kept(command)) for command in commands]

        async def announce(tx: Tx) -> None:
            """Append the events, which lock their partitions until the commit."""
            await ledger.announce_adjusted(tx, made, now=self._now)

        return Applied(
            answers=[_encoder.encode(one.answer) for one in made],
            about=[one.answer.id for one in made],
            announce=announce,
        )

    async def _make(self, tx: Tx, command: ByHand) -> ledger.Adjusted:
        """Have the ledger make one adjustment."""
        if isinstance(command, DebitByHand):
            debit = ledger.NewDebit(
                cashback_id=command.cashback_id,
                amount=command.amount_minor,
                person=command.person,
                reason=command.reason,
            )
            return await ledger.debit(tx, debit, now=self._now)
        credit = ledger.NewCredit(
            user_id=command.user_id,
            programme_id=command.programme_id,
            amount=command.amount_minor,
            person=command.person,
            reason=command.reason,
            campaign_id=command.campaign_id,
            traceparent=command.traceparent,
        )
        return await ledger.credit(tx, credit, now=self._now, mint_limit=self._mint_limit)


def _problem_of(command: ByHand) -> Rejected | None:
    """Return what is wrong with the ids that an adjustment names, or None."""
    if isinstance(command, DebitByHand):
        is_named = is_id(command.cashback_id, "cb")
        return None if is_named else CashbackUnknown("there is no such cashback", pointer="/cashback_id")
    is_user, is_programme = is_id(command.user_id, "usr"), is_id(command.programme_id, "prg")
    is_campaign = command.campaign_id is None or is_id(command.campaign_id, "cmp")
    return first_of(
        None if is_user else UserUnknown("there is no such user", pointer="/user_id"),
        None if is_programme else ProgrammeUnknown("there is no such programme", pointer="/programme_id"),
        None if is_campaign else ledger.CampaignUnknown("there is no such campaign", pointer="/campaign_id"),
    )
