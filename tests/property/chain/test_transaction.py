"""The signer against the library that everybody uses."""

import asyncio

from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.gateway.keys import LocalKey
from cashback.chain.model import Address, Fees, Transaction
from cashback.chain.rules.transaction import attempt, created_address, digest

secrets = st.integers(min_value=1, max_value=2**255).map(lambda number: number.to_bytes(32))


@given(
    secret=secrets,
    chain_id=st.integers(1, 2**40),
    nonce=st.integers(0, 2**40),
    prices=st.tuples(st.integers(0, 10**15), st.integers(0, 10**15)),
    gas=st.integers(21_000, 16_777_216),
    target=st.one_of(st.none(), st.binary(min_size=20, max_size=20)),
    calldata=st.binary(max_size=600),
)
def test_our_bytes_are_those_of_the_library(
    secret: bytes, chain_id: int, nonce: int, prices: tuple[int, int], gas: int, target: bytes | None, calldata: bytes
) -> None:
    """Signed bytes and hash, for calls and creations, whatever the fields."""
    fees = Fees(max(prices), min(prices))
    unsigned = Transaction(
        chain_id=chain_id,
        nonce=nonce,
        fees=fees,
        gas=gas,
        target=None if target is None else Address(target),
        calldata=calldata,
    )
    ours = attempt(unsigned, asyncio.run(LocalKey(secret).sign(digest(unsigned))), lane=1)
    theirs = Account.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.tip_wei,
            "gas": gas,
            "to": b"" if target is None else target,
            "value": 0,
            "data": calldata,
        },
        secret,
    )
    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.hash == bytes(theirs.hash)


def test_a_created_contract_stands_where_the_chain_puts_it() -> None:
    """The well-known first two addresses of the first development account."""
    deployer = Address(bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"))
    assert created_address(deployer, 0).hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert created_address(deployer, 1).hex() == "e7f1725e7734ce288f8367e1bb143e90bb3f0512"
