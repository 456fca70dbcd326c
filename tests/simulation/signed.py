"""Signed transactions as a node reads them: decoded, and whose they are recovered from the signature (EIP-1559)."""

from functools import lru_cache
from typing import Any, Final

import msgspec
import rlp
from coincurve import PublicKey
from eth_utils.crypto import keccak

_TYPE: Final = b"\x02"
_FIELDS: Final = 12
_UNSIGNED: Final = 9
_WORD_BYTES: Final = 32


class Malformed(Exception):
    """The bytes are no signed transaction of this type; the words are those of geth."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """One signed transaction; no `target` creates a contract."""

    hash: bytes
    sender: bytes
    chain_id: int
    nonce: int
    tip_wei: int
    max_fee_wei: int
    gas: int
    target: bytes | None
    calldata: bytes


@lru_cache(maxsize=4_096)
def decoded(raw: bytes) -> Signed:
    """Return the transaction that these bytes are.

    Raises:
        Malformed: they are none.
    """
    if raw[:1] != _TYPE:
        raise Malformed("transaction type not supported")
    try:
        fields: list[Any] = rlp.decode(raw[1:])
    except rlp.exceptions.DecodingError as cause:
        raise Malformed("rlp: input is no list") from cause
    if len(fields) != _FIELDS:
        raise Malformed("rlp: too few elements")
    chain_id, nonce, tip, max_fee, gas, target, _, calldata, _, parity, r, s = fields
    digest = keccak(_TYPE + rlp.encode(fields[:_UNSIGNED]))
    signature = r.rjust(_WORD_BYTES, b"\0") + s.rjust(_WORD_BYTES, b"\0") + bytes([int.from_bytes(parity)])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as cause:
        raise Malformed("invalid sender") from cause
    return Signed(
        hash=bytes(keccak(raw)),
        sender=bytes(keccak(key.format(compressed=False)[1:])[-20:]),
        chain_id=int.from_bytes(chain_id),
        nonce=int.from_bytes(nonce),
        tip_wei=int.from_bytes(tip),
        max_fee_wei=int.from_bytes(max_fee),
        gas=int.from_bytes(gas),
        target=target or None,
        calldata=calldata,
    )
