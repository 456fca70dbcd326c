"""Signatures as an adapter without a chain judges them: keys by another library, contracts by a dictionary."""

from typing import Final

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from grpclib.const import Status

from cashback.chain.rpc.errors import refused
from cashback.wire.cashback.chain import v1

FAKE_CHAIN_ID: Final = 31_337
BLOCK: Final = 7

_HALF: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_SIGNATURE_BYTES_MAX: Final = 8_192


class FakeJudge:
    """Keeps the contract of `VerifySignature`; `owners` tells which key a contract of one owner goes by."""

    def __init__(self) -> None:
        """Know no contract."""
        self.owners: dict[bytes, bytes] = {}

    def judged(self, message: v1.VerifySignatureRequest) -> v1.VerifySignatureResponse:
        """Return who has signed; see the contract."""
        lengths = (len(message.address), len(message.digest))
        if lengths != (20, 32) or len(message.signature) > _SIGNATURE_BYTES_MAX:
            raise refused(Status.INVALID_ARGUMENT, code="signature_misshapen", detail="as the contract says")
        signer = _signer(message.digest, message.signature)
        if signer == message.address:
            return v1.VerifySignatureResponse(verdict=v1.SignatureVerdict.OWNER, chain_id=FAKE_CHAIN_ID)
        is_taken = signer is not None and self.owners.get(message.address) == signer
        return v1.VerifySignatureResponse(
            verdict=v1.SignatureVerdict.CONTRACT if is_taken else v1.SignatureVerdict.INVALID,
            chain_id=FAKE_CHAIN_ID,
            block_number=BLOCK,
        )


def _signer(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address of the key that has signed, None where none has."""
    r, s, parity = signature[:32], int.from_bytes(signature[32:64]), signature[64:]
    if len(signature) == 64:
        parity, s = bytes([s >> 255]), s & ((1 << 255) - 1)
    if len(parity) != 1 or s > _HALF:
        return None
    try:
        told = Signature(r + s.to_bytes(32) + bytes([parity[0] - 27 if parity[0] in (27, 28) else parity[0]]))
        return told.recover_public_key_from_msg_hash(digest).to_canonical_address()
    except (BadSignature, ValidationError):
        return None
