"""What refunds do to a cashback, by where it stands.

    declined, waitlisted, voided, expired   nothing was or will be paid: only what is left is noted
    never requested                         it shrinks, and the difference goes back to the campaigns' budgets;
                                            with less than one token unit left it is voided
    requested once, or netted               its tokens are frozen: the user owes the difference; a minted one of which
                                            nothing is left is reversed, one in flight when its mint settles

Each posts the difference between before and after, so the sum does not depend on how many refunds made it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.money import Minor, TokenRate, TokenUnits, to_token
from cashback.ledger.model import (
    Account,
    AccountKind,
    Cause,
    Grants,
    GrantsUnknown,
    Posting,
    Returned,
    Reversal,
    Reversed,
    Reversible,
    State,
    Stuck,
)
from cashback.ledger.model.books import CHARGEBACK
from cashback.ledger.rules.grants import decode_grants
from cashback.ledger.rules.postings import owed, payer_of, written_off
from cashback.ledger.rules.refunds import kept

_UNPAID: Final = frozenset({State.DECLINED, State.WAITLISTED, State.VOIDED, State.EXPIRED})
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What was returned as it is stored: whole numbers as strings."""

    amount: str
    lines: tuple[str, ...]


_decoder: Final = msgspec.json.Decoder(_Document)


def encode_returned(returned: Returned) -> bytes:
    """Return the one document of what was returned."""
    return _encoder.encode(_Document(amount=str(returned.amount), lines=tuple(str(line) for line in returned.lines)))


def decode_returned(document: bytes | None, *, lines: int) -> Returned:
    """Return what `encode_returned` wrote; nothing was returned of any of so many lines where there is none."""
    if document is None:
        return Returned(lines=(0,) * lines)
    read = _decoder.decode(document)
    return Returned(lines=tuple(int(line) for line in read.lines), amount=int(read.amount))


def reverse(cashback: Reversible, returned: Returned, *, debited: Minor | None = None) -> Reversed:
    """Return what is left of a cashback now that so much of its purchase was returned in all.

    `debited` is what people took back of it by hand in all; None: as before.

    Raises:
        GrantsUnknown: it was granted, and nothing says on which lines.
    """
    taken = cashback.debited if debited is None else debited
    return msgspec.structs.replace(_left(cashback, returned, taken), debited=taken)


def _left(cashback: Reversible, returned: Returned, debited: Minor) -> Reversed:
    """Return what is left of a cashback, by where it stands.

    Raises:
        GrantsUnknown: as `reverse`.
    """
    document = encode_returned(returned)
    if cashback.state in (State.DECLINED, State.WAITLISTED):
        return _noted(cashback, cashback.net, document)
    if cashback.grants is None:
        raise GrantsUnknown(f"nothing says on which lines {cashback.id} was granted", cashback_id=cashback.id)
    grants = decode_grants(cashback.grants)
    before = decode_returned(cashback.returned, lines=len(grants.lines))
    shares = kept(grants, returned.lines, returned.amount, debited)
    left = Minor(sum(shares.values()))
    if cashback.state in _UNPAID:
        return _noted(cashback, left, document)
    if cashback.was_requested or cashback.state is State.NETTED:
        return _owed(cashback, grants, left, document)
    return _shrunk(cashback, grants, shares, before, document)


def reverse_all(cashbacks: Mapping[str, Reversible], reversals: Sequence[Reversal]) -> list[Reversed]:
    """Return what each reversal leaves of its purchase's cashback, each having seen what those before it left.

    Raises:
        GrantsUnknown: as `reverse`.
    """
    known = dict(cashbacks)
    changes = []
    for reversal in reversals:
        change = msgspec.structs.replace(
            reverse(known[reversal.purchase_id], reversal.returned), is_chargeback=reversal.is_chargeback
        )
        known[reversal.purchase_id] = msgspec.structs.replace(
            change.cashback,
            state=change.state,
            net=change.net,
            payable=change.payable,
            payable_units=change.payable_units,
            returned=change.returned,
        )
        changes.append(change)
    return changes


def together(changes: Sequence[Reversed]) -> list[Reversed]:
    """Return one change for each cashback: from what it was to what the last one leaves, with the debt of all.

    It is a chargeback's where the change that brought it to where it stands at last is.
    """
    whole: dict[str, Reversed] = {}
    for change in changes:
        first = whole.get(change.cashback.id)
        whole[change.cashback.id] = (
            change
            if first is None
            else msgspec.structs.replace(
                change,
                cashback=first.cashback,
                debt=TokenUnits(first.debt + change.debt),
                is_chargeback=first.is_chargeback if change.state is first.state else change.is_chargeback,
                given_back=(),
            )
        )
    return list(whole.values())


def reversal_postings(change: Reversed, *, origin: str | None = None) -> list[Posting]:
    """Return what a change moves: money back to budgets, or debt; debt that the programme gives up at once as well.

    `origin` is the debit by hand that makes the change, None: no person does.
    """
    cashback = change.cashback
    origin = CHARGEBACK if change.is_chargeback else origin
    kind = AccountKind.APPROVED if cashback.state is State.APPROVED else AccountKind.PENDING
    cause = Cause.VOID if change.state is State.VOIDED else Cause.REFUND
    postings = [
        Posting(
            debit=Account(cashback.user_id, kind, cashback.currency),
            credit=payer_of(campaign_id, cashback.currency),
            amount=amount,
            cause=cause,
            cashback_id=cashback.id,
            origin=origin,
        )
        for campaign_id, amount in change.given_back
    ]
    if change.debt and cashback.programme_id is not None:
        debt = owed(cashback.user_id, cashback.programme_id, change.debt, cashback_id=cashback.id)
        postings.append(msgspec.structs.replace(debt, origin=origin))
        if change.is_given_up:
            postings.append(written_off(cashback.user_id, cashback.programme_id, change.debt))
    return postings


def owed_again(cashback: Stuck) -> TokenUnits:
    """Return what the user of a cashback that is given back owes for it again.

    Its programme gave that up because the tokens were gone, and they are not: nothing will be minted under its number.
    What was owed again for an earlier number is not owed a second time.

    Raises:
        GrantsUnknown: it was refunded, and nothing says what is left of it in tokens.
    """
    if not cashback.forgiven_units:
        return TokenUnits(0)
    if cashback.grants is None:
        raise GrantsUnknown(f"nothing says on which lines {cashback.id} was granted", cashback_id=cashback.id)
    by_refunds = cashback.payable_units - _tokens(cashback.net, decode_grants(cashback.grants))
    before = cashback.debt_units - by_refunds
    return TokenUnits(max(cashback.forgiven_units - before, 0))


def keep_back(units: Sequence[tuple[str, TokenUnits]], debts: dict[str, int]) -> list[TokenUnits]:
    """Return how much of each cashback, as (user, units) in their order, is kept against what its user owes.

    The first of a user pays first, each at most what it has, all at most what is owed.
    """
    owed = dict(debts)
    kept_back = []
    for user_id, has in units:
        taken = min(has, owed.get(user_id, 0))
        owed[user_id] = owed.get(user_id, 0) - taken
        kept_back.append(TokenUnits(taken))
    return kept_back


def _noted(cashback: Reversible, left: Minor, document: bytes) -> Reversed:
    """Return the cashback with nothing changed but what is left of it."""
    return Reversed(
        cashback=cashback,
        state=cashback.state,
        net=left,
        payable=cashback.payable,
        payable_units=cashback.payable_units,
        debt=TokenUnits(0),
        returned=document,
    )


def _owed(cashback: Reversible, grants: Grants, left: Minor, document: bytes) -> Reversed:
    """Return the cashback with its tokens as they were requested, and its user owing the difference."""
    change = _noted(cashback, left, document)
    is_reversed = cashback.state is State.MINTED and left == 0
    return msgspec.structs.replace(
        change,
        state=State.REVERSED if is_reversed else cashback.state,
        debt=TokenUnits(_tokens(cashback.net, grants) - _tokens(left, grants)),
    )


def _shrunk(
    cashback: Reversible, grants: Grants, shares: dict[str, Minor], before: Returned, document: bytes
) -> Reversed:
    """Return the cashback paying less, or nothing when not one token unit is left."""
    left = Minor(sum(shares.values()))
    units = _tokens(left, grants)
    had = kept(grants, before.lines, before.amount, cashback.debited)
    back = {campaign: had[campaign] - (shares[campaign] if units else 0) for campaign in sorted(had)}
    return msgspec.structs.replace(
        _noted(cashback, left, document),
        state=cashback.state if units else State.VOIDED,
        payable=left if units else Minor(0),
        payable_units=units,
        given_back=tuple((campaign, Minor(amount)) for campaign, amount in back.items() if amount),
    )


def _tokens(amount: Minor, grants: Grants) -> TokenUnits:
    """Return what an amount is in tokens, at the rate that the decision froze."""
    return to_token(amount, exponent=grants.exponent, rate=TokenRate(*grants.rate))
