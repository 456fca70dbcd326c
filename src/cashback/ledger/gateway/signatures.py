"""Verdicts on signatures as the adapter tells them, in the ledger's words."""

from typing import Final

from cashback.ledger.model import JudgedSignature, SignatureVerdict
from cashback.wire.cashback.chain.v1 import SignatureVerdict as Verdicts
from cashback.wire.cashback.chain.v1 import VerifySignatureResponse

SIGNATURE_BYTES_MAX: Final = 8_192
"""What the adapter takes at most."""

_VERDICTS: Final = {
    Verdicts.OWNER: SignatureVerdict.OWNER,
    Verdicts.CONTRACT: SignatureVerdict.CONTRACT,
    Verdicts.INVALID: SignatureVerdict.INVALID,
}


def judged(answer: VerifySignatureResponse) -> JudgedSignature:
    """Return who has signed.

    Raises:
        ValueError: it says what no verdict may say, as an adapter of another release might.
    """
    verdict = _VERDICTS.get(answer.verdict)
    if verdict is None:
        raise ValueError(f"{answer.verdict} is no verdict on a signature")
    if answer.chain_id == 0:
        raise ValueError("a verdict without its chain")
    is_owners = verdict is SignatureVerdict.OWNER
    return JudgedSignature(verdict, int(answer.chain_id), None if is_owners else int(answer.block_number))
