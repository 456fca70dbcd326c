"""Reading what nodes say to a sent transaction.

There is no standard for these errors: geth, anvil, nethermind, erigon, besu and reth each have their own words, so they
are told apart by lower-cased substrings. Only words that are about the signed bytes themselves are a refusal for good;
what nobody recognises is unknown, like what was not answered: providers invent new words for their limits every day.
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
            "already_exists",
            "already imported",
            ": known transaction",  # "unknown transaction type" is another thing
            "transaction already exists",
            "already in the mempool",
            "with same hash",
        ),
    ),
    ("nonce_used", ("nonce too low", "nonce is too low", "oldnonce", "nonce below", "nonce has already been used")),
    (
        "outbid",
        (
            "replacement transaction underpriced",
            "replacement underpriced",
            "could not replace existing",
            "to replace existing",
            "replacementnotallowed",
        ),
    ),
    (
        "underpriced",
        (
            "underpriced",
            "less than block base fee",
            "max fee per gas less than",
            "below chain minimum",
            "feetoolow",
            "fee_too_low",
            "fee too low",
            "feecap too low",
            "gas price is too low",
            "gas price below configured minimum",
        ),
    ),
    (
        "no_funds",
        (
            "insufficient funds",
            "insufficientfunds",
            "insufficient balance",
            "insufficient sender balance",
            "overdraws from account",
        ),
    ),
)

_REFUSALS: Final = (
    # The signature, and what it is for.
    "invalid sender",
    "invalid signature",
    "invalid transaction signature",
    "invalidtxsignature",
    "failed to recover",
    "failedtoresolvesender",
    "invalid chain id",
    "invalidtxchainid",
    "chain id mismatch",
    "signed for another chain",
    # The form.
    "rlp:",
    "invalid rlp",
    "rlptoolong",
    "failed to decode signed transaction",
    "transaction data is empty",
    "transaction type not supported",
    "unsupported transaction type",
    "invalidtxtype",
    "notsupportedtxtype",
    "this transaction type is not activated",
    "not supported by the current hardfork",
    "oversized data",
    "input data too large",
    "transaction too large",
    "maxtxsizeexceeded",
    "negative value",
    "max priority fee per gas higher than max fee per gas",
    "invalidmaxpriorityfeepergas",
    # The gas.
    "intrinsic gas too low",
    "intrinsic gas too high",
    "intrinsicgas",
    "floor data gas",
    "floor data cost",
    "exceeds block gas limit",
    "exceeds block's gas limit",
    "greater than the block gas limit",
    "gaslimitexceeded",
    "transaction gas limit too high",
    "gas limit is too high",
    "gas uint64 overflow",
    "gasuintoverflow",
)
"""No node will ever take these bytes: geth, anvil, nethermind (old and new), erigon, reth."""

_NEVER_REFUSALS: Final = ("http ", "429:", "-32005:", "-32007:", "-32603:")
"""How answers begin that are about the asking: an HTTP status of failure, a provider's limits, a fault of the node."""

_PRECEDENCE: Final[tuple[Answer, ...]] = (
    "accepted",
    "known",
    "outbid",
    "underpriced",
    "unknown",
    "nonce_used",
    "no_funds",
    "refused",
)
"""Any acceptance counts. A price too low for one endpoint is raised although another is silent: at one nonce that is
safe. But as long as one endpoint might have taken it, nobody may say that it was refused."""


def classify(answer: NodeAnswer) -> Answer:
    """Return what one endpoint's answer means; unknown unless its words are known."""
    if not answer.is_answered:
        return "unknown"
    if answer.is_accepted:
        return "accepted"
    problem = answer.problem.lower()
    for meaning, words in _WORDS:
        if any(word in problem for word in words):
            return meaning
    is_refusal = any(word in problem for word in _REFUSALS) and not problem.startswith(_NEVER_REFUSALS)
    return "refused" if is_refusal else "unknown"


def combine(answers: Sequence[NodeAnswer]) -> tuple[Answer, str]:
    """Return what all endpoints' answers mean together, and the words of the one that decided."""
    ranked = sorted(answers, key=lambda answer: _PRECEDENCE.index(classify(answer)))
    if not ranked:
        return "unknown", "no endpoint was asked"
    best = ranked[0]
    return classify(best), best.problem
