"""Where a cashback begins, what people's verdicts come to, and what goes back to whom when it ends unminted."""

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cashback.kernel.money import Minor
from cashback.ledger.model import Account, Cause, Posting, State
from cashback.ledger.model.codes import Outcome
from cashback.ledger.model.engine import Verdict
from cashback.ledger.model.life import FirstState, GrantsContradict, Unrequested
from cashback.ledger.model.terms import Terms
from cashback.ledger.rules.grants import decode_grants
from cashback.ledger.rules.postings import account_of, payer_of

ONE: Final = 1
TWO: Final = 2

_CAUSES: Final[Mapping[State, Cause]] = {State.VOIDED: Cause.VOID, State.EXPIRED: Cause.EXPIRY}


def first_state(verdict: Verdict, terms: Terms | None, *, occurred_at: datetime, now: datetime) -> FirstState:
    """Return where a decided cashback begins, as of `now`.

    A hold counts from the purchase: that is when its return window opened, however late it was told. One that is over
    when the purchase arrives holds nothing. What is reviewed keeps the end of its hold for afterwards.
    """
    if verdict.outcome is Outcome.WAITLISTED:
        return FirstState(State.WAITLISTED)
    if terms is None or not verdict.amount:
        return FirstState(State.DECLINED)
    hold_until = occurred_at + terms.hold if terms.hold else None
    is_large = terms.review_above is not None and verdict.amount > terms.review_above
    if is_large or verdict.outcome is Outcome.REVIEW:
        return FirstState(State.REVIEW, hold_until)
    if hold_until is not None and hold_until > now:
        return FirstState(State.PENDING, hold_until)
    return FirstState(State.APPROVED, hold_until)


def approvals_needed(amount: Minor, second_above: Minor | None) -> int:
    """Return how many people must approve so much: four eyes above a programme's second amount."""
    return TWO if second_above is not None and amount > second_above else ONE


def is_same_person(one: str, other: str) -> bool:
    """Tell whether two names are one person's: by neither capitals, nor blanks, nor how Unicode writes them (NFKC).

    >>> is_same_person("Ren\u00e9  Stra\u00dfe", " rene\u0301 STRASSE")
    True
    >>> is_same_person("alice", "alicia")
    False
    """
    return _folded(one) == _folded(other)


def name_digest(name: str) -> bytes:
    """Return the SHA-256 of a name as it is compared: that of two names is the same where one person has both."""
    return hashlib.sha256(_folded(name).encode()).digest()


def _folded(name: str) -> str:
    """Return a name as it is compared; folded and composed again, since folding may take a character apart."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def moved(cashback: Unrequested) -> list[Posting]:
    """Return what a step before the request moves: on to the approved money, or back to the budgets that paid it."""
    held = Account(cashback.user_id, account_of(cashback.from_state), cashback.currency)
    if cashback.to_state in _CAUSES:
        cause = _CAUSES[cashback.to_state]
        return [
            Posting(
                debit=held,
                credit=payer_of(campaign_id, cashback.currency),
                amount=amount,
                cause=cause,
                cashback_id=cashback.id,
            )
            for campaign_id, amount in paid_by(cashback).items()
        ]
    kept = Account(cashback.user_id, account_of(cashback.to_state), cashback.currency)
    if kept == held:
        return []
    return [Posting(debit=held, credit=kept, amount=cashback.amount, cause=Cause.APPROVAL, cashback_id=cashback.id)]


def paid_by(cashback: Unrequested) -> dict[str, Minor]:
    """Return what of a cashback's money each campaign paid and has not got back, by ascending id; none that is 0.

    Raises:
        GrantsContradict: that is not what the cashback is worth: nobody can say whose the difference is.
    """
    left: dict[str, int] = {}
    for line in decode_grants(cashback.grants).lines if cashback.grants is not None else ():
        for campaign_id, amount in line.grants:
            left[campaign_id] = left.get(campaign_id, 0) + amount
    for campaign_id, amount in cashback.refunded:
        left[campaign_id] = left.get(campaign_id, 0) - amount
    if sum(left.values()) != cashback.amount or min(left.values(), default=0) < 0:
        raise GrantsContradict(f"the grants of {cashback.id} do not come to what it is worth")
    return {campaign_id: Minor(left[campaign_id]) for campaign_id in sorted(left) if left[campaign_id]}
