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
    ("-32000: replacement transaction underpriced", "outbid"),
    ("-32003: Tx: [0xab] insufficient gas price to replace existing transaction", "outbid"),
    ("-32000: transaction underpriced: tip needed 1000000000, tip permitted 1", "underpriced"),
    ("-32003: max fee per gas less than block base fee", "underpriced"),
    ("-32010: FeeTooLow, EffectivePriorityFeePerGas too low", "underpriced"),
    ("-32000: FEE_TOO_LOW: underpriced", "underpriced"),
    ("-32000: transaction feeCap 6 below chain minimum", "underpriced"),
    ("-32010: ReplacementNotAllowed", "outbid"),
    ("-32000: could not replace existing tx", "outbid"),
    ("-32000: insufficient funds for gas * price + value: balance 0", "no_funds"),
    ("-32003: Insufficient funds for gas * price + value", "no_funds"),
    ("-32010: InsufficientFunds, Account balance: 0", "no_funds"),
    ("-32005: rate limit exceeded", "unknown"),
    ("429: too many requests", "unknown"),
    ("-32000: txpool is full", "unknown"),
    ("-32603: Internal error", "unknown"),
    ("-32000: intrinsic gas too low", "refused"),
    ("-32000: exceeds block gas limit", "refused"),
    ("-32003: intrinsic gas too high -- ", "refused"),
    ("-32003: Transaction gas limit is greater than the block gas limit, gas_limit: 2, cap: 1", "refused"),
    ("-32003: transaction's gas limit 40000000 exceeds block's gas limit 30000000", "refused"),
    ("-32010: GasLimitExceeded, Gas limit: 1, gas limit of rejected tx: 2", "refused"),
    ("-32000: transaction gas limit too high (cap: 16777216, tx: 20000000)", "refused"),
    ("-32000: INTERNAL_ERROR: gas limit is too high", "refused"),
    ("-32000: insufficient gas for floor data gas cost: gas 21000, minimum needed 40000", "refused"),
    ("-32000: INTERNAL_ERROR: IntrinsicGas", "refused"),
    ("-32000: invalid sender", "refused"),
    ("-32000: invalid sender: invalid chain id for signer: have 1 want 31337", "refused"),
    ("-32602: invalid transaction signature", "refused"),
    ("-32010: Invalid, InvalidTxSignature: Signature is invalid.", "refused"),
    ("-32010: Invalid, InvalidTxChainId: Expected 1, got 2.", "refused"),
    ("-32602: Failed to decode signed transaction", "refused"),
    ("-32000: transaction type not supported: tx type 2 not supported by this pool", "refused"),
    ("-32602: Unknown transaction type not supported", "refused"),
    ("-32000: INVALID: oversized data", "refused"),
    ("-32000: oversized data: transaction size 140000, limit 131072", "refused"),
    ("429: Your app has exceeded its compute units per second capacity", "unknown"),
    ("-32007: 50/second request limit reached - reduce calls per second", "unknown"),
    ("-32005: daily request count exceeded, request rate limited", "unknown"),
    ("-32603: intrinsic gas too low", "unknown"),
    ("HTTP 403: -32000: invalid sender", "unknown"),
    ("-32602: invalid params", "unknown"),
    ("-32601: the method eth_sendRawTransaction does not exist/is not available", "unknown"),
    ("-32000: words that nobody has heard before", "unknown"),
]


@pytest.mark.parametrize("problem,meaning", SAID, ids=[problem for problem, _ in SAID])
def test_each_client_is_understood_in_its_own_words(problem: str, meaning: Answer) -> None:
    """Geth, anvil, nethermind, erigon, reth: lower-cased substrings, since codes mean nothing."""
    assert classify(NodeAnswer("n", is_accepted=False, problem=problem)) == meaning


def test_a_price_too_low_for_one_endpoint_is_raised_although_another_is_silent() -> None:
    """At one nonce only one of the two can be mined; waiting for the silent one could take for ever."""
    silent = NodeAnswer("a", is_accepted=False, problem="no answer", is_answered=False)
    cheap = NodeAnswer("b", is_accepted=False, problem="-32000: transaction underpriced")
    outbid = NodeAnswer("b", is_accepted=False, problem="-32000: replacement transaction underpriced")
    assert combine([silent, cheap])[0] == "underpriced"
    assert combine([silent, outbid])[0] == "outbid"


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
