"""What the three sources say about one mint, held against each other; pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.addresses import checksum_address
from cashback.processes.reconcile.findings import Finding, Kind, finding

UNSETTLED_AFTER_S: Final = 21_600
"""From how much before the final block compared at on a log must be settled, by the blocks' own times: 6 hours.

Longer than the longest pause after which the ledger asks again (an hour), and than the steps in which finality comes.
"""


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the ledger or as minting knows it; block and transaction are None until it was settled.

    The ledger has given one up that `is_retired`: nothing is ever minted under its number.
    """

    number: int
    cashback_id: str
    recipient: str
    amount: int
    minted_in_block: int | None
    transaction_hash: str | None = None
    is_retired: bool = False
    requested_at: datetime | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the chain's log shows it."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """What ledger, minting and chain say of one number; at least one of them says something."""

    number: int
    mint: Requested | None
    record: Requested | None
    log: Seen | None

    @property
    def place(self) -> str:
        """Return what a finding calls this."""
        return f"mint {self.number}" + (f" ({self.mint.cashback_id})" if self.mint is not None else "")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks that decide how a number is judged.

    `at_block` is the last one that was read. A request from before `lost_before` has come to minting, or is lost. Up to
    `unsettled_until` a log is too old not to be settled, -1 for none. Up to `settled_to` everything was compared by an
    earlier run, -1 when there was none.
    """

    at_block: int
    lost_before: datetime | None = None
    unsettled_until: int = -1
    settled_to: int = -1


def judge(suspect: Suspect, bounds: Bounds) -> Iterator[Finding]:
    """Yield every difference about one number; what is merely under way is none."""
    mint, record, log = suspect.mint, suspect.record, suspect.log
    if mint is None:
        yield from _unrequested(suspect)
        return
    if log is not None and _is_closed(mint, bounds):
        # An earlier run has seen another log of this number.
        yield finding(Kind.DUPLICATE_LOG, suspect.place, expected=mint.transaction_hash, found=log.transaction_hash)
        return
    if log is None:
        yield from _without_log(mint, record, suspect.place, bounds.at_block)
        if record is None:
            yield from _lost(mint, suspect.place, bounds.lost_before)
    else:
        yield from _against_log(mint, record, log, suspect.place)
        yield from _unsettled(suspect, log, bounds)
    if log is not None or record is not None:
        yield from _against_record(mint, record, suspect.place)


def duplicate(number: int, *, first: str, other: str) -> Finding:
    """Return the difference that one number has two logs, in these transactions."""
    return finding(Kind.DUPLICATE_LOG, f"mint {number}", expected=first, found=other)


def supply(*, minted: int, burned: int, total_supply: int, at_block: int) -> Iterator[Finding]:
    """Yield a difference unless supply = minted - burned at that block."""
    if minted - burned != total_supply:
        yield finding(Kind.SUPPLY_DIFFERS, f"block {at_block}", expected=minted - burned, found=total_supply)


def _is_closed(mint: Requested, bounds: Bounds) -> bool:
    """Tell whether an earlier run has compared this mint."""
    return mint.minted_in_block is not None and mint.minted_in_block <= bounds.settled_to


def _unrequested(suspect: Suspect) -> Iterator[Finding]:
    """Yield what the chain or minting has of a number that the ledger never gave out (I3)."""
    log, record = suspect.log, suspect.record
    if log is not None:
        found = f"{log.amount} to {checksum_address(log.recipient)} in {log.transaction_hash}"
        yield finding(Kind.UNEXPECTED_LOG, suspect.place, expected="no mint", found=found)
    if record is not None:
        found = f"{record.amount} to {checksum_address(record.recipient)} for {record.cashback_id}"
        yield finding(Kind.RECORD_UNEXPECTED, suspect.place, expected="no record", found=found)


def _without_log(mint: Requested, record: Requested | None, place: str, at_block: int) -> Iterator[Finding]:
    """Yield what was settled and has no log; what was settled above the block compared at is not judged."""
    for block_number, transaction_hash in _places(mint, record):
        if block_number <= at_block:
            expected = f"a log in block {block_number}, {transaction_hash}"
            kind = Kind.MISSING_LOG if record is not None else Kind.LEDGER_ONLY
            yield finding(kind, place, expected=expected, found="none" if record is not None else "no log, no record")


def _lost(mint: Requested, place: str, lost_before: datetime | None) -> Iterator[Finding]:
    """Yield a difference when a request of long ago never came to minting."""
    at = mint.requested_at
    if mint.is_retired or _is_settled(mint) or at is None or lost_before is None or at >= lost_before:
        return
    expected = f"a record in minting of what was requested at {at:%Y-%m-%dT%H:%M:%SZ}"
    yield finding(Kind.LEDGER_ONLY, place, expected=expected, found="no log, no record")


def _against_log(mint: Requested, record: Requested | None, log: Seen, place: str) -> Iterator[Finding]:
    """Yield what differs between ledger or minting and the chain."""
    if mint.is_retired:
        yield finding(Kind.RETIRED_MINTED, place, expected="no log", found=f"a log in block {log.block_number}")
        return
    if log.amount != mint.amount:
        yield finding(Kind.WRONG_AMOUNT, place, expected=mint.amount, found=log.amount)
    if log.recipient.lower() != mint.recipient.lower():
        yield finding(
            Kind.WRONG_RECIPIENT,
            place,
            expected=checksum_address(mint.recipient),
            found=checksum_address(log.recipient),
        )
    stands = (log.block_number, log.transaction_hash)
    for settled in _places(mint, record):
        if settled != stands:
            yield finding(Kind.WRONG_PLACE, place, expected=settled, found=stands)


def _unsettled(suspect: Suspect, log: Seen, bounds: Bounds) -> Iterator[Finding]:
    """Yield a difference when a log is of too long ago for ledger or minting not to have settled it."""
    mint, record = suspect.mint, suspect.record
    is_settled = _is_settled(mint) and _is_settled(record)
    if mint is None or mint.is_retired or is_settled or log.block_number > bounds.unsettled_until:
        return
    told = f"ledger: {_settled(mint)}, minting: {_settled(record)}"
    yield finding(Kind.UNSETTLED_LOG, suspect.place, expected=f"settled in block {log.block_number}", found=told)


def _places(mint: Requested, record: Requested | None) -> list[tuple[int, str | None]]:
    """Return where ledger and minting say that a mint stands: one place when they agree, none before it is settled."""
    places: dict[tuple[int, str | None], None] = {}
    for one in (mint, record):
        if one is not None and one.minted_in_block is not None:
            places[one.minted_in_block, one.transaction_hash] = None
    return list(places)


def _is_settled(one: Requested | None) -> bool:
    """Tell whether ledger or minting has settled a mint."""
    return one is not None and one.minted_in_block is not None


def _settled(one: Requested | None) -> str:
    """Return what ledger or minting knows of a mint's end."""
    if one is None:
        return "no record"
    return "not settled" if one.minted_in_block is None else f"settled in block {one.minted_in_block}"


def _against_record(mint: Requested, record: Requested | None, place: str) -> Iterator[Finding]:
    """Yield what differs between the ledger and minting's record of the same number."""
    if record is None:
        if mint.minted_in_block is not None:
            yield finding(Kind.RECORD_MISSING, place, expected="a record in minting", found="none")
        return
    ours = (mint.cashback_id, mint.recipient.lower(), mint.amount)
    theirs = (record.cashback_id, record.recipient.lower(), record.amount)
    if ours != theirs:
        expected = (mint.cashback_id, checksum_address(mint.recipient), mint.amount)
        written = (record.cashback_id, checksum_address(record.recipient), record.amount)
        yield finding(Kind.RECORD_DIFFERS, place, expected=expected, found=written)
