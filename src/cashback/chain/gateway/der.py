"""What a key service says about keys and signatures on secp256k1, in DER, read strictly: anything else is refused.

    public key   SubjectPublicKeyInfo of an uncompressed point (RFC 5480; the curve's name: SEC 2)
    signature    SEQUENCE of two INTEGER, r and s (RFC 3279, section 2.2.3)

Strictly, because there is one way to write each in DER (X.690, section 8.3.2): whoever writes it otherwise is not the
service that we know, and its answer is not to be guessed at.
"""

from typing import Final

from coincurve import PublicKey

from cashback.chain.model import Signature

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the group on secp256k1 (SEC 2, section 2.4.1): r and s are below it."""

_POINT_BYTES: Final = 65
_UNCOMPRESSED: Final = 4
_SPKI_HEAD: Final = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
"""SEQUENCE { SEQUENCE { id-ecPublicKey, secp256k1 }, BIT STRING of 66 bytes, none of its bits unused }."""
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_NEGATIVE: Final = 0x80
_NUMBER_BYTES_MAX: Final = 33
_HEAD_BYTES: Final = 2
_COORDINATE_BYTES: Final = 32


def point(spki: bytes) -> bytes:
    """Return the 65 bytes of a public key on secp256k1: 4 and two coordinates, whether or not these are on the curve.

    Raises:
        ValueError: it is no such key.
    """
    found = spki[len(_SPKI_HEAD) :]
    if spki[: len(_SPKI_HEAD)] != _SPKI_HEAD or len(found) != _POINT_BYTES or found[0] != _UNCOMPRESSED:
        raise ValueError("no public key on secp256k1 in DER")
    return found


def signature(der: bytes, *, digest: bytes, public: bytes) -> Signature:
    """Return a signature of `digest` in the form that a transaction carries: low s (EIP-2), and the parity of R.

    A service does not tell the parity: it is the one by which `public`, 65 bytes, is recovered from the signature.

    Raises:
        ValueError: it is no signature, or not by this key, or not of this digest.
    """
    r, s = low_numbers(der)
    numbers = r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    for y_parity in (0, 1):
        if _recovered(numbers, y_parity, digest) == public:
            return Signature(y_parity=y_parity, r=r, s=s)
    raise ValueError("a signature of another key, or of something else")


def low_numbers(der: bytes) -> tuple[int, int]:
    """Return r and s of a signature, with the lower of the two values of s that are good (EIP-2).

    Raises:
        ValueError: it is no signature on secp256k1.
    """
    if len(der) < _HEAD_BYTES or der[0] != _SEQUENCE or der[1] != len(der) - _HEAD_BYTES:
        raise ValueError("no signature in DER")
    r, rest = _integer(der[_HEAD_BYTES:])
    s, rest = _integer(rest)
    if rest or not (0 < r < ORDER and 0 < s < ORDER):
        raise ValueError("no signature on secp256k1")
    return r, min(s, ORDER - s)


def _integer(der: bytes) -> tuple[int, bytes]:
    """Return the positive number that `der` begins with, and what is behind it.

    Raises:
        ValueError: it begins with none, or with one that is longer than it need be.
    """
    length = der[1] if len(der) > _HEAD_BYTES and der[0] == _INTEGER else 0
    digits, rest = der[_HEAD_BYTES : _HEAD_BYTES + length], der[_HEAD_BYTES + length :]
    if not 0 < length <= _NUMBER_BYTES_MAX or len(digits) != length or digits[0] & _NEGATIVE:
        raise ValueError("no positive number in DER")
    if length > 1 and digits[0] == 0 and not digits[1] & _NEGATIVE:
        raise ValueError("no number in DER: a zero too many")
    return int.from_bytes(digits), rest


def _recovered(numbers: bytes, y_parity: int, digest: bytes) -> bytes | None:
    """Return the public key that signed, None when these numbers are no signature of that parity."""
    try:
        key = PublicKey.from_signature_and_message(numbers + bytes([y_parity]), digest, hasher=None)
    except ValueError:
        return None
    return key.format(compressed=False)
