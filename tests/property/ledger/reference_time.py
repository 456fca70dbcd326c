"""When something falls due next: instants at which one microsecond decides."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from tests.property.ledger.reference import Expected, Scheme
from tests.property.ledger.reference_book import Book


def falls_due(book: Book, schemes: list[Scheme], now: datetime) -> set[tuple[datetime, str]]:
    """Return every instant to come at which something falls due, with what: at least the next midnight."""
    found = {(datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo), "midnight")}
    for one in book.cashbacks.values():
        found |= set(_of_cashback(one, is_claimed=one.user in book.wallets))
    for debtor in book.debtors.values():
        for part in debtor.open:
            if part.scheme.writes_off_after is not None:
                found.add((part.since + part.scheme.writes_off_after, "write_off"))
    for scheme in schemes:
        for version in scheme.versions:
            found.add((version.starts_at, "version"))
            if version.ends_at is not None:
                found.add((version.ends_at, "version_end"))
    return {(at, what) for at, what in found if at > now}


def _of_cashback(one: Expected, *, is_claimed: bool) -> Iterator[tuple[datetime, str]]:
    """Yield when a cashback takes a step by itself."""
    if one.state == "pending" and one.hold_until is not None:
        yield one.hold_until, "hold"
    if one.state == "approved" and one.approved_at is not None and not is_claimed:
        yield one.approved_at + one.scheme.expires_after, "expiry"
    if one.state == "waitlisted" and one.waits_until is not None:
        yield one.waits_until, "waited_too_long"
