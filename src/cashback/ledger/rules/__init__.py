"""The ledger's decisions, pure: the same arguments give the same answer, anywhere and at any time."""

from cashback.ledger.rules.books import transfers
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.decide import ENGINE, decide, fold
from cashback.ledger.rules.document import decided_of, document_of, replay
from cashback.ledger.rules.explain import explain
from cashback.ledger.rules.postings import accrued, budget_of, failed, funded, minted, requested
from cashback.ledger.rules.programme import check_room, check_terms, largest_grant
from cashback.ledger.rules.recovery import account_for
from cashback.ledger.rules.requests import backoff, settles

__all__ = [
    "ENGINE",
    "account_for",
    "accrued",
    "backoff",
    "budget_of",
    "check_room",
    "check_terms",
    "currency_of",
    "decide",
    "decided_of",
    "document_of",
    "explain",
    "failed",
    "fold",
    "funded",
    "largest_grant",
    "minted",
    "replay",
    "requested",
    "settles",
    "transfers",
]
