"""A token that some recipients undo, on a real node: other code at its address, which our own stands behind.

    token ──▶ any word of the calldata names one of them? ──▶ revert, or burn all the gas there is
                └── else delegatecall to the token's own code, moved elsewhere ──▶ storage, sender, events stay

Nothing in the adapter knows of it: it makes the whole call fail that carries such a recipient, as no contract of this
release does.
"""

from typing import Final

from cashback.chain.model import Address
from tests.integration.chain.levers import Lever

UNDOING: Final = Address(b"\xde" * 20)
"""Whoever mints to it has the whole call reverted, without a reason."""
BURNING: Final = Address(b"\xbe" * 20)
"""Whoever mints to it uses up all the gas of the call."""
POISON: Final = (UNDOING, BURNING)
_ELSEWHERE: Final = bytes.fromhex("c0de" * 10)
_UNDO, _BURN, _DONE, _GOOD, _LOOP = range(5)

# The stack holds the place in the calldata; a word's high 160 bits are the recipient of a packed mint.
_LINES: Final[tuple[bytes | int | tuple[int], ...]] = (
    bytes.fromhex("6004"),  # PUSH1 4
    (_LOOP,),
    bytes.fromhex("3681101560"),  # CALLDATASIZE DUP2 LT ISZERO PUSH1
    _DONE,
    bytes.fromhex("5780356060 1c".replace(" ", "")),  # JUMPI DUP1 CALLDATALOAD PUSH1 96 SHR
    bytes.fromhex("8073") + UNDOING + bytes.fromhex("1460"),  # DUP1 PUSH20 EQ PUSH1
    _UNDO,
    bytes.fromhex("5773") + BURNING + bytes.fromhex("1460"),  # JUMPI PUSH20 EQ PUSH1
    _BURN,
    bytes.fromhex("5760200160"),  # JUMPI PUSH1 32 ADD PUSH1
    _LOOP,
    bytes.fromhex("56"),  # JUMP
    (_DONE,),
    bytes.fromhex("365f5f375f5f365f73") + _ELSEWHERE + bytes.fromhex("5af4"),  # copy all, GAS DELEGATECALL
    bytes.fromhex("3d5f5f3e60"),  # RETURNDATACOPY of all, PUSH1
    _GOOD,
    bytes.fromhex("573d5ffd"),  # JUMPI, REVERT with what came back
    (_GOOD,),
    bytes.fromhex("3d5ff3"),  # RETURN what came back
    (_UNDO,),
    bytes.fromhex("5f5ffd"),  # REVERT with nothing
    (_BURN,),
    bytes.fromhex("60"),  # PUSH1
    _BURN,
    bytes.fromhex("56"),  # JUMP, for ever
)
"""Code with places in it: a number is where to jump, a number alone in brackets is the JUMPDEST of that name."""


def _assembled() -> bytes:
    """Return the code with each name replaced by its place."""
    places: dict[int, int] = {}
    at = 0
    for line in _LINES:
        if isinstance(line, tuple):
            places[line[0]] = at
        at += len(line) if isinstance(line, bytes) else 1
    return b"".join(
        line if isinstance(line, bytes) else b"\x5b" if isinstance(line, tuple) else bytes([places[line]])
        for line in _LINES
    )


class Poison:
    """The token of one chain, with and without that code."""

    def __init__(self, lever: Lever, token: str) -> None:
        """Change the token at this address."""
        self._lever = lever
        self._token = token
        self._own = ""

    async def brew(self) -> None:
        """Put that code there, in the next block."""
        self._own = await self._lever.call("eth_getCode", self._token, "latest")
        await self._lever.call("anvil_setCode", f"0x{_ELSEWHERE.hex()}", self._own)
        await self._lever.call("anvil_setCode", self._token, f"0x{_assembled().hex()}")
        await self._lever.mine()

    async def cure(self) -> None:
        """Put the token's own code back, in the next block."""
        await self._lever.call("anvil_setCode", self._token, self._own)
        await self._lever.mine()
