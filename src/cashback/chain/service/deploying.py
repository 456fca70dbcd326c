"""Putting the contracts on a chain, once: what already stands there is recognised and left alone.

    token ──▶ minter(token, operators) ──▶ MINTER_ROLE for the minter ──▶ OPERATOR_ROLE for each signer ──▶ verified

The deployer is the admin of both; passing that on is a delayed step of the contracts' own, done by people.
"""

import asyncio
from typing import Final

import msgspec
from eth_abi.abi import encode

from cashback.chain.gateway.artefact import Artefact, artefact
from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import MINTER_ROLE, OPERATOR_ROLE, Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, ChainUnavailable, Hash, Receipt, Transaction, WrongChain
from cashback.chain.rules import fees, transaction
from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger

_GRANT_ROLE: Final = bytes.fromhex("2f2ff15d")
_GAS_NUMERATOR: Final = 6
_GAS_DENOMINATOR: Final = 5
"""An estimate is taken with a fifth on top."""
_OWN_NONCES_SEARCHED: Final = 16
_MINED_WITHIN_S: Final = 90.0
_POLL_S: Final = 0.1

log = logger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to deploy: names, limits in base units and seconds, and who may do what."""

    name: str
    symbol: str
    supply_cap: int
    admin_delay_s: int
    operators: tuple[Address, ...]
    guardian: Address
    mint_capacity: int
    mint_window_s: int
    token: Address | None = None
    minter: Address | None = None


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the contracts stand, and whether this call put anything there."""

    token: Address
    minter: Address
    is_new: bool


class Deployer:
    """Deploys with one key; running it again, after whatever failure, goes on where it stopped."""

    def __init__(self, node: Node, *, signer: Signer, chain_id: int, limits: fees.FeeLimits) -> None:
        """Send through `node` as `signer`, within the fee limits."""
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._limits = limits

    async def deploy(self, plan: Plan) -> Deployed:
        """Make sure that token, minter and roles are as planned.

        Raises:
            WrongChain: something else stands at the given addresses, or the deployer may not grant a role.
            ChainUnavailable: no endpoint answered, or a transaction was not mined in time; run it again.
        """
        token = plan.token or await self._find("CashbackToken")
        minter = plan.minter or (None if token is None else await self._find("CashbackMinter", token=token))
        is_new = token is None or minter is None
        if token is None:
            token = await self._create(artefact("CashbackToken"), self._token_arguments(plan))
        if minter is None:
            minter = await self._create(artefact("CashbackMinter"), self._minter_arguments(plan, token))
        await self._check_code(token, minter)
        for operator in plan.operators:
            is_new |= await self._grant(token, MINTER_ROLE, minter)
            is_new |= await self._grant(minter, OPERATOR_ROLE, operator)
            await Contracts(self._node, token=token, minter=minter).verify(operator)
        log.info("contracts.deployed", token=f"0x{token.hex()}", minter=f"0x{minter.hex()}", is_new=is_new)
        return Deployed(token=token, minter=minter, is_new=is_new)

    async def _find(self, contract: str, *, token: Address | None = None) -> Address | None:
        """Return where this key's early transactions have put the contract already, the minter only for its token."""
        wanted = artefact(contract)
        [sent] = await self._blocks(Address(b"")).nonces(self._signer.address, ["latest"])
        for nonce in range(min(sent, _OWN_NONCES_SEARCHED)):
            address = transaction.created_address(self._signer.address, nonce)
            contracts = Contracts(self._node, token=token or address, minter=address)
            if wanted.is_code(await contracts.code(address)) and (
                token is None or await contracts.paired_token() == token
            ):
                return address
        return None

    async def _check_code(self, token: Address, minter: Address) -> None:
        """Raise `WrongChain` unless the committed contracts' code stands at both addresses."""
        contracts = Contracts(self._node, token=token, minter=minter)
        for contract, address in (("CashbackToken", token), ("CashbackMinter", minter)):
            if not artefact(contract).is_code(await contracts.code(address)):
                raise WrongChain(f"the code at 0x{address.hex()} is not this release's {contract}")

    async def _grant(self, contract: Address, role: bytes, to: Address) -> bool:
        """Give a role to an address; return whether it lacked it."""
        contracts = Contracts(self._node, token=contract, minter=contract)
        if await contracts.has_role(contract, role, to):
            return False
        await self._transact(contract, _GRANT_ROLE + encode(["bytes32", "address"], [role, to]))
        return True

    async def _create(self, what: Artefact, arguments: bytes) -> Address:
        """Create a contract and return its address."""
        nonce, _ = await self._transact(None, what.creation(arguments))
        return transaction.created_address(self._signer.address, nonce)

    async def _transact(self, target: Address | None, calldata: bytes) -> tuple[int, Receipt]:
        """Send one transaction and return its nonce and receipt once it is mined."""
        blocks = self._blocks(target or Address(b""))
        [nonce] = await blocks.nonces(self._signer.address, ["pending"])
        estimate = await blocks.estimate(sender=self._signer.address, target=target, calldata=calldata)
        bid = fees.first_bid((await blocks.latest()).base_fee_wei, self._limits)
        if isinstance(bid, fees.Waits):
            raise ChainUnavailable("gas costs more than the cap; try later or raise it")
        unsigned = Transaction(
            chain_id=self._chain_id,
            nonce=nonce,
            fees=bid,
            gas=estimate * _GAS_NUMERATOR // _GAS_DENOMINATOR,
            target=target,
            calldata=calldata,
        )
        attempt = transaction.attempt(unsigned, await self._signer.sign(transaction.digest(unsigned)), lane=0)
        answers = await self._node.send(attempt.raw)
        receipt = await self._mined(blocks, attempt.hash)
        if receipt is None or not receipt.is_success:
            problems = "; ".join(answer.problem for answer in answers if answer.problem)
            raise ChainUnavailable(f"transaction 0x{attempt.hash.hex()} did not succeed: {problems or 'reverted'}")
        return nonce, receipt

    async def _mined(self, blocks: Blocks, hash_: Hash) -> Receipt | None:
        """Return a transaction's receipt as soon as a block carries it, None when that takes too long."""
        deadline_s = monotonic_s() + _MINED_WITHIN_S
        while monotonic_s() < deadline_s:
            receipt = (await blocks.receipts([hash_])).get(hash_)
            if receipt is not None:
                return receipt
            await asyncio.sleep(_POLL_S)
        return None

    def _token_arguments(self, plan: Plan) -> bytes:
        """Return the token's constructor arguments."""
        return encode(
            ["string", "string", "uint256", "uint48", "address"],
            [plan.name, plan.symbol, plan.supply_cap, plan.admin_delay_s, self._signer.address],
        )

    def _minter_arguments(self, plan: Plan, token: Address) -> bytes:
        """Return the minter's constructor arguments; the first operator gets its role at once."""
        return encode(
            ["address", "uint48", "address", "address", "address", "uint208", "uint48"],
            [
                token,
                plan.admin_delay_s,
                self._signer.address,
                plan.operators[0],
                plan.guardian,
                plan.mint_capacity,
                plan.mint_window_s,
            ],
        )

    def _blocks(self, about: Address) -> Blocks:
        """Return the reader of blocks; which token it is about does not matter here."""
        return Blocks(self._node, token=about)
