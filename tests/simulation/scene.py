"""What every world begins with: keys, funded accounts, and both contracts as they stand after a deployment."""

from typing import Final

import msgspec

from cashback.chain.gateway.contracts import MINTER_ROLE, OPERATOR_ROLE
from cashback.chain.gateway.keys import LocalKey, from_mnemonic
from cashback.chain.model import Address, Fees, Transaction
from cashback.chain.rules import transaction
from cashback.kernel.config import Secret
from cashback.processes import adapter
from tests.simulation.chain import FINAL_DEPTH, SAFE_DEPTH, Chain
from tests.simulation.clock import START_S
from tests.simulation.execution import State
from tests.simulation.minter import Minter
from tests.simulation.token import Token

MNEMONIC: Final = "test test test test test test test test test test test junk"
CHAIN_ID: Final = 31_337
GWEI: Final = 10**9
CAP: Final = 10**15
CAPACITY: Final = 10**12
WINDOW_S: Final = 86_400
TOKEN: Final = bytes.fromhex("70" * 20)
MINTER: Final = bytes.fromhex("71" * 20)
_MONEY_WEI: Final = 10**22
_GAS: Final = 1_000_000

ADMIN, OPERATOR, GUARDIAN, OTHER_OPERATOR = (
    from_mnemonic(MNEMONIC, index=index, chain_id=CHAIN_ID) for index in range(4)
)


def genesis() -> State:
    """Return funded accounts and the contracts; two operators may mint, of whom the adapter is one."""
    token = Token(TOKEN, cap=CAP, admin=ADMIN.address)
    token.roles.holders.add((MINTER_ROLE, MINTER))
    token.poison.is_brewed = True
    minter = Minter(
        MINTER,
        token=TOKEN,
        admin=ADMIN.address,
        operator=OPERATOR.address,
        guardian=GUARDIAN.address,
        capacity=CAPACITY,
        window=WINDOW_S,
    )
    minter.roles.holders.add((OPERATOR_ROLE, OTHER_OPERATOR.address))
    people = (ADMIN, OPERATOR, GUARDIAN, OTHER_OPERATOR)
    return State({one.address: _MONEY_WEI for one in people}, {}, {TOKEN: token, MINTER: minter})


FINALITIES: Final = {"finalized": FINAL_DEPTH, "safe": SAFE_DEPTH, "depth:3": 3, "depth:6": 6}
"""What an operator may call final, and how deep that is."""


def new_chain(*, finality: str) -> Chain:
    """Return a chain with the contracts on it, on which nothing moves that is final."""
    firm = FINALITIES[finality]
    return Chain(chain_id=CHAIN_ID, state=genesis(), base_fee_wei=GWEI, timestamp=START_S - 1, firm_depth=firm)


def settings(**changes: object) -> adapter.Settings:
    """Return the settings of an adapter on that chain; nobody connects to what they name."""
    usual = adapter.Settings(
        chain_dsn=Secret("postgresql://nobody@invalid/none"),
        rpc_urls=("http://node0.invalid:8545",),
        chain_id=CHAIN_ID,
        token_address=f"0x{TOKEN.hex()}",
        minter_address=f"0x{MINTER.hex()}",
        probe_port=1,
        key_mnemonic=Secret(MNEMONIC),
        bump_ms=9_000,
    )
    return msgspec.structs.replace(usual, **changes)


def token_of(chain: Chain) -> Token:
    """Return the token as it is at the head."""
    found = chain.head.state.contracts[TOKEN]
    assert isinstance(found, Token)
    return found


def minter_of(chain: Chain) -> Minter:
    """Return the minter as it is at the head."""
    found = chain.head.state.contracts[MINTER]
    assert isinstance(found, Minter)
    return found


async def call_minter(chain: Chain, key: LocalKey, calldata: bytes) -> None:
    """Have somebody call the minter, at a price that goes before everybody else."""
    state = chain.head.state
    unsigned = Transaction(
        chain_id=CHAIN_ID,
        nonce=chain.pool.pending_nonce(key.address, state),
        fees=Fees(2_000 * GWEI, 900 * GWEI),
        gas=_GAS,
        target=Address(MINTER),
        calldata=calldata,
    )
    chain.take(transaction.attempt(unsigned, await key.sign(transaction.digest(unsigned)), lane=0).raw)
