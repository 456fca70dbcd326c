"""What becomes of those who wait for budget, told a second time: line by line, first come first."""

from datetime import datetime

from tests.property.ledger.reference import Expected, Fund, Scheme
from tests.property.ledger.reference_book import Book
from tests.property.ledger.reference_decision import decide


def serve(book: Book, schemes: list[Scheme], now: datetime) -> None:
    """Serve each line once in which anybody can be served, in the order of the campaigns' ids."""
    funds = [
        (fund, scheme)
        for scheme in schemes
        if not scheme.is_paused
        for fund in scheme.funds.values()
        if any(_is_looked_at(one, fund, now) for one in _line(book, fund))
    ]
    for fund, scheme in sorted(funds, key=lambda each: each[0].id):
        _serve(book, fund, scheme, now)


def _serve(book: Book, fund: Fund, scheme: Scheme, now: datetime) -> None:
    """Decide those again for whom the budget suffices, or who need wait no more; what was returned goes back last."""
    taken = [(one, _is_due(one, fund, now)) for one in _line(book, fund) if _is_looked_at(one, fund, now)]
    decided = []
    for one, is_due in taken:
        if one.left == 0:
            one.state = "declined"
        elif is_due:
            is_aged = one.waits_until is not None and one.waits_until <= now
            over = {
                other.id
                for other in scheme.funds.values()
                if other.exhaustion == "waitlist" and (is_aged or other.is_closed(now))
            }
            decide(one, now, without=frozenset(over))
            decided.append(one)
        else:
            one.has_returns = False
    for one in decided:
        if one.amount:
            book.leave(one, one.grants(), now)


def _line(book: Book, fund: Fund) -> list[Expected]:
    """Return those who wait for a campaign, in the order in which they came."""
    return [one for one in book.cashbacks.values() if one.state == "waitlisted" and one.waits_for == fund.id]


def _is_due(one: Expected, fund: Fund, now: datetime) -> bool:
    """Return whether somebody in line can be paid, or waits for nothing."""
    is_aged = one.waits_until is not None and one.waits_until <= now
    return is_aged or fund.is_closed(now) or one.wants <= fund.left


def _is_looked_at(one: Expected, fund: Fund, now: datetime) -> bool:
    """Return whether a worker looks at somebody in line."""
    return one.has_returns or _is_due(one, fund, now)
