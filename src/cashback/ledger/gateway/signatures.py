"""Questions about signatures and the adapter's verdicts on them, in the ledger's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from grpclib.exceptions import GRPCError

from cashback.ledger.model import JudgedSignature, SignatureMisshapen, SignatureVerdict
from cashback.wire.answers import reason_of
from cashback.wire.cashback.chain.v1 import SignatureVerdict as Verdicts
from cashback.wire.cashback.chain.v1 import VerifySignatureRequest, VerifySignatureResponse

SIGNATURE_BYTES_MAX: Final = 8_192
"""What the adapter takes at most."""

_DIGEST_BYTES: Final = 32
_ADDRESS: Final = re.compile("0x([0-9a-fA-F]{40})")
_VERDICTS: Final = {
    Verdicts.OWNER: SignatureVerdict.OWNER,
    Verdicts.CONTRACT: SignatureVerdict.CONTRACT,
    Verdicts.INVALID: SignatureVerdict.INVALID,
}


def question(address: str, digest: bytes, signature: bytes) -> VerifySignatureRequest:
    """Return the question whether an address has signed a digest.

    Raises:
        SignatureMisshapen: one of the three is not what it is called, or longer than it may be.
    """
    octets = _ADDRESS.fullmatch(address)
    if octets is None:
        raise SignatureMisshapen("an address is 0x and 40 hexadecimal digits")
    if len(digest) != _DIGEST_BYTES:
        raise SignatureMisshapen(f"a digest is {_DIGEST_BYTES} bytes, not {len(digest)}")
    if len(signature) > SIGNATURE_BYTES_MAX:
        raise SignatureMisshapen(f"a signature is at most {SIGNATURE_BYTES_MAX} bytes, not {len(signature)}")
    return VerifySignatureRequest(address=bytes.fromhex(octets[1]), digest=digest, signature=signature)


@contextmanager
def refusals() -> Iterator[None]:
    """Ask the question in this block.

    Raises:
        SignatureMisshapen: the adapter is stricter than this release knows; every other failure as it is.
    """
    try:
        yield
    except GRPCError as cause:
        if reason_of(cause) == SignatureMisshapen.code:
            raise SignatureMisshapen(cause.message or "the adapter cannot judge it") from cause
        raise


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
