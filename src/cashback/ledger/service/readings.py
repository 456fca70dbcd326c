"""What others may read of the ledger; each reading is a transaction of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.db import Database, long_statements
from cashback.kernel.money import TOKEN_SYMBOL, TokenUnits
from cashback.ledger.model import (
    Balance,
    Cashback,
    CashbackUnknown,
    Difference,
    LargestGrant,
    Programme,
    ProgrammeUnknown,
    RetiredNumber,
    State,
    Sum,
    Transition,
)
from cashback.ledger.model.explained import Explanation
from cashback.ledger.rules import ENGINE as BARE_ENGINE
from cashback.ledger.rules import decided_of, engine_of, explain, replay
from cashback.ledger.rules.balance import balance
from cashback.ledger.rules.engine import judgement_of
from cashback.ledger.rules.engine.explain import as_it_stands, explain_in_full, steps_of
from cashback.ledger.service.largest import largest
from cashback.ledger.store import audit, ceilings, fence, overdue, programmes, retirements, terms
from cashback.ledger.store import readings as store

LIST_MAX: Final = 1_000
"""Most cashbacks that one reading returns."""

UNREQUESTED_AMONG: Final = 10_000
"""So many cashbacks are looked at for one that waits for its request and for no wallet."""

GIVEN_BY_HAND: Final = "Cashback that was given by hand."

WHOLE_LEDGER_S_MAX: Final = 3_600
"""How long one question about everything there is may take; there are no checkpoints from which to go on."""


class Readings:
    """The ledger's reading desk: any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def first_programme_at(self) -> datetime | None:
        """Return when the first programme was made, None before."""
        async with self._database.transaction() as tx:
            return await programmes.first_made_at(tx)

    async def numbers(self) -> tuple[int, bool]:
        """Return the highest mint number that is accounted for, and whether numbers are given out on this server."""
        async with self._database.transaction() as tx:
            return await fence.accounted_to(tx), await fence.is_open(tx)

    async def overdue(self, *, due_by: datetime, limit: int) -> list[str]:
        """Return at most `limit` cashbacks whose step before the request was due by then, by id; none when all is well.

        No worker moves them, or each that tried has left them out.
        """
        async with self._database.transaction() as tx:
            return await overdue.overdue(tx, due_by=due_by, limit=limit)

    async def unrequested(self, *, due_by: datetime, limit: int) -> list[str]:
        """Return at most `limit` cashbacks whose mint could be requested by then and is not, by id; as `overdue`.

        Of each programme the newest `UNREQUESTED_AMONG` that are approved are looked through.
        """
        async with self._database.transaction() as tx:
            return await overdue.unrequested(tx, due_by=due_by, among=UNREQUESTED_AMONG, limit=limit)

    async def cashback(self, cashback_id: str) -> Cashback:
        """Return one cashback.

        Raises:
            CashbackUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            found = await store.by_id(tx, cashback_id)
        if found is None:
            raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
        return found

    async def replayed(self, cashback: Cashback) -> bytes | None:
        """Return what decides a cashback anew from its stored inputs: the same bytes, if all is well.

        What no purchase earned was not decided: nothing can differ, and there are no bytes, but None.

        Raises:
            RulesetDiffers: the ruleset that decided it is not stored here, or is another one.
        """
        if cashback.document is None:
            return None
        if engine_of(cashback.document) == BARE_ENGINE:
            return replay(cashback.document)
        named = judgement_of(cashback.document).ruleset
        async with self._database.transaction() as tx:
            found = await terms.rulesets(tx, [named.id]) if named is not None else []
        return replay(cashback.document, found[0] if found else None)

    async def explanation(self, cashback_id: str) -> Explanation:
        """Return why a cashback was decided so, step by step.

        Raises:
            CashbackUnknown: there is none.
        """
        found = await self.cashback(cashback_id)
        if found.document is None:
            text = explanation_of(None, found.state)
            return Explanation(
                cashback_id=found.id, purchase_id=None, engine=0, reason=found.reason, text=text, steps=[]
            )
        engine = engine_of(found.document)
        return Explanation(
            cashback_id=found.id,
            purchase_id=found.purchase_id,
            engine=engine,
            reason=found.reason,
            text=explanation_of(found.document, found.state),
            steps=[] if engine == BARE_ENGINE else steps_of(judgement_of(found.document)),
        )

    async def cashback_of_purchase(self, purchase_id: str) -> Cashback:
        """Return the cashback of one purchase.

        Raises:
            CashbackUnknown: there is none.
        """
        found = await self.cashbacks_of_purchases([purchase_id])
        if purchase_id not in found:
            raise CashbackUnknown("there is no cashback of this purchase", parameter="purchase_id")
        return found[purchase_id]

    async def cashbacks_of_purchases(self, purchase_ids: Sequence[str]) -> dict[str, Cashback]:
        """Return the cashback of each purchase that has one; only the first `LIST_MAX` are looked for."""
        async with self._database.transaction() as tx:
            found = await store.by_purchases(tx, purchase_ids[:LIST_MAX])
        return {cashback.purchase_id: cashback for cashback in found if cashback.purchase_id is not None}

    async def mints(self, *, after_number: int = 0, limit: int = LIST_MAX) -> list[Cashback]:
        """Return what was ever requested, by mint number, from the one after `after_number` on: one stretch of it."""
        async with self._database.transaction() as tx:
            return await store.by_numbers(tx, after_number=after_number, limit=min(limit, LIST_MAX))

    async def retired_numbers(self, *, after_number: int = 0, limit: int = LIST_MAX) -> list[RetiredNumber]:
        """Return the numbers that cashbacks had and have no more, from the one after `after_number` on: one stretch."""
        async with self._database.transaction() as tx:
            return await retirements.page(tx, after_number=after_number, limit=min(limit, LIST_MAX))

    async def timeline(self, cashback_id: str) -> list[Transition]:
        """Return the steps of a cashback's life, first to last; none when there is no such cashback."""
        async with self._database.transaction() as tx:
            return await store.transitions(tx, cashback_id)

    async def balances_of_user(self, user_id: str) -> tuple[str | None, list[Balance]]:
        """Return a user's wallet, and what they earned per currency; neither for a user nobody has heard of."""
        async with self._database.transaction() as tx:
            wallet = await store.wallet_of(tx, user_id)
            found = await store.state_sums_of_user(tx, user_id)
        return wallet, [balance(found, currency) for currency in sorted({currency for currency, _ in found})]

    async def sums(self) -> dict[State, Sum]:
        """Return how many cashbacks are in each state, and their token units.

        Raises:
            Unavailable: the database did not answer within `WHOLE_LEDGER_S_MAX` seconds.
        """
        async with self._database.transaction() as tx, long_statements(tx, within_s=WHOLE_LEDGER_S_MAX):
            found = await store.sums(tx)
        return {state: found.get(state, Sum()) for state in State}

    async def programme(self, programme_id: str | None = None, *, currency: str | None = None) -> Programme:
        """Return one programme, the one in force that takes a currency, or the oldest one in force.

        Raises:
            ProgrammeUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            programme = await programmes.read(tx, programme_id=programme_id, currency=currency)
        if programme is None:
            place = {} if currency is None else {"parameter": "currency"}
            if programme_id is not None:
                place = {"parameter": "programme_id"}
            raise ProgrammeUnknown("there is no such programme, or none is in force", **place)
        return programme

    async def programmes(
        self, *, after: str | None, limit: int, in_force: bool | None = None
    ) -> tuple[list[Programme], str | None]:
        """Return a page of programmes, the oldest first, and the next one's place.

        Of those in force, of those that have ended, or of all.
        """
        most = min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            found = await programmes.page(tx, after=after or "", in_force=in_force, limit=most + 1)
        kept = found[:most]
        return kept, kept[-1].id if len(found) > most else None

    async def largest_grants(self, *, at: datetime) -> list[LargestGrant]:
        """Return each programme's largest grant, by the version that earns most from an instant on."""
        async with self._database.transaction() as tx:
            return list((await largest(tx, at=at)).values())

    async def unrequested_above(self, units: TokenUnits, *, limit: int) -> list[tuple[str, int]]:
        """Return at most `limit` cashbacks still to be requested that are worth more than `units`, with their worth.

        Whichever rules gave them: those of versions and programmes that have ended are among them.

        Raises:
            Unavailable: the database did not answer within `WHOLE_LEDGER_S_MAX` seconds.
        """
        async with self._database.transaction() as tx, long_statements(tx, within_s=WHOLE_LEDGER_S_MAX):
            return await ceilings.unrequested_above(tx, units, limit=limit)

    async def differences(self, *, limit: int = LIST_MAX) -> list[Difference]:
        """Return what does not add up in the books (I1, I8), at most `limit` of a kind; nothing when all is well.

        Only the auditor's role may ask that: it makes temporary tables.

        Raises:
            Unavailable: the database did not answer a question within `WHOLE_LEDGER_S_MAX` seconds.
        """
        async with self._database.transaction() as tx:
            await audit.see_one_moment(tx)
            async with long_statements(tx, within_s=WHOLE_LEDGER_S_MAX):
                return await audit.differences(tx, token=TOKEN_SYMBOL, limit=limit)


def explanation_of(document: bytes | None, state: State) -> str:
    """Return the sentence that explains a stored decision to a customer as it stands; without one a person decided."""
    if document is None:
        text = GIVEN_BY_HAND
    elif engine_of(document) == BARE_ENGINE:
        text = explain(decided_of(document))
    else:
        text = explain_in_full(judgement_of(document))
    return as_it_stands(text, state)
