"""What can differ, what a person does about it, and a list of differences that stays short whatever happened."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What can differ; the codes are stable."""

    MISSING_LOG = "missing_log"
    LEDGER_ONLY = "ledger_only"
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
    REORGANISED = "reorganised"
    SUPPLY_DIFFERS = "supply_differs"
    SUPPLY_UNEXPLAINED = "supply_unexplained"
    NONCE_GAP = "nonce_gap"
    ROLE_LOST = "role_lost"
    MINTER_PAUSED = "minter_paused"
    DECIMALS_CHANGED = "decimals_changed"
    STALE_FINALITY = "stale_finality"
    BOOKS_DIFFER = "books_differ"
    WALLET_DIFFERS = "wallet_differs"


STANDING: Final = frozenset(
    {
        Kind.NONCE_GAP,
        Kind.ROLE_LOST,
        Kind.MINTER_PAUSED,
        Kind.DECIMALS_CHANGED,
        Kind.STALE_FINALITY,
        Kind.BOOKS_DIFFER,
        Kind.SUPPLY_UNEXPLAINED,
        Kind.WALLET_DIFFERS,
    }
)
"""These say nothing of what was compared up to a block: a run with no others is one to go on from."""

_PAUSE: Final = "pause the minter with the guardian key and page; cashback chain halt --reason"

REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.MISSING_LOG: (
        "cashback chain halt --reason missing_log, and page: the ledger or minting settled what the chain"
        " does not show; stop the ledger worker"
    ),
    Kind.LEDGER_ONLY: (
        "of a request: cashback replay --type token.mint.requested; of a mint that is settled: cashback chain halt"
        " --reason ledger_only, and page, and stop the ledger worker"
    ),
    Kind.UNSETTLED_LOG: (
        "cashback replay --from-outbox minting when minting has settled it, otherwise set the outcome cursor back"
        " (docs/runbooks/reconcile.md)"
    ),
    Kind.UNEXPECTED_LOG: f"{_PAUSE} unexpected_log: somebody else minted",
    Kind.DUPLICATE_LOG: f"{_PAUSE} duplicate_log: the token contract is not ours",
    Kind.WRONG_AMOUNT: f"{_PAUSE} wrong_amount",
    Kind.WRONG_RECIPIENT: f"{_PAUSE} wrong_recipient",
    Kind.WRONG_PLACE: (
        "cashback mint show with its number, and page: the ledger or minting names another block or transaction than"
        " the one that minted"
    ),
    Kind.RETIRED_MINTED: (
        "cashback chain halt --reason retired_minted, and page: a number that was given up is minted, perhaps"
        " besides the one that came after it"
    ),
    Kind.RECORD_MISSING: "cashback replay --type token.mint.requested",
    Kind.RECORD_UNEXPECTED: (
        "cashback chain halt --reason record_unexpected, and page: a mint is under way that the ledger never requested"
    ),
    Kind.RECORD_DIFFERS: "cashback chain halt --reason record_differs, and page: one number stands for two mints",
    Kind.REORGANISED: (
        "cashback chain halt --reason reorganised, cashback chain recover --reason reorganised, then cashback reconcile"
        " --whole: final blocks were replaced"
    ),
    Kind.SUPPLY_DIFFERS: f"{_PAUSE} supply_differs: tokens exist that no mint log explains",
    Kind.SUPPLY_UNEXPLAINED: (
        f"{_PAUSE} supply_unexplained, unless it is paused already; then cashback reconcile --whole, which names the"
        " mints that nobody requested and brings the books up to date (docs/runbooks/unexplained.md)"
    ),
    Kind.NONCE_GAP: "cashback doctor, then look at the adapter's lane: cashback chain status",
    Kind.ROLE_LOST: "cashback chain status shows the lanes; have the contract's admin grant it again (grantRole)",
    Kind.MINTER_PAUSED: "cashback chain status; find out who paused and why, then have the admin call unpause()",
    Kind.DECIMALS_CHANGED: (
        "cashback chain halt --reason decimals_changed, and page: what answers as the token is not ours"
    ),
    Kind.STALE_FINALITY: "cashback chain status: ask another endpoint, or wait for the chain to finalise",
    Kind.BOOKS_DIFFER: (
        "stop the ledger worker, cashback reconcile --whole once more, and page: the books contradict themselves"
    ),
    Kind.WALLET_DIFFERS: (
        "ask the user which wallet is theirs, then cashback user wallet USER_ID ADDRESS (docs/runbooks/reconcile.md)"
    ),
}
"""What a person does about each kind."""

FINDINGS_OF_KIND_MAX: Final = 100
"""So many of each kind are told; the others are counted."""


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


class Findings:
    """Differences as they are found: all are counted, the first of each kind are kept."""

    def __init__(self) -> None:
        """Begin without any."""
        self.kept: list[Finding] = []
        self.kinds: Counter[Kind] = Counter()
        self._kept: Counter[Kind] = Counter()

    def take(self, found: Iterable[Finding], *, in_all: int = 0) -> None:
        """Count differences, and keep those that are among the first `FINDINGS_OF_KIND_MAX` of their kind.

        Of more than are given, all of one kind, there are `in_all`.
        """
        given = list(found)
        if given and in_all > len(given):
            self.kinds[given[0].kind] += in_all - len(given)
        for one in given:
            self.kinds[one.kind] += 1
            if self._kept[one.kind] < FINDINGS_OF_KIND_MAX:
                self._kept[one.kind] += 1
                self.kept.append(one)

    @property
    def is_checkpoint(self) -> bool:
        """Tell whether ledger, minting and chain agree, so that a later run may go on from here."""
        return not self.kinds.keys() - STANDING
