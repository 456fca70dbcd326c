"""Keys: where they come from, that they sign as everybody else does, and that nobody sees them."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_keyfile.keyfile import create_keyfile_json

from cashback.chain.gateway.keys import LocalKey, from_keystore, from_mnemonic
from cashback.chain.model import KeyUnusable

MNEMONIC = "test test test test test test test test test test test junk"
SECRET = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
ADDRESS = "70997970c51812dc3a010c7d01b50e0d17dc79c8"
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize("index", [0, 1, 2, 19, 1_000])
def test_a_mnemonic_gives_the_accounts_that_every_wallet_derives(index: int) -> None:
    """BIP-39 and BIP-44, compared with eth_account's."""
    Account.enable_unaudited_hdwallet_features()
    theirs = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    ours = from_mnemonic(MNEMONIC, index=index, chain_id=31_337)
    assert ours.address.hex() == theirs.address.removeprefix("0x").lower()


@pytest.mark.parametrize("words", ["", "test", "test " * 13])
def test_other_numbers_of_words_are_no_mnemonic(words: str) -> None:
    """The reason repeats none of them."""
    with pytest.raises(KeyUnusable, match="12, 15, 18, 21 or 24"):
        from_mnemonic(words, index=0, chain_id=31_337)


def test_a_mnemonic_does_not_sign_on_a_real_chain() -> None:
    """Its keys stand in every tutorial."""
    with pytest.raises(KeyUnusable, match="must not sign on chain 8453"):
        from_mnemonic(MNEMONIC, index=0, chain_id=8_453)


def test_a_keystore_opens_with_its_password(tmp_path: Path) -> None:
    """Web3 secret storage, version 3."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(create_keyfile_json(SECRET, b"open sesame", kdf="pbkdf2", iterations=10)))
    assert from_keystore(path, "open sesame").address.hex() == ADDRESS


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"version": 3, "crypto": {}}'])
def test_a_keystore_that_cannot_be_used_is_refused_without_quoting_it(tmp_path: Path, content: str | None) -> None:
    """Missing, damaged, or of another kind."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KeyUnusable) as refusal:
        from_keystore(path, "open sesame")
    assert "sesame" not in str(refusal.value)


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    """The message does not say which of the two it was."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(create_keyfile_json(SECRET, b"open sesame", kdf="pbkdf2", iterations=10)))
    with pytest.raises(KeyUnusable, match="damaged, or its password is wrong"):
        from_keystore(path, "sesame open")


def test_a_key_shows_its_address_and_nothing_else() -> None:
    """In logs, errors and a debugger's eye."""
    key = LocalKey(SECRET)
    assert repr(key) == f"LocalKey(0x{ADDRESS})"
    assert SECRET.hex() not in repr(key)


async def test_signatures_are_deterministic_and_have_a_low_s() -> None:
    """RFC 6979 and EIP-2: the same digest always gives the same bytes."""
    key = LocalKey(SECRET)
    for number in range(50):
        digest = number.to_bytes(32)
        signature = await key.sign(digest)
        assert signature == await key.sign(digest)
        assert 0 < signature.s <= CURVE_ORDER // 2
        assert signature.y_parity in {0, 1}
