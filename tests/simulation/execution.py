"""What one transaction does to the state: creations of our two contracts, calls of them, gas and its price.

Gas is a model, not a measurement: never more than the bound that the adapter signs for, and of the same order.
"""

from functools import cache
from typing import Final

import msgspec

from cashback.chain.gateway.artefact import artefact
from cashback.chain.model import Address
from cashback.chain.rules.anchoring import SELECTOR_ANCHOR
from cashback.chain.rules.transaction import created_address
from tests.simulation.abi import Arguments, Reverted
from tests.simulation.minter import Minter
from tests.simulation.signed import Signed
from tests.simulation.token import Context, Contract, Log, Token

GAS_PER_TRANSACTION_MAX: Final = 1 << 24
_GAS_BASE: Final = 21_000
_GAS_CREATE: Final = 5_000_000
_GAS_CALL: Final = 40_000
_GAS_CHECKS: Final = 5_000
"""Of role and pause, which is all that a call does that reverts or anchors."""
_GAS_ENTRY: Final = 9_500
_GAS_WALLET: Final = 17_100
_GAS_WORD: Final = 22_100
_SELECTOR_BYTES: Final = 4


class State(msgspec.Struct):
    """Accounts and contracts after a block; a contract inside is never changed, but replaced by a changed copy."""

    balances: dict[bytes, int]
    nonces: dict[bytes, int]
    contracts: dict[bytes, Contract]

    def copy(self) -> "State":
        """Return a state that changes apart from this one."""
        return State(dict(self.balances), dict(self.nonces), dict(self.contracts))


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """What a mined transaction did; nothing but cost gas unless `is_success`."""

    is_success: bool
    gas_used: int
    logs: list[Log]
    created: bytes | None = None


@cache
def _codes() -> dict[str, tuple[bytes, bytes]]:
    """Return creation code and deployed code of the two contracts."""
    made = {name: artefact(name) for name in ("CashbackToken", "CashbackMinter")}
    return {
        name: (one.creation(b""), bytes.fromhex(one.deployed_bytecode.removeprefix("0x"))) for name, one in made.items()
    }


def code(contract: Contract | None) -> bytes:
    """Return the code that stands where a contract stands; immutable values are left as zeros."""
    if contract is None:
        return b""
    return _codes()["CashbackToken" if isinstance(contract, Token) else "CashbackMinter"][1]


def intrinsic_gas(calldata: bytes, *, creates: bool = False) -> int:
    """Return the least gas that a transaction needs (EIP-2028, EIP-7623)."""
    zeros = calldata.count(0)
    others = len(calldata) - zeros
    create = 32_000 if creates else 0
    return max(_GAS_BASE + create + 4 * zeros + 16 * others, _GAS_BASE + 10 * (zeros + 4 * others))


class OutOfGas(Exception):
    """A call needs more gas than it was given."""


def view(state: State, *, sender: bytes, target: bytes, calldata: bytes, timestamp: int, gas: int) -> bytes:
    """Return what a call with so much gas would give back, changing nothing; nothing where no code stands.

    Raises:
        Reverted: it would undo itself.
        OutOfGas: it needs more.
    """
    if gas < intrinsic_gas(calldata):
        raise OutOfGas
    context = Context(timestamp=timestamp, contracts={at: one.copy() for at, one in state.contracts.items()})
    contract = context.contracts.get(target)
    done = b"" if contract is None else contract.call(context, sender, calldata)
    if gas < _gas_used(calldata, context):
        raise OutOfGas
    return done


def estimate(state: State, *, sender: bytes, target: bytes | None, calldata: bytes, timestamp: int) -> int:
    """Return gas that suffices for a call or a creation.

    Raises:
        Reverted: it would undo itself.
    """
    if target is None:
        return _GAS_CREATE
    context = Context(timestamp=timestamp, contracts={at: one.copy() for at, one in state.contracts.items()})
    contract = context.contracts.get(target)
    if contract is not None:
        contract.call(context, sender, calldata)
    return _gas_used(calldata, context)


def execute(state: State, signed: Signed, *, base_fee_wei: int, timestamp: int) -> Executed:
    """Return what a transaction did to `state`, which is changed: nonce, gas money, contracts."""
    contracts = {at: one.copy() for at, one in state.contracts.items()}
    context = Context(timestamp=timestamp, contracts=contracts)
    created = None
    try:
        if signed.target is None:
            created = _create(context, signed)
        elif signed.target in contracts:
            contracts[signed.target].call(context, signed.sender, signed.calldata)
        gas_used = _GAS_CREATE if created else _gas_used(signed.calldata, context)
        is_success = gas_used <= signed.gas
    except Reverted as revert:
        burnt = signed.gas - signed.gas // 64
        gas_used, is_success = burnt if revert.burns else intrinsic_gas(signed.calldata) + _GAS_CHECKS, False
    gas_used = min(gas_used, signed.gas)
    if is_success:
        state.contracts = contracts
    price_wei = min(signed.max_fee_wei, base_fee_wei + signed.tip_wei)
    state.balances[signed.sender] = state.balances.get(signed.sender, 0) - gas_used * price_wei
    state.nonces[signed.sender] = signed.nonce + 1
    return Executed(
        is_success=is_success,
        gas_used=gas_used,
        logs=context.logs if is_success else [],
        created=created if is_success else None,
    )


def _gas_used(calldata: bytes, context: Context) -> int:
    """Return the gas of a call that has been made in `context`."""
    work = _GAS_ENTRY * context.entries + _GAS_WALLET * context.fresh_wallets + _GAS_WORD * context.fresh_words
    call = _GAS_CHECKS if calldata.startswith(SELECTOR_ANCHOR) else _GAS_CALL
    return intrinsic_gas(calldata) + (call + work if len(calldata) >= _SELECTOR_BYTES else 0)


def _create(context: Context, signed: Signed) -> bytes:
    """Put one of the two contracts where this creation puts it; other code is none of ours and reverts."""
    address = bytes(created_address(Address(signed.sender), signed.nonce))
    for name, (creation, _) in _codes().items():
        if signed.calldata.startswith(creation):
            given = Arguments(bytes(_SELECTOR_BYTES) + signed.calldata[len(creation) :])
            make = _token if name == "CashbackToken" else _minter
            context.contracts[address] = make(address, given)
            return address
    raise Reverted


def _token(address: bytes, given: Arguments) -> Token:
    """Return the token that the constructor's arguments describe."""
    return Token(address, cap=given.uint(2), admin=given.address(4))


def _minter(address: bytes, given: Arguments) -> Minter:
    """Return the module that the constructor's arguments describe."""
    return Minter(
        address,
        token=given.address(0),
        admin=given.address(2),
        operator=given.address(3),
        guardian=given.address(4),
        capacity=given.uint(5, bits=208),
        window=given.uint(6, bits=48),
    )
