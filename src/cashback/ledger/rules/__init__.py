"""The ledger's decisions, pure: the same arguments give the same answer, anywhere and at any time."""

from cashback.ledger.rules.books import transfers
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.decide import ENGINE, decide, fold
from cashback.ledger.rules.document import decided_of, document_of, replay
from cashback.ledger.rules.explain import explain
from cashback.ledger.rules.grants import decode_grants, encode_grants, spread
from cashback.ledger.rules.postings import accrued, budget_of, failed, funded, given_back, minted, requested, reverted
from cashback.ledger.rules.programme import (
    bare_percentage,
    check_limit,
    check_room,
    check_terms,
    fitting,
    largest_grant,
)
from cashback.ledger.rules.recovery import account_for, account_for_all, adopted
from cashback.ledger.rules.refunds import kept, net
from cashback.ledger.rules.requests import backoff, check_retired, reopened, settles

__all__ = [
    "ENGINE",
    "account_for",
    "account_for_all",
    "accrued",
    "adopted",
    "backoff",
    "bare_percentage",
    "budget_of",
    "check_limit",
    "check_retired",
    "check_room",
    "check_terms",
    "currency_of",
    "decide",
    "decided_of",
    "decode_grants",
    "document_of",
    "encode_grants",
    "explain",
    "failed",
    "fitting",
    "fold",
    "funded",
    "given_back",
    "kept",
    "largest_grant",
    "minted",
    "net",
    "reopened",
    "replay",
    "requested",
    "reverted",
    "settles",
    "spread",
    "transfers",
]
