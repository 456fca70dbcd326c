"""Recording a purchase with an object-relational mapper: one transaction, in the order in which one would tell it.

merchant, user ─▶ key reserved ─▶ programme ─▶ budget and user's account locked ─▶ decided ─▶ purchase, cashback,
decision, transition, transfer, balances, answer ─▶ lanes locked ─▶ both events ─▶ (the caller commits)

It knows what the benchmark's programme has, a percentage of everything out of one budget, and leaves out what that has
not: lines, exchange rates, holds, reviews, limits, refunds that came first. What it may not leave out are the locks:
balances after a transfer are those of a locked budget, and an event's position is given out under its lane's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert

from tests.benchmarks.peers.fastapi_orm.bodies import CashbackOut, PurchaseIn, PurchaseOut
from tests.benchmarks.peers.fastapi_orm.deciding import (
    Decided,
    Terms,
    document_of,
    earned,
    explanation,
    fingerprint,
    granted,
    grants_of,
)
from tests.benchmarks.peers.fastapi_orm.naming import new_id
from tests.benchmarks.peers.fastapi_orm.tables import (
    Accepted,
    Account,
    Campaign,
    Cashback,
    Decision,
    IdempotencyKey,
    Merchant,
    Programme,
    Purchase,
    Ruleset,
    Transfer,
    Transition,
    User,
)
from tests.benchmarks.peers.fastapi_orm.telling import tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession  # whose module does not load without greenlet


class Refused(Exception):
    """A request that changes nothing: its status, its code, and what is wrong with it."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Say so."""
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True)
class Asked:
    """A request: whose key it came under, by which API key, in which trace, and when."""

    owner: str
    key: str
    by_key: str | None
    traceparent: str
    now: datetime


@dataclass(frozen=True)
class Recorded:
    """The answer to a purchase, given now or before."""

    answer: bytes
    is_replay: bool


async def record(session: "AsyncSession", purchase: PurchaseIn, asked: Asked) -> Recorded:
    """Record a purchase once; the caller commits.

    Raises:
        Refused: it names what does not exist, its key was used for something else, or its name is another one's.
    """
    merchant = await session.get(Merchant, purchase.merchant_id)
    if merchant is None:
        raise Refused(404, "merchant_unknown", "there is no such merchant")
    user = await session.get(User, purchase.user_id)
    if user is None:
        raise Refused(404, "user_unknown", "there is no such user")
    reserved = await _reserve(session, purchase, asked)
    if reserved is None:
        return await _replay(session, purchase, asked)
    await _check_name(session, purchase)
    terms = await _terms(session, purchase)
    decided, accounts = await _decide(session, purchase, terms, user=user, merchant=merchant)
    recorded = Purchase(
        id=new_id("pur"),
        merchant_id=merchant.id,
        user_id=user.id,
        reference=purchase.reference,
        amount_minor=int(purchase.amount_minor),
        currency=purchase.currency,
        occurred_at=purchase.occurred_at,
        received_at=asked.now,
        created_at=asked.now,
    )
    cashback = _cashback(recorded, decided, terms, asked)
    document = document_of(recorded, decided, terms, user=user, merchant=merchant)
    session.add_all(
        [
            recorded,
            cashback,
            Decision(cashback_id=cashback.id, document=document.model_dump_json(exclude_none=True).encode()),
            Transition(
                cashback_id=cashback.id,
                from_state=None,
                to_state=cashback.state,
                actor="ledger",
                cause=cashback.reason,
                at=asked.now,
            ),
        ]
    )
    if decided.amount:
        session.add(_transfer(accounts, cashback, recorded))
    answer = _answer(recorded, cashback, explanation(purchase, decided, terms))
    reserved.answer, reserved.resource = answer, recorded.id
    await session.flush()
    await tell(session, recorded, cashback, traceparent=asked.traceparent, now=asked.now)
    return Recorded(answer, is_replay=False)


async def _check_name(session: "AsyncSession", purchase: PurchaseIn) -> None:
    """Refuse a purchase when another one of its merchant has its reference."""
    same = select(Purchase.id).where(
        Purchase.merchant_id == purchase.merchant_id, Purchase.reference == purchase.reference, Purchase.is_named
    )
    if purchase.reference is not None and await session.scalar(same) is not None:
        raise Refused(409, "purchase_exists", "another purchase of the merchant has this reference")


async def _reserve(session: "AsyncSession", purchase: PurchaseIn, asked: Asked) -> IdempotencyKey | None:
    """Return the row of a key that is ours now, None where it was used; whoever is using it is waited for."""
    row: IdempotencyKey | None = await session.scalar(
        insert(IdempotencyKey)
        .values(
            owner=asked.owner,
            key=asked.key,
            fingerprint=fingerprint(purchase),
            by_key=asked.by_key,
            created_at=asked.now,
        )
        .on_conflict_do_nothing()
        .returning(IdempotencyKey)
    )
    return row


async def _replay(session: "AsyncSession", purchase: PurchaseIn, asked: Asked) -> Recorded:
    """Return the answer that a key stands for.

    Raises:
        Refused: it stands for another request.
    """
    known = await session.get_one(IdempotencyKey, (asked.owner, asked.key))
    if known.fingerprint != fingerprint(purchase):
        raise Refused(422, "idempotency_key_reused", "this key was used with another request")
    return Recorded(known.answer or b"", is_replay=True)


async def _terms(session: "AsyncSession", purchase: PurchaseIn) -> Terms | None:
    """Return the programme that takes the currency, with the percentage in force then and the campaign that pays."""
    found = await session.execute(
        select(Programme, Ruleset, Campaign)
        .join(Accepted, Accepted.programme_id == Programme.id)
        .join(
            Ruleset,
            and_(
                Ruleset.programme_id == Programme.id,
                Ruleset.rate_bps.is_not(None),
                Ruleset.starts_at <= purchase.occurred_at,
                or_(Ruleset.ends_at.is_(None), Ruleset.ends_at > purchase.occurred_at),
            ),
        )
        .join(
            Campaign, and_(Campaign.programme_id == Programme.id, Campaign.name == "base", Campaign.closed_at.is_(None))
        )
        .where(Accepted.currency == purchase.currency, Accepted.ends_at.is_(None))
        .order_by(Ruleset.version.desc())
        .limit(1)
    )
    row = found.first()
    return None if row is None else Terms(*row)


async def _decide(
    session: "AsyncSession", purchase: PurchaseIn, terms: Terms | None, *, user: User, merchant: Merchant
) -> tuple[Decided, Sequence[Account]]:
    """Return what is granted, and the accounts of budget and user, which stay locked where anything is earned."""
    before = earned(purchase, terms, user=user, merchant=merchant)
    if terms is None or not before.desired:
        return before, ()
    accounts = await _lock(session, terms, user)
    if len(accounts) < 2:
        await session.execute(
            insert(Account)
            .values(owner=user.id, kind="approved", currency=terms.programme.currency, stripe=0)
            .on_conflict_do_nothing()
        )
        accounts = await _lock(session, terms, user)
    budget, approved = sorted(accounts, key=lambda account: account.kind != "budget")
    decided = granted(before.desired, terms, left=budget.balance)
    budget.balance -= decided.amount
    approved.balance += decided.amount
    return decided, (budget, approved)


async def _lock(session: "AsyncSession", terms: Terms, user: User) -> Sequence[Account]:
    """Return the accounts of budget and user, as far as they exist, locked by ascending number."""
    whose = or_(
        and_(Account.owner == terms.campaign.id, Account.kind == "budget"),
        and_(Account.owner == user.id, Account.kind == "approved"),
    )
    found = await session.scalars(
        select(Account)
        .where(whose, Account.currency == terms.programme.currency, Account.stripe == 0)
        .order_by(Account.id)
        .with_for_update()
    )
    return found.all()


def _cashback(recorded: Purchase, decided: Decided, terms: Terms | None, asked: Asked) -> Cashback:
    """Return the row of a cashback."""
    return Cashback(
        id=new_id("cb"),
        purchase_id=recorded.id,
        user_id=recorded.user_id,
        merchant_id=recorded.merchant_id,
        programme_id=None if terms is None else terms.programme.id,
        currency=recorded.currency if terms is None else terms.programme.currency,
        desired_minor=decided.desired,
        amount_minor=decided.amount,
        token_units=decided.token_units,
        net_minor=decided.amount,
        payable_minor=decided.amount,
        payable_units=decided.token_units,
        state=decided.state,
        reason=decided.reason,
        traceparent=asked.traceparent,
        grants=grants_of(recorded, decided, terms),
        approved_at=asked.now if decided.amount else None,
        created_at=asked.now,
    )


def _transfer(accounts: Sequence[Account], cashback: Cashback, recorded: Purchase) -> Transfer:
    """Return the row of what moves from the budget to the user; the balances are those after it."""
    budget, approved = accounts
    return Transfer(
        cashback_id=cashback.id,
        debit_account=budget.id,
        credit_account=approved.id,
        currency=cashback.currency,
        amount=cashback.amount_minor,
        debit_balance_after=budget.balance,
        credit_balance_after=approved.balance,
        cause="accrual",
        at=recorded.created_at,
        effective_at=recorded.occurred_at,
    )


def _answer(recorded: Purchase, cashback: Cashback, told: str) -> bytes:
    """Return what the caller is answered, now and whenever it asks again."""
    answer = PurchaseOut(
        amount_minor=str(recorded.amount_minor),
        cashback=CashbackOut(
            amount_minor=str(cashback.amount_minor),
            currency=cashback.currency,
            explanation=told,
            id=cashback.id,
            reason=cashback.reason,
            state=cashback.state,
            token_units=str(cashback.token_units),
        ),
        currency=recorded.currency,
        id=recorded.id,
        merchant_id=recorded.merchant_id,
        occurred_at=recorded.occurred_at,
        received_at=recorded.received_at,
        reference=recorded.reference,
        user_id=recorded.user_id,
    )
    return answer.model_dump_json().encode()
