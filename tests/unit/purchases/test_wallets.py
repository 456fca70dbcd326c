"""Which addresses are wallets."""

import pytest

from cashback.kernel.addresses import address_text, checksum_address
from cashback.purchases.rules import is_wallet

# The examples of EIP-55: https://eips.ethereum.org/EIPS/eip-55
EXAMPLES = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EXAMPLES)
def test_the_examples_of_eip_55_are_wallets(address: str) -> None:
    """The standard's own examples, in upper, lower and mixed case."""
    assert is_wallet(address)
    assert checksum_address(address.lower()) == address
    assert address_text(bytes.fromhex(address[2:])) == address


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", id="without-checksum"),
        pytest.param("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", id="one-letter-wrong"),
        pytest.param("0x" + 40 * "0", id="zero"),
        pytest.param("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", id="without-prefix"),
        pytest.param("0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", id="upper-case-prefix"),
        pytest.param("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", id="too-short"),
        pytest.param("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n", id="new-line"),
        pytest.param("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA\u0660\u0661", id="digits-of-another-script"),
        pytest.param("", id="nothing"),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    """A typing error must not send tokens to nobody."""
    assert not is_wallet(text)
