"""One stored decision, and what its purchase earns by other rules before any limit."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from cashback.kernel.errors import Broken
from cashback.kernel.money import Minor
from cashback.ledger.model.backtests import Kept, Prospect, Trial, Was
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import (
    Exchange,
    GrantedLine,
    ProgrammeFacts,
    Published,
    PurchaseFacts,
    RulesetIdentity,
    Trace,
)
from cashback.ledger.model.terms import CampaignTerms
from cashback.ledger.rules.decide import ENGINE as BARE_ENGINE
from cashback.ledger.rules.document import engine_of
from cashback.ledger.rules.engine import earn

_NO_TRACE: Final = Trace()


class _Verdict(msgspec.Struct):
    """What is wanted of a verdict; its trace, which is the most of a document, is passed over."""

    reason: str
    amount: Minor = Minor(0)
    campaigns: tuple[str, ...] = ()
    lines: tuple[GrantedLine, ...] = ()


class _Document(msgspec.Struct):
    """What is wanted of a decision's document."""

    facts: PurchaseFacts
    verdict: _Verdict
    programme: ProgrammeFacts | None = None
    ruleset: RulesetIdentity | None = None
    exchange: Exchange | None = None
    conversion: Conversion | None = None


_decoder: Final = msgspec.json.Decoder(_Document, strict=False)


def prospect(kept: Kept, trial: Trial) -> Prospect | None:
    """Return what a purchase was granted and what it earns by the rules tried; None when the first engine decided it.

    Its facts, its programme's pause, its rate of exchange and of tokens are those that were stored. Which campaigns
    were open is asked anew: the rules may name others.

    Raises:
        Broken: the document was not written by us.
    """
    try:
        stored = _decoder.decode(kept.document)
    except msgspec.MsgspecError as cause:
        if _is_bare(kept.document):
            return None
        raise Broken("a stored decision cannot be read", purchase_id=kept.purchase_id) from cause
    if (programme := stored.programme) is not None:
        closed = _closed(_named(trial.ruleset), trial.campaigns, stored.facts.occurred_at)
        programme = msgspec.structs.replace(programme, closed=closed)
    return Prospect(
        kept.position,
        kept.at,
        kept.purchase_id,
        kept.user_id,
        _was(stored),
        earn(stored.facts, programme, trial.ruleset, stored.exchange),
        stored.conversion,
    )


def slim(found: Prospect) -> Prospect:
    """Return a prospect without its rules and its trace: what limits need, to be sent from one process to another."""
    earned = msgspec.structs.replace(found.earned, ruleset=None, trace=_NO_TRACE)
    return msgspec.structs.replace(found, earned=earned)


def _is_bare(document: bytes) -> bool:
    """Return whether the first engine wrote a document."""
    try:
        return engine_of(document) == BARE_ENGINE
    except (msgspec.MsgspecError, ValueError):
        return False


def _was(stored: _Document) -> Was:
    """Return what a stored verdict has granted, by campaign."""
    paid = [0] * len(stored.verdict.campaigns)
    for line in stored.verdict.lines:
        for place, share in enumerate(line.shares):
            paid[place] += share
    named = zip(stored.verdict.campaigns, map(Minor, paid), strict=True)
    ruleset = stored.ruleset.id if stored.ruleset is not None else None
    return Was(stored.verdict.amount, stored.verdict.reason, dict(named), ruleset)


@lru_cache(maxsize=16)
def _named(ruleset: Published) -> tuple[str, ...]:
    """Return the campaigns that a ruleset names, sorted."""
    return tuple(sorted({rule.campaign for rule in ruleset.rules.rules}))


def _closed(named: tuple[str, ...], known: Mapping[str, CampaignTerms], at: datetime) -> tuple[str, ...]:
    """Return which of some campaigns paid nothing for what occurred then."""
    return tuple(name for name in named if name not in known or not known[name].is_open(at))
