"""What nodes say to a sent transaction, in their own words."""

import pytest

from cashback.chain.model import Answer, NodeAnswer
from cashback.chain.rules.answers import classify, combine

SAID: list[tuple[str, Answer]] = [
    ("-32000: already known", "known"),
    ("-32003: transaction already imported", "known"),
    ("-32000: ALREADY_EXISTS: already known", "known"),
    ("-32010: AlreadyKnown", "known"),
    ("-32000: nonce too low: next nonce 5, tx nonce 4", "nonce_used"),
    ("-32003: nonce too low", "nonce_used"),
    ("-32010: OldNonce, Current nonce: 5, nonce of rejected tx: 4", "nonce_used"),
    ("-32000: replacement transaction underpriced", "underpriced"),
    ("-32000: transaction underpriced: tip needed 1000000000, tip permitted 1", "underpriced"),
    ("-32003: max fee per gas less than block base fee", "underpriced"),
    ("-32010: FeeTooLow, EffectivePriorityFeePerGas too low", "underpriced"),
    ("-32010: ReplacementNotAllowed", "underpriced"),
    ("-32000: could not replace existing tx", "underpriced"),
    ("-32000: insufficient funds for gas * price + value: balance 0", "no_funds"),
    ("-32003: Insufficient funds for gas * price + value", "no_funds"),
    ("-32010: InsufficientFunds, Account balance: 0", "no_funds"),
    ("-32005: rate limit exceeded", "unknown"),
    ("429: too many requests", "unknown"),
    ("-32000: txpool is full", "unknown"),
    ("-32603: Internal error", "unknown"),
    ("-32000: intrinsic gas too low", "refused"),
    ("-32000: exceeds block gas limit", "refused"),
    ("-32000: invalid sender", "refused"),
    ("-32602: invalid params", "refused"),
]


@pytest.mark.parametrize("problem,meaning", SAID, ids=[problem for problem, _ in SAID])
def test_each_client_is_understood_in_its_own_words(problem: str, meaning: Answer) -> None:
    """Geth, anvil, nethermind, erigon, reth: lower-cased substrings, since codes mean nothing."""
    assert classify(NodeAnswer("n", is_accepted=False, problem=problem)) == meaning


def test_silence_is_unknown_and_never_a_refusal() -> None:
    """Whatever the words of the silence are."""
    assert classify(NodeAnswer("n", is_accepted=False, problem="insufficient funds", is_answered=False)) == "unknown"


def test_any_acceptance_counts() -> None:
    """One pool is enough."""
    refused = NodeAnswer("a", is_accepted=False, problem="-32000: invalid sender")
    assert combine([refused, NodeAnswer("b", is_accepted=True)]) == ("accepted", "")


def test_a_refusal_beside_a_silence_is_unknown() -> None:
    """The silent one may have taken it."""
    refused = NodeAnswer("a", is_accepted=False, problem="-32000: invalid sender")
    silent = NodeAnswer("b", is_accepted=False, problem="no answer", is_answered=False)
    assert combine([refused, silent]) == ("unknown", "no answer")


def test_nobody_asked_is_unknown() -> None:
    """There is no answer to speak of."""
    assert combine([])[0] == "unknown"
