"""What the three sources say about each mint, held against each other; pure."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.addresses import checksum_address


class Kind(StrEnum):
    """What can differ; the codes are stable."""

    MISSING_LOG = "missing_log"
    UNSETTLED_LOG = "unsettled_log"
    UNEXPECTED_LOG = "unexpected_log"
    DUPLICATE_LOG = "duplicate_log"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_PLACE = "wrong_place"
    RETIRED_MINTED = "retired_minted"
    RECORD_MISSING = "record_missing"
    RECORD_UNEXPECTED = "record_unexpected"
    RECORD_DIFFERS = "record_differs"
    SUPPLY_DIFFERS = "supply_differs"
    NONCE_GAP = "nonce_gap"
    BOOKS_DIFFER = "books_differ"
    WALLET_DIFFERS = "wallet_differs"


UNSETTLED_AFTER_S: Final = 21_600
"""From how much before the final block compared at on a log must be settled, by the blocks' own times: 6 hours.

Longer than the longest pause after which the ledger asks again (an hour), and than the steps in which finality comes.
"""

REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.MISSING_LOG: "page: the ledger or minting settled what the chain does not show (docs/runbooks/reconcile.md)",
    Kind.UNSETTLED_LOG: (
        "cashback replay --from-outbox minting when minting has settled it, otherwise set the outcome cursor back"
        " (docs/runbooks/reconcile.md)"
    ),
    Kind.UNEXPECTED_LOG: "pause the minter with the guardian key and page: somebody else minted",
    Kind.DUPLICATE_LOG: "pause the minter with the guardian key and page: the token contract is not ours",
    Kind.WRONG_AMOUNT: "pause the minter with the guardian key and page",
    Kind.WRONG_RECIPIENT: "pause the minter with the guardian key and page",
    Kind.WRONG_PLACE: "page: the ledger or minting names another block or transaction than the one that minted",
    Kind.RETIRED_MINTED: "halt minting and page: a number that was given up is minted, perhaps its cashback twice",
    Kind.RECORD_MISSING: "cashback replay --type token.mint.requested",
    Kind.RECORD_UNEXPECTED: "halt minting and page: a mint is under way that the ledger never requested",
    Kind.RECORD_DIFFERS: "halt minting and page: one number stands for two mints",
    Kind.SUPPLY_DIFFERS: "pause the minter with the guardian key and page: tokens exist that no mint log explains",
    Kind.NONCE_GAP: "cashback doctor, then look at the adapter's lane",
    Kind.BOOKS_DIFFER: "stop the ledger worker and page: the books contradict themselves",
    Kind.WALLET_DIFFERS: "ask the user for the wallet, and set it again (docs/runbooks/reconcile.md)",
}
"""What a person does about each kind."""


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


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as the chain's log shows it."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class Unsettled(msgspec.Struct, frozen=True, kw_only=True):
    """A mint whose log stands in a final block, and that the ledger or minting's record has not settled."""

    mint: Requested
    record: Requested | None
    log: Seen


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
        yield from _against_log(mint, records.get(mint.number), logs.get(mint.number), place, at_block)
        yield from _against_record(mint, records.get(mint.number), place)


def settling(
    requested: Sequence[Requested], records: Mapping[int, Requested], logs: Mapping[int, Seen]
) -> Iterator[Unsettled]:
    """Yield the mints that the chain shows and that ledger or minting has not settled: normal for a while."""
    for mint in requested:
        log, record = logs.get(mint.number), records.get(mint.number)
        if log is not None and not mint.is_retired and not (_is_settled(mint) and _is_settled(record)):
            yield Unsettled(mint=mint, record=record, log=log)


def unsettled(found: Sequence[Unsettled], *, until_block: int) -> Iterator[Finding]:
    """Yield a difference for each of those whose log stands in `until_block` or before: too long ago to be normal."""
    for one in found:
        if one.log.block_number <= until_block:
            place = f"mint {one.mint.number} ({one.mint.cashback_id})"
            told = f"ledger: {_settled(one.mint)}, minting: {_settled(one.record)}"
            yield finding(Kind.UNSETTLED_LOG, place, expected=f"settled in block {one.log.block_number}", found=told)


def unexpected(logs: Mapping[int, Seen], known: set[int]) -> Iterator[Finding]:
    """Yield a difference for every log whose number the ledger never gave out."""
    for number in sorted(logs.keys() - known):
        log = logs[number]
        found = f"{log.amount} to {checksum_address(log.recipient)} in {log.transaction_hash}"
        yield finding(Kind.UNEXPECTED_LOG, f"mint {number}", expected="no mint", found=found)


def unrequested(records: Mapping[int, Requested], known: set[int]) -> Iterator[Finding]:
    """Yield a difference for every record of minting whose number the ledger never gave out (I3)."""
    for number in sorted(records.keys() - known):
        record = records[number]
        found = f"{record.amount} to {checksum_address(record.recipient)} for {record.cashback_id}"
        yield finding(Kind.RECORD_UNEXPECTED, f"mint {number}", expected="no record", found=found)


def supply(*, minted: int, burned: int, total_supply: int, at_block: int) -> Iterator[Finding]:
    """Yield a difference unless supply = minted - burned at that block."""
    if minted - burned != total_supply:
        yield finding(Kind.SUPPLY_DIFFERS, f"block {at_block}", expected=minted - burned, found=total_supply)


def _against_log(
    mint: Requested, record: Requested | None, log: Seen | None, place: str, at_block: int
) -> Iterator[Finding]:
    """Yield what differs between ledger or minting and the chain; what was settled above the block is not judged."""
    if log is None:
        for block_number, transaction_hash in _places(mint, record):
            if block_number <= at_block:
                expected = f"a log in block {block_number}, {transaction_hash}"
                yield finding(Kind.MISSING_LOG, place, expected=expected, found="none")
        return
    if mint.is_retired:
        yield finding(Kind.RETIRED_MINTED, place, expected="no log", found=f"a log in block {log.block_number}")
        return
    if log.amount != mint.amount:
        yield finding(Kind.WRONG_AMOUNT, place, expected=mint.amount, found=log.amount)
    if log.recipient.lower() != mint.recipient.lower():
        yield finding(Kind.WRONG_RECIPIENT, place, expected=mint.recipient, found=checksum_address(log.recipient))
    stands = (log.block_number, log.transaction_hash)
    for settled in _places(mint, record):
        if settled != stands:
            yield finding(Kind.WRONG_PLACE, place, expected=settled, found=stands)


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
        written = (record.cashback_id, checksum_address(record.recipient), record.amount)
        expected = (mint.cashback_id, mint.recipient, mint.amount)
        yield finding(Kind.RECORD_DIFFERS, place, expected=expected, found=written)
