"""The ledger's decisions, pure: the same arguments give the same answer, anywhere and at any time."""

from cashback.ledger.rules.books import changed_by, transfers
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.debts import due, oldest
from cashback.ledger.rules.decide import ENGINE, decide, fold
from cashback.ledger.rules.document import decided_of, document_of, engine_of, replay
from cashback.ledger.rules.explain import explain
from cashback.ledger.rules.grants import decode_grants, encode_grants, grants_of
from cashback.ledger.rules.postings import (
    accrued,
    budget_of,
    debt_of,
    failed,
    funded,
    given_back,
    minted,
    netted_whole,
    requested,
    reverted,
    written_off,
    written_off_of,
)
from cashback.ledger.rules.programme import bare_percentage, check_limit, check_room, check_terms
from cashback.ledger.rules.recovery import account_for, account_for_all, adopted
from cashback.ledger.rules.refunds import kept, net
from cashback.ledger.rules.requests import backoff, check_retired, reopened, settles
from cashback.ledger.rules.reversals import (
    decode_returned,
    encode_returned,
    keep_back,
    owed_again,
    reversal_postings,
    reverse,
    reverse_all,
    together,
)

__all__ = [
    "ENGINE",
    "account_for",
    "account_for_all",
    "accrued",
    "adopted",
    "backoff",
    "bare_percentage",
    "budget_of",
    "changed_by",
    "check_limit",
    "check_retired",
    "check_room",
    "check_terms",
    "currency_of",
    "debt_of",
    "decide",
    "decided_of",
    "decode_grants",
    "decode_returned",
    "document_of",
    "due",
    "encode_grants",
    "encode_returned",
    "engine_of",
    "explain",
    "failed",
    "fold",
    "funded",
    "given_back",
    "grants_of",
    "keep_back",
    "kept",
    "minted",
    "net",
    "netted_whole",
    "oldest",
    "owed_again",
    "reopened",
    "replay",
    "requested",
    "reversal_postings",
    "reverse",
    "reverse_all",
    "reverted",
    "settles",
    "together",
    "transfers",
    "written_off",
    "written_off_of",
]
