"""Views of the token and the minter, encoded and decoded by hand: they are few and their words are 32 bytes."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cashback.chain.gateway import decoding
from cashback.chain.gateway.artefact import artefact
from cashback.chain.gateway.blocks import fee_history
from cashback.chain.gateway.decoding import octets
from cashback.chain.gateway.endpoint import Request
from cashback.chain.gateway.heads import HeadsOfChain
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.trials import tried
from cashback.chain.model import (
    Address,
    Allowance,
    Call,
    ChainUnavailable,
    Header,
    Policy,
    RaceLost,
    Standing,
    Trial,
    WrongChain,
)
from cashback.kernel.money import TOKEN_DECIMALS

MINTER_ROLE: Final = bytes.fromhex("9f2df0fed2c77648de5860a4cc508cd0818c85b8b8a1ab4ceeef8d981c8956a6")
"""`keccak256("MINTER_ROLE")`: may mint, held by the module."""
OPERATOR_ROLE: Final = bytes.fromhex("97667070c54ef182b0f5858b034beac1b6f3089aa2d3188bb1e8929f4fa9b929")
"""`keccak256("OPERATOR_ROLE")`: may call the module, held by the signers."""

_PAUSED: Final = bytes.fromhex("5c975abb")
_AVAILABLE: Final = bytes.fromhex("48a0d754")
_LIMIT: Final = bytes.fromhex("a4d66daf")
_HAS_ROLE: Final = bytes.fromhex("91d14854")
_TOTAL_SUPPLY: Final = bytes.fromhex("18160ddd")
_CAP: Final = bytes.fromhex("ec81b483")
_TOKEN: Final = bytes.fromhex("82bfefc8")
_DECIMALS: Final = bytes.fromhex("313ce567")
_BALANCES_OF: Final = bytes.fromhex("7e20bc2e")
_LATEST: Final = "latest"
_WORD_BYTES: Final = 32
_ADDRESS_BYTES: Final = 20


class Contracts:
    """The token and its minter module on one chain."""

    def __init__(self, node: Node, *, token: Address, minter: Address) -> None:
        """Read through `node`."""
        self._node = node
        self._heads = HeadsOfChain(node)
        self.token = token
        self.minter = minter

    async def verify(self, signer: Address) -> None:
        """Return when the contracts at the addresses are ours and `signer` may mint through them.

        Raises:
            WrongChain: they are not, with what to do about it.
            ChainUnavailable: no endpoint answered.
        """
        await self._verify_code()
        try:
            [(decimals, paired, is_minter, is_operator), *_] = await self._node.agree(
                [
                    _view(self.token, _DECIMALS),
                    _view(self.minter, _TOKEN),
                    _view(self.token, _HAS_ROLE + MINTER_ROLE + _padded(self.minter)),
                    _view(self.minter, _HAS_ROLE + OPERATOR_ROLE + _padded(signer)),
                ],
                _all_octets,
            )
        except EndpointRefused as cause:
            raise WrongChain(
                "what stands at CASHBACK_TOKEN_ADDRESS and CASHBACK_MINTER_ADDRESS does not answer as token and minter"
            ) from cause
        if _number(decimals) != TOKEN_DECIMALS:
            raise WrongChain(
                f"the token at CASHBACK_TOKEN_ADDRESS has {_number(decimals)} decimals, and the ledger counts in "
                f"{TOKEN_DECIMALS}: name the token that `cashback contracts deploy` printed"
            )
        minted = paired[-_ADDRESS_BYTES:]
        if minted != self.token:
            raise WrongChain(
                f"the minter at CASHBACK_MINTER_ADDRESS mints the token 0x{minted.hex()}, not "
                "the one at CASHBACK_TOKEN_ADDRESS: name the pair that `cashback contracts deploy` printed"
            )
        if not _number(is_minter):
            raise WrongChain("the minter lacks MINTER_ROLE on the token; its admin must grant it")
        if not _number(is_operator):
            raise WrongChain(f"0x{signer.hex()} lacks OPERATOR_ROLE on the minter; its admin must grant it")

    async def policy(self, signer: Address) -> Policy:
        """Return what `signer` may mint at the head, and what gas costs there; all of it as of one block.

        Raises:
            RaceLost: the head moved meanwhile; ask again.
            ChainUnavailable: no endpoint answered, or each that did refused: it limits us, or lacks what was asked for.
        """
        sender = f"0x{signer.hex()}"
        head = await self._heads.latest()
        block = hex(head.number)
        requests: list[Request] = [
            _view(self.minter, _PAUSED, block=block),
            _view(self.minter, _AVAILABLE, block=block),
            _view(self.minter, _HAS_ROLE + OPERATOR_ROLE + _padded(signer), block=block),
            _view(self.token, _HAS_ROLE + MINTER_ROLE + _padded(self.minter), block=block),
            _view(self.token, _TOTAL_SUPPLY, block=block),
            _view(self.token, _CAP, block=block),
            ("eth_getBalance", [sender, block]),
            ("eth_getTransactionCount", [sender, "pending"]),
            fee_history(head.number),
        ]
        try:
            told = await self._node.agree(requests, lambda answers: _policy(answers, head), key=_of_block)
        except EndpointRefused as cause:
            if cause.revert is None:
                raise
            # A block that arrives in between can make a node mix two states, and the limiter's arithmetic fail.
            raise RaceLost(f"the head moved while the contracts were asked: {cause.detail}") from cause
        return msgspec.structs.replace(
            told[0],
            available=min(one.available for one in told),
            pending_nonce=min(one.pending_nonce for one in told),
            prices=decoding.agreed_prices([one.prices for one in told]),
        )

    async def tried(self, calls: Sequence[Call], *, sender: Address, block: int) -> list[Trial]:
        """Return what each call of the minter by `sender` would do on top of `block`; see `trials.tried`."""
        return await tried(self._node, calls, sender=sender, target=self.minter, block=block)

    async def allowance(self) -> Allowance:
        """Return what gas costs at the head and what may be minted there, all of it as of one block of one endpoint.

        For people to look at: what may be signed for is `policy`, by a quorum.

        Raises:
            RaceLost: the head moved meanwhile; ask again.
            ChainUnavailable: no endpoint answered, or each that did lacks what was asked for.
        """
        [latest] = await self._node.ask([("eth_getBlockByNumber", [_LATEST, False])])
        head = decoding.header(latest)
        block = hex(head.number)
        views = [(self.minter, _PAUSED), (self.minter, _LIMIT), (self.minter, _AVAILABLE), (self.token, _CAP)]
        try:
            answers = await self._node.ask([_view(target, selector, block=block) for target, selector in views])
        except EndpointRefused as cause:
            if cause.revert is None:
                raise
            raise RaceLost(f"the head moved while the contracts were asked: {cause.detail}") from cause
        paused, limit, available, cap = answers
        return Allowance(
            base_fee_wei=head.base_fee_wei,
            is_paused=bool(_word(paused)),
            capacity=_word(limit),
            window_s=int.from_bytes(octets(limit)[_WORD_BYTES : 2 * _WORD_BYTES]),
            available=_word(available),
            supply_cap=_word(cap),
        )

    async def standing(self, signers: Sequence[Address]) -> Standing:
        """Return what token and minter say of themselves at the head, as a quorum tells it; see `Standing`.

        Raises:
            ChainUnavailable: no quorum told the same.
        """
        views = [
            _view(self.token, _DECIMALS),
            _view(self.minter, _PAUSED),
            _view(self.token, _HAS_ROLE + MINTER_ROLE + _padded(self.minter)),
            *(_view(self.minter, _HAS_ROLE + OPERATOR_ROLE + _padded(signer)) for signer in signers),
        ]
        [answers, *_] = await self._node.agree(views, _all_octets)
        decimals, paused, is_minter, *are_operators = map(_number, answers)
        return Standing(
            decimals=decimals,
            is_paused=bool(paused),
            is_minter=bool(is_minter),
            operators=[signer for signer, has_role in zip(signers, are_operators, strict=True) if has_role],
        )

    async def balances(self, addresses: Sequence[Address]) -> tuple[list[int], Header]:
        """Return the balances in the order asked, and the block in which they stand.

        Raises:
            ChainUnavailable: no endpoint answered, or the one that did does not know the token yet.
        """
        block = decoding.header((await self._node.ask([("eth_getBlockByNumber", [_LATEST, False])]))[0])
        arguments = [_uint(_WORD_BYTES), _uint(len(addresses)), *[_padded(address) for address in addresses]]
        [answer] = await self._node.ask(
            [_view(self.token, _BALANCES_OF + b"".join(arguments), block=hex(block.number))]
        )
        words = octets(answer)
        starts = range(2 * _WORD_BYTES, len(words), _WORD_BYTES)
        if len(starts) != len(addresses):
            raise ChainUnavailable(f"at block {block.number} the node does not know the token")
        return [int.from_bytes(words[start : start + _WORD_BYTES]) for start in starts], block

    async def supply(self, block: int) -> int | None:
        """Return the total supply at a block, None when no endpoint remembers that state."""
        try:
            [answer] = await self._node.ask([_view(self.token, _TOTAL_SUPPLY, block=hex(block))])
        except EndpointRefused:
            return None
        return _word(answer)

    async def has_role(self, contract: Address, role: bytes, holder: Address) -> bool:
        """Tell whether `holder` has `role` on one of the two contracts."""
        [answer] = await self._node.ask([_view(contract, _HAS_ROLE + role + _padded(holder))])
        return bool(_word(answer))

    async def paired_token(self) -> Address:
        """Return the token that the minter mints."""
        [answer] = await self._node.ask([_view(self.minter, _TOKEN)])
        return Address(octets(answer)[-_ADDRESS_BYTES:])

    async def code(self, address: Address) -> bytes:
        """Return the code at an address, empty where there is none."""
        [code, *_] = await self._node.agree([("eth_getCode", [f"0x{address.hex()}", _LATEST])], _all_octets)
        return code[0]

    async def _verify_code(self) -> None:
        """Raise `WrongChain` when an address carries no contract, or not this release's."""
        for contract, name, address in (
            ("CashbackToken", "TOKEN", self.token),
            ("CashbackMinter", "MINTER", self.minter),
        ):
            code = await self.code(address)
            place = f"CASHBACK_{name}_ADDRESS, 0x{address.hex()}"
            if not code:
                raise WrongChain(f"there is no contract at {place}: deploy it first, or check the address")
            if not artefact(contract).is_code(code):
                raise WrongChain(
                    f"the code at {place}, is not this release's {contract}: name what `cashback contracts deploy` "
                    "printed; contracts of another release are served by that release"
                )


def _policy(answers: list[Any], head: Header) -> Policy:
    """Return what one endpoint says that the contracts allow, at one block."""
    paused, available, is_operator, is_minter, supply, cap, gas_money, pending, history = answers
    return Policy(
        head=head.number,
        head_hash=head.hash,
        prices=decoding.prices(history, head),
        is_paused=bool(_word(paused)),
        is_operator=bool(_word(is_operator)),
        is_minter=bool(_word(is_minter)),
        available=_word(available),
        supply=_word(supply),
        cap=_word(cap),
        gas_money_wei=int(gas_money, 16),
        pending_nonce=int(pending, 16),
    )


def _of_block(policy: Policy) -> Policy:
    """Return what of a policy is the same at every endpoint that has the block.

    Pools differ, and so does the clock by which a node lets the limit refill: of these each has seen so much at least.
    How a percentile is counted differs, too: of the tips the lowest will do.
    """
    prices = msgspec.structs.replace(policy.prices, rewards_wei=())
    return msgspec.structs.replace(policy, available=0, pending_nonce=0, prices=prices)


def _all_octets(answers: list[Any]) -> list[bytes]:
    """Return what several views answer."""
    return [octets(answer) for answer in answers]


def _view(target: Address, calldata: bytes, *, block: str = _LATEST) -> Request:
    """Return an `eth_call` of a view."""
    return ("eth_call", [{"to": f"0x{target.hex()}", "data": f"0x{calldata.hex()}"}, block])


def _padded(address: Address) -> bytes:
    """Return an address as one ABI word."""
    return bytes(_WORD_BYTES - _ADDRESS_BYTES) + address


def _uint(value: int) -> bytes:
    """Return an integer as one ABI word."""
    return value.to_bytes(_WORD_BYTES)


def _word(answer: str) -> int:
    """Return the first word of an answer as an integer; an empty answer (no such function) is 0."""
    return _number(octets(answer))


def _number(answer: bytes) -> int:
    """Return the first word of a decoded answer as an integer."""
    return int.from_bytes(answer[:_WORD_BYTES])
