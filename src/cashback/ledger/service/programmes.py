"""Programmes: the terms under which cashback is granted; one is in force for each currency that is paid in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Currency, TokenUnits
from cashback.ledger.model import (
    NewProgramme,
    Programme,
    ProgrammeAnswer,
    ProgrammeEnded,
    ProgrammeExists,
    ProgrammeUnknown,
    Ruleset,
)
from cashback.ledger.rules import bare_percentage, check_limit, check_room, check_terms, funded
from cashback.ledger.service.posting import post
from cashback.ledger.store import commitments
from cashback.ledger.store import programmes as store


async def start_programme(
    tx: Tx, terms: NewProgramme, *, now: datetime, mint_limit: TokenUnits | None = None
) -> Programme:
    """Return the programme of those terms, in force and its budget funded; calling it again changes nothing.

    `mint_limit` is the most that the minter mints at once; None, when nobody tells, lets every budget pass.

    Raises:
        ProgrammeInvalid: a term breaks a bound, alone or with the programmes before; roll `tx` back.
        CurrencyUnknown, CurrencyWithdrawn, TimeZoneUnknown, TokenRateAbsurd: likewise.
        GrantAboveLimit: one purchase could earn more than is minted at once; roll `tx` back.
        ProgrammeExists: another programme takes one of its currencies, or the name stands for other terms.
    """
    currency = check_terms(terms)
    accepts = tuple(sorted(terms.conditions.accepts))
    terms = msgspec.structs.replace(terms, conditions=msgspec.structs.replace(terms.conditions, accepts=accepts))
    # Whoever else funds something waits here, so nobody's budget is overlooked, and no currency is taken twice.
    await commitments.lock(tx)
    programme = await store.read(tx, name=terms.name)
    if programme is None:
        await _start(tx, terms, currency, now)
        if mint_limit is not None:
            check_limit(terms, currency, mint_limit)
        programme = await store.read(tx, name=terms.name)
    if programme is None or terms != _terms(programme):
        raise ProgrammeExists("this name stands for other terms", name=terms.name)
    return programme


async def end_programme(tx: Tx, programme_id: str, *, reason: str, now: datetime) -> ProgrammeAnswer:
    """Return a programme that has ended now: it takes no purchases from here on, and its currencies are free.

    What it granted goes on to be held, minted and refunded; what is left of its budgets stays in its books.

    Raises:
        ProgrammeUnknown: there is none; roll `tx` back.
        ProgrammeEnded: it has ended before.
    """
    await commitments.lock(tx)
    programme = await store.read(tx, programme_id=programme_id)
    if programme is None:
        raise ProgrammeUnknown("there is no such programme", parameter="programme_id")
    if programme.ended_at is not None or not await store.end(tx, programme_id, reason=reason, at=now):
        raise ProgrammeEnded("the programme has ended already", parameter="programme_id")
    ended = await store.read(tx, programme_id=programme_id)
    return programme_answer(ended or programme)


@asynccontextmanager
async def within_programme(database: Database, programme_id: str) -> AsyncIterator[Tx]:
    """Yield a transaction in which a programme's lists are read: what there is not has no empty list.

    Raises:
        ProgrammeUnknown: there is no such programme.
    """
    async with database.transaction() as tx:
        if not await store.exists(tx, programme_id):
            raise ProgrammeUnknown("there is no such programme", parameter="programme_id")
        yield tx


def programme_answer(programme: Programme) -> ProgrammeAnswer:
    """Return a programme in the words that leave the house."""
    ruleset, conditions = programme.ruleset, programme.conditions
    return ProgrammeAnswer(
        id=programme.id,
        name=programme.name,
        currency=programme.currency.code,
        exponent=programme.currency.exponent,
        rate_bps=None if ruleset is None else ruleset.rate,
        ruleset_id=None if ruleset is None else ruleset.id,
        ruleset_version=None if ruleset is None else ruleset.version,
        token_rate_numerator=programme.conversion.rate.numerator,
        token_rate_denominator=programme.conversion.rate.denominator,
        budget_minor=str(programme.budget),
        budget_left_minor=str(programme.budget_left),
        created_at=programme.created_at,
        ended_at=programme.ended_at,
        time_zone=conditions.time_zone,
        hold_days=conditions.hold_days,
        refund_policy=conditions.refund_policy,
        expire_after_days=conditions.expire_after_days,
        write_off_after_days=conditions.write_off_after_days,
        accepts=conditions.accepts,
        review_above_minor=None if conditions.review_above is None else str(conditions.review_above),
        second_above_minor=None if conditions.second_above is None else str(conditions.second_above),
        users_per_wallet=conditions.users_per_wallet,
    )


async def _start(tx: Tx, terms: NewProgramme, currency: Currency, now: datetime) -> None:
    """Store and fund a programme.

    Raises:
        ProgrammeExists: another programme takes one of its currencies.
        ProgrammeInvalid: all budgets together would be too much.
    """
    currencies = (currency.code, *terms.conditions.accepts)
    if taken := await store.taken(tx, currencies):
        raise ProgrammeExists("another programme in force takes this currency", currency=taken[0])
    programme_id = new_id("prg")
    await store.insert(tx, terms, currency, programme_id=programme_id, at=now)
    await store.accept(tx, programme_id, currencies, at=now)
    if terms.rate is None or terms.budget is None:
        return
    ruleset = Ruleset(id=new_id("rul"), programme_id=programme_id, version=1, currency=currency, rate=terms.rate)
    campaign_id = new_id("cmp")
    document = bare_percentage(campaign_id, terms.rate)
    await store.insert_base(tx, ruleset, campaign_id=campaign_id, document=document, at=now)
    check_room(terms.budget, terms.token_rate, currency, await commitments.read(tx, currency=currency.code))
    await post(tx, [funded(campaign_id, currency.code, terms.budget)], at=now)


def _terms(programme: Programme) -> NewProgramme:
    """Return the terms that a programme was created with."""
    return NewProgramme(
        name=programme.name,
        currency=programme.currency.code,
        rate=None if programme.ruleset is None else programme.ruleset.rate,
        token_rate=programme.conversion.rate,
        budget=programme.started_with,
        conditions=programme.conditions,
    )
