"""Putting the contracts on a chain, once: what already stands there is recognised and left alone.

    token ──▶ minter(token, operators) ──▶ MINTER_ROLE for the minter ──▶ OPERATOR_ROLE for each signer ──▶ verified

A contract's address follows from its creator and the creator's nonce. So the key's own past says whether it stands, as
soon as none of its transactions waits any more; and a creation is signed for the nonce at which that past ended: of two
deployments at once, or of one that was interrupted and its repetition, only one can be mined.

The deployer is the admin of both; passing that on is a delayed step of the contracts' own, done by people.
"""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Final

import msgspec
from eth_abi.abi import encode

from cashback.chain.gateway.artefact import Artefact, artefact
from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import MINTER_ROLE, OPERATOR_ROLE, Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import (
    Address,
    Attempt,
    ChainUnavailable,
    DeploymentUnknown,
    NodeAnswer,
    Receipt,
    Transaction,
    WrongChain,
)
from cashback.chain.rules import fees, transaction
from cashback.chain.rules.answers import classify
from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger

_GRANT_ROLE: Final = bytes.fromhex("2f2ff15d")
_GAS_NUMERATOR: Final = 6
_GAS_DENOMINATOR: Final = 5
"""An estimate is taken with a fifth on top."""
OWN_TRANSACTIONS_MAX: Final = 1_000
"""So many of a key's own transactions, the newest, are searched for the contracts, at a question to the node each."""
_SEARCHED_AT_ONCE: Final = 16
MINED_WITHIN_S: Final = 90.0
OFFERED_AGAIN_S: Final = 3.0
_POLL_S: Final = 0.1
_SETTINGS: Final = {"CashbackToken": "CASHBACK_TOKEN_ADDRESS", "CashbackMinter": "CASHBACK_MINTER_ADDRESS"}

log = logger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to deploy: names, limits in base units and seconds, who may do what, and where it stands if known."""

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

    def __init__(
        self,
        node: Node,
        *,
        signer: Signer,
        chain_id: int,
        limits: fees.FeeLimits,
        mined_within_s: float = MINED_WITHIN_S,
        offered_again_s: float = OFFERED_AGAIN_S,
    ) -> None:
        """Send through `node` as `signer`, within the fee limits.

        Wait `mined_within_s` for each transaction to be mined, and offer it again every `offered_again_s` until then.
        """
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._limits = limits
        self._mined_within_s = mined_within_s
        self._offered_again_s = offered_again_s

    async def deploy(self, plan: Plan) -> Deployed:
        """Make sure that token, minter and roles are as planned.

        Raises:
            WrongChain: something else stands at the given addresses, or the deployer may not grant a role.
            DeploymentUnknown: this key has sent more than is searched, so the contracts may stand already.
            ChainUnavailable: no endpoint answered, or a transaction was not mined in time; run it again.
        """
        nonce = await self._settled_nonce()
        token = await self._standing("CashbackToken", plan.token, nonce=nonce)
        # A token that is yet to be created has no minter yet; where that will stand may be known all the same.
        minter = None
        if token is not None or plan.minter is not None:
            minter = await self._standing("CashbackMinter", plan.minter, nonce=nonce + (token is None), token=token)
        if token is None and minter is not None:
            raise WrongChain(
                f"the minter at 0x{minter.hex()} mints a token that is not named: set CASHBACK_TOKEN_ADDRESS"
            )
        nonces = count(nonce)
        if token is None:
            token = await self._create(next(nonces), artefact("CashbackToken"), self._token_arguments(plan))
        is_new = minter is None
        if minter is None:
            minter = await self._create(next(nonces), artefact("CashbackMinter"), self._minter_arguments(plan, token))
        await self._check_code(token, minter)
        for operator in plan.operators:
            is_new |= await self._grant(nonces, token, MINTER_ROLE, minter)
            is_new |= await self._grant(nonces, minter, OPERATOR_ROLE, operator)
            await Contracts(self._node, token=token, minter=minter).verify(operator)
        log.info("contracts.deployed", token=f"0x{token.hex()}", minter=f"0x{minter.hex()}", is_new=is_new)
        return Deployed(token=token, minter=minter, is_new=is_new)

    async def _settled_nonce(self) -> int:
        """Return this key's next nonce once none of its transactions waits to be mined.

        Raises:
            ChainUnavailable: one still does.
        """
        deadline_s = monotonic_s() + self._mined_within_s
        while True:
            mined, sent = await self._blocks(Address(b"")).nonces(self._signer.address, ["latest", "pending"])
            if sent <= mined:
                return mined
            if monotonic_s() >= deadline_s:
                raise ChainUnavailable(
                    f"transactions of 0x{self._signer.address.hex()} with nonces {mined} to {sent - 1} are not mined "
                    "yet; run it again when they are, or when the pool has dropped them"
                )
            await asyncio.sleep(_POLL_S)

    async def _standing(
        self, contract: str, given: Address | None, *, nonce: int, token: Address | None = None
    ) -> Address | None:
        """Return where a contract stands, the minter only for its token; None when this key is to create it at `nonce`.

        Raises:
            WrongChain: an address is given, nothing stands there, and nothing would come to stand there.
            DeploymentUnknown: no address is given, and this key's past is too long to search.
        """
        if given is None:
            return await self._find(contract, nonce=nonce, token=token)
        if given == transaction.created_address(self._signer.address, nonce):
            return None
        if await Contracts(self._node, token=given, minter=given).code(given):
            return given
        setting = _SETTINGS[contract]
        raise WrongChain(f"nothing stands at 0x{given.hex()}; leave {setting} empty to deploy a new {contract}")

    async def _find(self, contract: str, *, nonce: int, token: Address | None) -> Address | None:
        """Return where this key's transactions before `nonce` have put the contract, the newest if there are several.

        Raises:
            DeploymentUnknown: it is not among the newest, and there are older ones.
        """
        oldest = max(nonce - OWN_TRANSACTIONS_MAX, 0)
        for last in range(nonce - 1, oldest - 1, -_SEARCHED_AT_ONCE):
            own = range(last, max(last - _SEARCHED_AT_ONCE, oldest - 1), -1)
            created = [transaction.created_address(self._signer.address, one) for one in own]
            stands = await asyncio.gather(*(self._is(contract, address, token) for address in created))
            if found := [address for address, is_it in zip(created, stands, strict=True) if is_it]:
                return found[0]
        if oldest > 0:
            raise DeploymentUnknown(
                f"0x{self._signer.address.hex()} has sent {nonce} transactions, and among its newest "
                f"{OWN_TRANSACTIONS_MAX} is no {contract}: name it in {_SETTINGS[contract]}, or deploy with another key"
            )
        return None

    async def _is(self, contract: str, address: Address, token: Address | None) -> bool:
        """Tell whether this release's contract stands at an address, and is the token's own if there is one."""
        contracts = Contracts(self._node, token=token or address, minter=address)
        code = await contracts.code(address)
        if not code or not artefact(contract).is_code(code):
            return False
        return token is None or await contracts.paired_token() == token

    async def _check_code(self, token: Address, minter: Address) -> None:
        """Raise `WrongChain` unless the committed contracts' code stands at both addresses."""
        contracts = Contracts(self._node, token=token, minter=minter)
        for contract, address in (("CashbackToken", token), ("CashbackMinter", minter)):
            if not artefact(contract).is_code(await contracts.code(address)):
                raise WrongChain(f"the code at 0x{address.hex()} is not this release's {contract}")

    async def _grant(self, nonces: Iterator[int], contract: Address, role: bytes, to: Address) -> bool:
        """Give a role to an address; return whether it lacked it."""
        contracts = Contracts(self._node, token=contract, minter=contract)
        if await contracts.has_role(contract, role, to):
            return False
        await self._transact(next(nonces), contract, _GRANT_ROLE + encode(["bytes32", "address"], [role, to]))
        return True

    async def _create(self, nonce: int, what: Artefact, arguments: bytes) -> Address:
        """Create a contract and return its address."""
        await self._transact(nonce, None, what.creation(arguments))
        return transaction.created_address(self._signer.address, nonce)

    async def _transact(self, nonce: int, target: Address | None, calldata: bytes) -> None:
        """Send one transaction, and return when it is mined and did what it should."""
        blocks = self._blocks(target or Address(b""))
        estimate = await blocks.estimate(sender=self._signer.address, target=target, calldata=calldata)
        prices = await blocks.prices(await blocks.latest())
        bid = fees.first_bid(fees.market(prices, self._limits), self._limits)
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
        receipt = await self._mine(blocks, attempt)
        if not receipt.is_success:
            raise ChainUnavailable(f"transaction 0x{attempt.hash.hex()} was mined and reverted")

    async def _mine(self, blocks: Blocks, attempt: Attempt) -> Receipt:
        """Offer an attempt until a block carries it, and return its receipt: pools drop what they once accepted.

        Raises:
            ChainUnavailable: that took too long, or a block carries another one in its place.
        """
        deadline_s = monotonic_s() + self._mined_within_s
        offered_s: float | None = None
        answers: list[NodeAnswer] = []
        is_used = False
        while True:
            if offered_s is None or monotonic_s() - offered_s >= self._offered_again_s:
                answers = await self._node.send(attempt.raw)
                offered_s = monotonic_s()
            [mined] = await blocks.nonces(self._signer.address, ["latest"])
            receipt = (await blocks.receipts([attempt.hash])).get(attempt.hash)
            if receipt is not None:
                return receipt
            if is_used or monotonic_s() >= deadline_s:
                break
            # A node may count a transaction before it has its receipt: the next look is the one that tells.
            is_used = mined > attempt.nonce
            await asyncio.sleep(_POLL_S)
        problems = "; ".join(answer.problem for answer in answers if classify(answer) not in {"accepted", "known"})
        raise ChainUnavailable(
            f"transaction 0x{attempt.hash.hex()} was not mined within {self._mined_within_s:g} s, or another one "
            f"was in its place{f' ({problems})' if problems else ''}; run it again, it goes on from there"
        )

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
