"""A programme's words: what is paid for, from which budget, at which rate."""

from datetime import datetime

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound
from cashback.kernel.money import Amount, Bps, Minor, TokenRate, TokenUnits
from cashback.ledger.model.decisions import Conversion, Ruleset
from cashback.ledger.model.terms import LifeTerms


class NewProgramme(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a programme to be; `budget` is all that it will ever grant."""

    name: str
    currency: str
    rate: Bps
    token_rate: TokenRate
    budget: Minor


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a purchase now: the rules in force, the rate, who pays, and what is left of the budget, locked.

    `life` says what happens to what is granted then.
    """

    ruleset: Ruleset
    campaign_id: str
    conversion: Conversion
    budget_left: Minor
    life: LifeTerms = LifeTerms()


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with its rules in force and what is left of its budget."""

    id: str
    name: str
    ruleset: Ruleset
    conversion: Conversion
    budget: Minor
    budget_left: Minor
    created_at: datetime
    ended_at: datetime | None


class ProgrammeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with what is left of its budget, in the words that leave the house."""

    id: str
    name: str
    currency: str
    exponent: int
    rate_bps: int
    ruleset_id: str
    ruleset_version: int
    token_rate_numerator: int
    token_rate_denominator: int
    budget_minor: Amount
    budget_left_minor: Amount
    created_at: datetime


class Commitments(msgspec.Struct, frozen=True, kw_only=True):
    """What all programmes so far may pay: their budgets in one currency, and in tokens those of every currency."""

    budget: Minor = Minor(0)
    token_units: TokenUnits = TokenUnits(0)


class ProgrammeUnknown(NotFound):
    """There is no such programme, or none is in force."""

    code = "programme_unknown"


class ProgrammeInvalid(Invalid):
    """The terms of a programme break a stated bound; `pointer` names the place."""

    code = "programme_invalid"


class GrantAboveLimit(Conflict):
    """One purchase may earn more than the minter mints at once: that mint would wait for ever."""

    code = "grant_above_limit"


class ProgrammeExists(Conflict):
    """Another programme is in force, or the name stands for other terms already."""

    code = "programme_exists"
