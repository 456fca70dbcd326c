"""What the three sources say about each mint, held against each other; pure."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What can differ; the codes are stable."""

    MISSING_LOG = "missing_log"
    UNEXPECTED_LOG = "unexpected_log"
    DUPLICATE_LOG = "duplicate_log"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_PLACE = "wrong_place"
    RECORD_MISSING = "record_missing"
    RECORD_UNEXPECTED = "record_unexpected"
    RECORD_DIFFERS = "record_differs"
    SUPPLY_DIFFERS = "supply_differs"
    NONCE_GAP = "nonce_gap"
    BOOKS_DIFFER = "books_differ"


REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.MISSING_LOG: "page: the ledger settled what the chain does not show (docs/runbooks/reconcile.md)",
    Kind.UNEXPECTED_LOG: "pause the minter with the guardian key and page: somebody else minted",
    Kind.DUPLICATE_LOG: "pause the minter with the guardian key and page: the token contract is not ours",
    Kind.WRONG_AMOUNT: "pause the minter with the guardian key and page",
    Kind.WRONG_RECIPIENT: "pause the minter with the guardian key and page",
    Kind.WRONG_PLACE: "page: the ledger names another block or transaction than the one that minted",
    Kind.RECORD_MISSING: "cashback replay --type token.mint.requested",
    Kind.RECORD_UNEXPECTED: "halt minting and page: a mint is under way that the ledger never requested",
    Kind.RECORD_DIFFERS: "halt minting and page: one number stands for two mints",
    Kind.SUPPLY_DIFFERS: "pause the minter with the guardian key and page: tokens exist that no mint log explains",
    Kind.NONCE_GAP: "cashback doctor, then look at the adapter's lane",
    Kind.BOOKS_DIFFER: "stop the ledger worker and page: the books contradict themselves",
}
"""What a person does about each kind."""


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the ledger or as minting knows it; block and transaction are None until it was settled."""

    number: int
    cashback_id: str
    recipient: str
    amount: int
    minted_in_block: int | None
    transaction_hash: str | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the chain's log shows it."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: what was expected where, and what was found instead."""

    kind: Kind
    place: str
    expected: str
    found: str
    remedy: str


def finding(kind: Kind, place: str, *, expected: object, found: object) -> Finding:
    """Return a difference with the remedy of its kind."""
    return Finding(kind=kind, place=place, expected=str(expected), found=str(found), remedy=REMEDIES[kind])


def index(seen: Sequence[Seen]) -> tuple[dict[int, Seen], list[Finding]]:
    """Return the logs by number, and a difference for every number that has more than one."""
    by_number: dict[int, Seen] = {}
    twice: list[Finding] = []
    for log in seen:
        first = by_number.setdefault(log.number, log)
        if first is not log:
            place = f"mint {log.number}"
            hashes = {"expected": first.transaction_hash, "found": log.transaction_hash}
            twice.append(finding(Kind.DUPLICATE_LOG, place, **hashes))
    return by_number, twice


def compare(
    requested: Sequence[Requested], records: Mapping[int, Requested], logs: Mapping[int, Seen], *, at_block: int
) -> Iterator[Finding]:
    """Yield every difference about the `requested` mints, one stretch of the ledger at a time."""
    for mint in requested:
        place = f"mint {mint.number} ({mint.cashback_id})"
        yield from _against_log(mint, logs.get(mint.number), place, at_block)
        yield from _against_record(mint, records.get(mint.number), place)


def unexpected(logs: Mapping[int, Seen], known: set[int]) -> Iterator[Finding]:
    """Yield a difference for every log whose number the ledger never gave out."""
    for number in sorted(logs.keys() - known):
        log = logs[number]
        found = f"{log.amount} to {log.recipient} in {log.transaction_hash}"
        yield finding(Kind.UNEXPECTED_LOG, f"mint {number}", expected="no mint", found=found)


def unrequested(records: Mapping[int, Requested], known: set[int]) -> Iterator[Finding]:
    """Yield a difference for every record of minting whose number the ledger never gave out (I3)."""
    for number in sorted(records.keys() - known):
        record = records[number]
        found = f"{record.amount} to {record.recipient} for {record.cashback_id}"
        yield finding(Kind.RECORD_UNEXPECTED, f"mint {number}", expected="no record", found=found)


def supply(*, minted: int, burned: int, total_supply: int, at_block: int) -> Iterator[Finding]:
    """Yield a difference unless supply = minted - burned at that block."""
    if minted - burned != total_supply:
        yield finding(Kind.SUPPLY_DIFFERS, f"block {at_block}", expected=minted - burned, found=total_supply)


def _against_log(mint: Requested, log: Seen | None, place: str, at_block: int) -> Iterator[Finding]:
    """Yield what differs between the ledger and the chain; a mint settled above the block is not judged by it."""
    if log is None:
        if mint.minted_in_block is not None and mint.minted_in_block <= at_block:
            yield finding(Kind.MISSING_LOG, place, expected=f"a log in block {mint.minted_in_block}", found="none")
        return
    if log.amount != mint.amount:
        yield finding(Kind.WRONG_AMOUNT, place, expected=mint.amount, found=log.amount)
    if log.recipient.lower() != mint.recipient.lower():
        yield finding(Kind.WRONG_RECIPIENT, place, expected=mint.recipient, found=log.recipient)
    settled, stands = (mint.minted_in_block, mint.transaction_hash), (log.block_number, log.transaction_hash)
    if mint.minted_in_block is not None and settled != stands:
        yield finding(Kind.WRONG_PLACE, place, expected=settled, found=stands)


def _against_record(mint: Requested, record: Requested | None, place: str) -> Iterator[Finding]:
    """Yield what differs between the ledger and minting's record of the same number."""
    if record is None:
        if mint.minted_in_block is not None:
            yield finding(Kind.RECORD_MISSING, place, expected="a record in minting", found="none")
        return
    ours = (mint.cashback_id, mint.recipient.lower(), mint.amount)
    theirs = (record.cashback_id, record.recipient.lower(), record.amount)
    if ours != theirs:
        yield finding(Kind.RECORD_DIFFERS, place, expected=ours, found=theirs)
