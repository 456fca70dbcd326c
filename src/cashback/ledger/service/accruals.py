"""From recorded purchases to cashbacks, in the transaction that records them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.events import to_event
from cashback.events.ledger import CashbackApproved
from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.kernel.outbox import Event, append
from cashback.ledger.model import Accrual, Claim, Counters, Decided, InForce, Posting, State
from cashback.ledger.rules import accrued, document_of, fold
from cashback.ledger.service.posting import post
from cashback.ledger.store import accruals as store
from cashback.ledger.store import programmes

ACTOR: Final = "ledger"


async def accrue(tx: Tx, claims: Sequence[Claim], *, now: datetime) -> list[Accrual]:
    """Decide every claim in order and store cashbacks, decisions and postings; call `announce` as the last act of `tx`.

    The budget is locked before deciding, so the claims of two transactions never spend it together. A purchase that
    has a cashback already is refused by the schema: the caller's idempotency keys keep that from happening.
    """
    if not claims:
        return []
    in_force = await _in_force(tx, claims)
    decided: dict[int, Decided] = {}
    for programme, places in _by_programme(claims, in_force):
        folded = fold(
            [claims[place].facts for place in places],
            programme.ruleset if programme else None,
            Counters(budget_left=programme.budget_left if programme else Minor(0)),
            programme.conversion if programme else None,
        )
        decided |= zip(places, folded, strict=True)
    accruals = [_accrual(claim, decided[place]) for place, claim in enumerate(claims)]
    await store.insert(tx, accruals, actor=ACTOR, at=now)
    await post(tx, _postings(accruals, in_force), at=now)
    return accruals


async def announce(tx: Tx, accruals: Sequence[Accrual], *, now: datetime) -> None:
    """Append `cashback.approved` for what was granted; the last act before commit."""
    await append(tx, "ledger", [_approved(each, now) for each in accruals if each.state is State.APPROVED])


async def link_wallets(tx: Tx, wallets: Mapping[str, str], *, now: datetime) -> None:
    """Send each user's cashback to this wallet from now on; what waited for one is requested by the next sweep.

    Calling it again with the same wallets changes nothing.
    """
    await store.upsert_recipients(tx, wallets, at=now)


def _accrual(claim: Claim, decided: Decided) -> Accrual:
    """Return the cashback-to-be of one decided claim."""
    return Accrual(cashback_id=new_id("cb"), claim=claim, decided=decided, document=document_of(decided))


async def _in_force(tx: Tx, claims: Sequence[Claim]) -> dict[str, InForce]:
    """Return what decides a purchase in each currency that the claims are in.

    What is in a currency that no programme takes is declined by the oldest programme, which says so.
    """
    currencies = sorted({claim.facts.currency for claim in claims})
    found = await programmes.lock_in_force(tx, currencies)
    missing = [currency for currency in currencies if currency not in found]
    first = await programmes.first_in_force(tx) if missing else None
    return found | ({} if first is None else dict.fromkeys(missing, first))


def _by_programme(
    claims: Sequence[Claim], in_force: Mapping[str, InForce]
) -> Iterator[tuple[InForce | None, list[int]]]:
    """Yield each programme with the places of the claims that it decides, in their order; None decides the rest."""
    places: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        programme = in_force.get(claim.facts.currency)
        places.setdefault("" if programme is None else programme.ruleset.programme_id, []).append(place)
    known = {programme.ruleset.programme_id: programme for programme in in_force.values()}
    for programme_id, found in places.items():
        yield known.get(programme_id), found


def _postings(accruals: Sequence[Accrual], in_force: Mapping[str, InForce]) -> list[Posting]:
    """Return what the grants move out of each campaign's budget."""
    postings = []
    for one in accruals:
        if one.state is State.APPROVED:
            programme = in_force[one.claim.facts.currency]
            postings.append(accrued(one, programme.campaign_id, programme.ruleset.currency.code))
    return postings


def _approved(accrual: Accrual, now: datetime) -> Event:
    """Return the event of one grant, in the trace of its purchase."""
    body = CashbackApproved(
        cashback_id=accrual.cashback_id,
        purchase_id=accrual.claim.purchase_id,
        user_id=accrual.claim.user_id,
        amount_minor=str(accrual.amount),
        currency=accrual.claim.facts.currency,
        token_units=str(accrual.token_units),
    )
    return to_event(body, key=accrual.cashback_id, time=now, traceparent=accrual.claim.traceparent)
