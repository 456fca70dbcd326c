"""Whose key a signature is of: every form that wallets give it, other people's examples, and what is none."""

import random
from typing import Final

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from cashback.chain.model import SignatureMisshapen
from cashback.chain.rules.signatures import S_MAX, SIGNATURE_BYTES_MAX, check, signer

ORDER: Final = 2 * S_MAX + 1
KEY: Final = bytes.fromhex("1234567890123456789012345678901234567890123456789012345678901234")
OWNER: Final = bytes.fromhex(str(Account.from_key(KEY).address)[2:])
TYPES: Final = {"Cashback": [{"name": "amount", "type": "uint256"}]}
EXAMPLES: Final = {
    "Hello World": (
        0x68A020A209D3D56C46F38CC50A33F704F4A9A10A59377F8DD762AC66910E9B90,
        0x7E865AD05C4035AB5792787D4A0297A43617AE897930A6FE4D822B8FAEA52064,
        27,
    ),
    "It's a small(er) world": (
        0x9328DA16089FCBA9BECECA81663203989F2DF5FE1FAA6291A45381C81BD17F76,
        0x939C6D6B623B42DA56557E5E734A43DC83345DDFADEC52CBE24D0CC64F550793,
        28,
    ),
}
"""Of ERC-2098: what `KEY` signed: r, s with the parity in its highest bit, and the v of the longer form."""


def signed(text: str, key: bytes = KEY) -> tuple[bytes, bytes]:
    """Return the digest of a text (ERC-191), and the signature of it that everybody's library makes."""
    made = Account.sign_message(encode_defunct(text=text), key)
    return bytes(made.message_hash), bytes(made.signature)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_standards_own_examples_are_judged_right(text: str) -> None:
    """In the short form, which holds the parity in the highest bit of s, and in the longer one."""
    digest, _ = signed(text)
    r, parity_and_s, v = EXAMPLES[text]
    s = parity_and_s & (1 << 255) - 1
    assert signer(digest, r.to_bytes(32) + parity_and_s.to_bytes(32)) == OWNER
    assert signer(digest, r.to_bytes(32) + s.to_bytes(32) + bytes([v])) == OWNER


def test_two_hundred_keys_are_known_by_what_they_signed() -> None:
    """Messages and typed data, of any key: the address is the library's own."""
    chance = random.Random(191)  # noqa: S311 - keys of nobody, the same each time
    for _ in range(200):
        key = chance.randbytes(32)
        made = [
            Account.sign_message(encode_defunct(chance.randbytes(chance.randrange(200))), key),
            Account.sign_message(encode_typed_data({"chainId": 1}, TYPES, {"amount": chance.randrange(2**256)}), key),
        ]
        for one in made:
            found = signer(bytes(one.message_hash), bytes(one.signature))
            assert found == bytes.fromhex(str(Account.from_key(key).address)[2:])


@pytest.mark.parametrize("v, is_good", [(0, True), (1, True), (27, True), (28, True), (2, False), (26, False)])
def test_v_is_a_parity_as_it_is_or_27_more(v: int, is_good: bool) -> None:
    """Each value stands for one of two points; what stands for none is no signature."""
    texts = [f"text {number}" for number in range(8)]
    found = [(signed(text)[1][64] - 27, signer(signed(text)[0], signed(text)[1][:64] + bytes([v]))) for text in texts]
    assert {parity for parity, _ in found} == {0, 1}
    for parity, address in found:
        assert (address == OWNER) == (is_good and v in (parity, parity + 27))
        assert is_good or address is None


@pytest.mark.parametrize("v", [29, 31, 35, 37, 255])
def test_a_v_of_transactions_is_none_of_messages(v: int) -> None:
    """EIP-155 writes the chain into it, for transactions alone."""
    digest, signature = signed("Hello World")
    assert signer(digest, signature[:64] + bytes([v])) is None


def test_the_high_half_of_s_is_refused() -> None:
    """Anybody makes it of a good signature, without the key; chains refuse it as well (EIP-2)."""
    digest, signature = signed("Hello World")
    s, v = int.from_bytes(signature[32:64]), signature[64]
    assert s <= S_MAX
    high = signature[:32] + (ORDER - s).to_bytes(32) + bytes([55 - v])
    assert signer(digest, high) is None
    assert signer(digest, signature) == OWNER


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x01" * 63,
        b"\x01" * 66,
        bytes(64),
        bytes(65),
        bytes(32) + b"\x01" * 33,
        b"\x01" * 32 + bytes(32) + b"\x1b",
        b"\xff" * 64,
        b"\xff" * 65,
        b"\xff" * 32 + b"\x01" * 32 + b"\x1b",
        bytes(8_192),
    ],
    ids=lambda one: f"{len(one)} bytes {one[:1].hex()} {one[-1:].hex()}",
)
def test_what_is_no_signature_is_nobodys(signature: bytes) -> None:
    """Numbers that are zero or beyond the group, and other lengths."""
    assert signer(signed("Hello World")[0], signature) is None


def test_another_digest_is_another_ones_or_nobodys() -> None:
    """A signature is never the owner's for what the owner did not sign."""
    digest, signature = signed("Hello World")
    for place in range(32):
        other = bytes([*digest[:place], digest[place] ^ 1, *digest[place + 1 :]])
        assert signer(other, signature) != OWNER


def test_lengths_are_checked_and_the_longest_signature_passes() -> None:
    """Each has its pointer; a contract may take a signature of no bytes at all."""
    check(bytes(20), bytes(32), b"")
    check(bytes(20), bytes(32), bytes(SIGNATURE_BYTES_MAX))
    wrong = {
        "address": (bytes(19), bytes(32), b""),
        "digest": (bytes(20), bytes(33), b""),
        "signature": (bytes(20), bytes(32), bytes(SIGNATURE_BYTES_MAX + 1)),
    }
    for pointer, asked in wrong.items():
        with pytest.raises(SignatureMisshapen) as refused:
            check(*asked)
        assert refused.value.fields == {"pointer": pointer}
