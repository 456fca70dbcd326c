"""Reading what nodes say to a sent transaction.

There is no standard for these errors: geth, anvil, nethermind, erigon, besu and reth each have their own words, so they
are told apart by lower-cased substrings. What nobody recognises is a refusal; what was not answered is unknown.
"""

from collections.abc import Sequence
from typing import Final

from cashback.chain.model import Answer, NodeAnswer

_WORDS: Final[tuple[tuple[Answer, tuple[str, ...]], ...]] = (
    (
        "known",
        (
            "already known",
            "alreadyknown",
            "already imported",
            "known transaction",
            "transaction already exists",
            "already in the mempool",
            "same hash was already imported",
        ),
    ),
    ("nonce_used", ("nonce too low", "nonce is too low", "oldnonce", "nonce below", "nonce has already been used")),
    (
        "underpriced",
        (
            "underpriced",
            "could not replace existing",
            "replacementnotallowed",
            "less than block base fee",
            "max fee per gas less than",
            "feetoolow",
            "fee too low",
            "feecap too low",
            "gas price is too low",
            "gas price below configured minimum",
        ),
    ),
    ("no_funds", ("insufficient funds", "insufficientfunds", "insufficient balance", "insufficient sender balance")),
    (
        "unknown",
        (
            "rate limit",
            "too many requests",
            "limit exceeded",
            "pool is full",
            "txpool is full",
            "mempool is full",
            "timeout",
            "timed out",
            "internal error",
            "temporarily",
            "not synced",
            "syncing",
            "header not found",
            "connection",
        ),
    ),
)

_PRECEDENCE: Final[tuple[Answer, ...]] = (
    "accepted",
    "known",
    "unknown",
    "nonce_used",
    "underpriced",
    "no_funds",
    "refused",
)
"""Any acceptance counts; and as long as one endpoint might have taken it, nobody may say that it was refused."""


def classify(answer: NodeAnswer) -> Answer:
    """Return what one endpoint's answer means."""
    if not answer.is_answered:
        return "unknown"
    if answer.is_accepted:
        return "accepted"
    problem = answer.problem.lower()
    for meaning, words in _WORDS:
        if any(word in problem for word in words):
            return meaning
    return "refused"


def combine(answers: Sequence[NodeAnswer]) -> tuple[Answer, str]:
    """Return what all endpoints' answers mean together, and the words of the one that decided."""
    ranked = sorted(answers, key=lambda answer: _PRECEDENCE.index(classify(answer)))
    if not ranked:
        return "unknown", "no endpoint was asked"
    best = ranked[0]
    return classify(best), best.problem
