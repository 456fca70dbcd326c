"""Programmes: the terms under which cashback is granted, and the budget it comes from; one is in force at a time."""

from datetime import datetime

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Currency, TokenUnits
from cashback.ledger.model import NewProgramme, Programme, ProgrammeAnswer, ProgrammeExists, Ruleset
from cashback.ledger.rules import bare_percentage, check_limit, check_room, check_terms, funded
from cashback.ledger.service.posting import post
from cashback.ledger.store import programmes as store


async def start_programme(
    tx: Tx, terms: NewProgramme, *, now: datetime, mint_limit: TokenUnits | None = None
) -> Programme:
    """Return the programme of those terms, in force and its budget funded; calling it again changes nothing.

    `mint_limit` is the most that the minter mints at once; None, when nobody tells, lets every budget pass.

    Raises:
        ProgrammeInvalid: a term breaks a bound, alone or with the programmes before; roll `tx` back.
        GrantAboveLimit: one purchase could earn more than is minted at once; roll `tx` back.
        ProgrammeExists: another programme is in force, or the name stands for other terms.
    """
    currency = check_terms(terms)
    if await _start(tx, terms, currency, now) and mint_limit is not None:
        check_limit(terms, currency, mint_limit)
    programme = await store.read(tx, name=terms.name)
    if programme is None or terms != _terms(programme):
        raise ProgrammeExists("another programme is in force, or this name stands for other terms", name=terms.name)
    return programme


def programme_answer(programme: Programme) -> ProgrammeAnswer:
    """Return a programme in the words that leave the house."""
    return ProgrammeAnswer(
        id=programme.id,
        name=programme.name,
        currency=programme.ruleset.currency.code,
        exponent=programme.ruleset.currency.exponent,
        rate_bps=programme.ruleset.rate,
        ruleset_id=programme.ruleset.id,
        ruleset_version=programme.ruleset.version,
        token_rate_numerator=programme.conversion.rate.numerator,
        token_rate_denominator=programme.conversion.rate.denominator,
        budget_minor=str(programme.budget),
        budget_left_minor=str(programme.budget_left),
        created_at=programme.created_at,
    )


async def _start(tx: Tx, terms: NewProgramme, currency: Currency, now: datetime) -> bool:
    """Store and fund a programme unless one is in the way; return whether it is new."""
    ruleset = Ruleset(id=new_id("rul"), programme_id=new_id("prg"), version=1, currency=currency, rate=terms.rate)
    campaign_id = new_id("cmp")
    document = bare_percentage(campaign_id, terms.rate, currency.code)
    if not await store.insert(tx, terms, ruleset, campaign_id=campaign_id, document=document, at=now):
        return False
    # Only now: whoever else starts one waits for this row, so nobody's budget is overlooked.
    check_room(terms, currency, await store.commitments(tx, currency=currency.code))
    await post(tx, [funded(campaign_id, currency.code, terms.budget)], at=now)
    return True


def _terms(programme: Programme) -> NewProgramme:
    """Return the terms that a programme was created with."""
    return NewProgramme(
        name=programme.name,
        currency=programme.ruleset.currency.code,
        rate=programme.ruleset.rate,
        token_rate=programme.conversion.rate,
        budget=programme.budget,
    )
