"""The signer's key behind one small interface; the key itself never leaves this module and appears in no log."""

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from coincurve import PrivateKey
from eth_utils.crypto import keccak

from cashback.chain.model import Address, KeyUnusable, Signature

DEVELOPMENT_CHAINS: Final = frozenset({1_337, 31_337})
"""Chains on which a mnemonic from the settings may sign: its keys are known to everybody."""

_KEYSTORE_BYTES_MAX: Final = 65_536
_ADDRESS_BYTES: Final = 20
_NUMBER_BYTES: Final = 32
_HARDENED: Final = 1 << 31
_MNEMONIC_WORDS: Final = frozenset({12, 15, 18, 21, 24})
_MNEMONIC_ROUNDS: Final = 2_048


class Signer(Protocol):
    """Someone who signs digests with one key on secp256k1."""

    @property
    def address(self) -> Address:
        """Return the address that the key signs for."""
        ...

    async def sign(self, digest: bytes) -> Signature:
        """Return a signature of 32 bytes, with low s; signing twice is harmless."""
        ...


class LocalKey:
    """A key held in this process's memory."""

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of the key."""
        self._key = PrivateKey(secret)
        public = self._key.public_key.format(compressed=False)[1:]
        self.address: Address = Address(bytes(keccak(public))[-_ADDRESS_BYTES:])

    def __repr__(self) -> str:
        """Return the address alone."""
        return f"LocalKey(0x{self.address.hex()})"

    async def sign(self, digest: bytes) -> Signature:
        """Return the deterministic signature (RFC 6979) of 32 bytes."""
        signed = self._key.sign_recoverable(digest, hasher=None)
        r, s = signed[:_NUMBER_BYTES], signed[_NUMBER_BYTES : 2 * _NUMBER_BYTES]
        return Signature(y_parity=signed[-1], r=int.from_bytes(r), s=int.from_bytes(s))


def from_keystore(path: Path, password: str) -> LocalKey:
    """Return the key of a keystore file (web3 secret storage, version 3).

    Raises:
        KeyUnusable: the file cannot be read or the password does not open it.
    """
    # Imported here: it brings along a pairing library that computes for a second before anything else may start.
    from eth_keyfile.keyfile import decode_keyfile_json  # noqa: PLC0415 - dear, and needed only here

    try:
        with path.open("rb") as file:
            stored = msgspec.json.decode(file.read(_KEYSTORE_BYTES_MAX))
        return LocalKey(bytes(decode_keyfile_json(stored, password.encode())))
    except OSError as cause:
        raise KeyUnusable(f"the keystore file cannot be read: {cause.strerror}") from cause
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, NotImplementedError) as cause:
        # The cause's words stay out: they may quote what was read.
        raise KeyUnusable("the keystore file is damaged, or its password is wrong") from cause


def from_mnemonic(mnemonic: str, *, index: int, chain_id: int) -> LocalKey:
    """Return the key at `m/44'/60'/0'/0/index` of a development mnemonic (BIP-39, BIP-44).

    Raises:
        KeyUnusable: that is no mnemonic, or the chain is a real one.
    """
    if chain_id not in DEVELOPMENT_CHAINS:
        raise KeyUnusable(f"a mnemonic must not sign on chain {chain_id}; use a keystore file")
    words = unicodedata.normalize("NFKD", " ".join(mnemonic.split()))
    if len(words.split()) not in _MNEMONIC_WORDS:
        raise KeyUnusable("a mnemonic has 12, 15, 18, 21 or 24 words")
    seed = hashlib.pbkdf2_hmac("sha512", words.encode(), b"mnemonic", _MNEMONIC_ROUNDS)
    return LocalKey(_derived(seed, (44 | _HARDENED, 60 | _HARDENED, _HARDENED, 0, index)))


def _derived(seed: bytes, path: Sequence[int]) -> bytes:
    """Return the private key at `path` below the master key of `seed` (BIP-32)."""
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in path:
        key, chain_code = node[:_NUMBER_BYTES], node[_NUMBER_BYTES:]
        parent = b"\0" + key if step & _HARDENED else PrivateKey(key).public_key.format(compressed=True)
        child = hmac.digest(chain_code, parent + step.to_bytes(4), "sha512")
        node = PrivateKey(key).add(child[:_NUMBER_BYTES]).secret + child[_NUMBER_BYTES:]
    return node[:_NUMBER_BYTES]
