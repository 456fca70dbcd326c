"""Signatures of people's wallets: the forms that there are, and whose key one is of.

    65 bytes   r, s and v, which is 27 or 28, or the parity itself, as some devices write it
    64 bytes   r, and s with the parity as its highest bit (ERC-2098)

Low s alone (EIP-2): every wallet gives that one of the two that are good, and the other needs no key to make.
"""

from typing import Final

from coincurve import PublicKey
from eth_utils.crypto import keccak

from cashback.chain.model import Address, SignatureMisshapen

SIGNATURE_BYTES_MAX: Final = 8_192
"""A multisig of a hundred owners fits."""
S_MAX: Final = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
"""Half of the order of the group on secp256k1 (SEC 2, section 2.4.1)."""

_ADDRESS_BYTES: Final = 20
_DIGEST_BYTES: Final = 32
_NUMBER_BYTES: Final = 32
_PARITIES: Final = {0: 0, 1: 1, 27: 0, 28: 1}
_PARITY_BIT: Final = 1 << 255


def check(account: bytes, digest: bytes, signature: bytes) -> None:
    """Raise `SignatureMisshapen` unless these can be judged at all; a contract may take a signature of no bytes."""
    if len(account) != _ADDRESS_BYTES:
        raise SignatureMisshapen(f"an address is {_ADDRESS_BYTES} bytes, not {len(account)}", pointer="address")
    if len(digest) != _DIGEST_BYTES:
        raise SignatureMisshapen(f"a digest is {_DIGEST_BYTES} bytes, not {len(digest)}", pointer="digest")
    if len(signature) > SIGNATURE_BYTES_MAX:
        detail = f"a signature is at most {SIGNATURE_BYTES_MAX} bytes, not {len(signature)}"
        raise SignatureMisshapen(detail, pointer="signature")


def signer(digest: bytes, signature: bytes) -> Address | None:
    """Return the address whose key has signed a digest of 32 bytes, None where that is no signature of a key."""
    recoverable = _recoverable(signature)
    if recoverable is None:
        return None
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError:
        return None
    return Address(bytes(keccak(key.format(compressed=False)[1:]))[-_ADDRESS_BYTES:])


def _recoverable(signature: bytes) -> bytes | None:
    """Return r, low s and the parity in 65 bytes, None where a signature has no such form."""
    r, rest = signature[:_NUMBER_BYTES], signature[_NUMBER_BYTES:]
    s = int.from_bytes(rest[:_NUMBER_BYTES])
    parity: int | None = None
    if len(rest) == _NUMBER_BYTES:
        parity, s = divmod(s, _PARITY_BIT)
    elif len(rest) == _NUMBER_BYTES + 1:
        parity = _PARITIES.get(rest[-1])
    if parity is None or s > S_MAX:
        return None
    return r + s.to_bytes(_NUMBER_BYTES) + bytes([parity])
