"""`CashbackToken` as contracts/src writes it: the bitmap, what is minted, skipped and retired, the cap, the roles.

Left out is what the adapter never meets: allowances, permits, and the delayed steps to another admin. test_conformance
holds the model and the compiled contract on a real node against the same expectations.
"""

from collections.abc import Callable
from typing import Final, Protocol, Self, TypeAlias

import msgspec

from cashback.chain.gateway.contracts import MINTER_ROLE
from cashback.chain.gateway.decoding import MINTED, RETIRED, SKIPPED
from cashback.chain.gateway.filters import TRANSFER
from tests.integration.chain.poison import BURNING, POISON
from tests.simulation.abi import Arguments, Reverted, array, error, padded, selector, uint

BATCH_MAX: Final = 256
DECIMALS: Final = 6
ADMIN_ROLE: Final = bytes(32)
_ZERO: Final = bytes(20)
_NUMBERS: Final = 1 << 64
_ALREADY_USED, _INVALID_RECIPIENT, _ZERO_AMOUNT = 0, 1, 2

Log: TypeAlias = tuple[bytes, list[bytes], bytes]
"""Address, topics, data."""


class Contract(Protocol):
    """Something that code stands for."""

    def call(self, context: "Context", sender: bytes, calldata: bytes) -> bytes:
        """Return what a call gives back, having done it; raises `Reverted` when it did nothing."""
        ...

    def copy(self) -> Self:
        """Return one that changes apart from this one."""
        ...


class Context(msgspec.Struct, kw_only=True):
    """One execution: when it happens, the contracts it may reach, the logs it writes, and the words it touches."""

    timestamp: int
    contracts: dict[bytes, Contract]
    logs: list[Log] = msgspec.field(default_factory=list)
    fresh_wallets: int = 0
    fresh_words: int = 0
    entries: int = 0


class Poison(msgspec.Struct):
    """Whether some recipients undo the calls that mint to them: no state of the chain, but other code in its place."""

    is_brewed: bool = False

    def strike(self, recipient: bytes) -> None:
        """Revert when it is brewed and works on `recipient`."""
        if self.is_brewed and recipient in POISON:
            raise Reverted(burns=recipient == BURNING)


class Roles:
    """Who holds which role; the admin alone grants, and its own role moves only in steps that are not modelled."""

    def __init__(self, admin: bytes) -> None:
        """Begin with the admin alone."""
        self.holders = {(ADMIN_ROLE, admin)}

    def copy(self) -> "Roles":
        """Return roles that change apart from these."""
        other = Roles(b"")
        other.holders = set(self.holders)
        return other

    def require(self, role: bytes, sender: bytes) -> None:
        """Revert unless `sender` has `role`."""
        if (role, sender) not in self.holders:
            raise error("AccessControlUnauthorizedAccount(address,bytes32)", padded(sender), role)

    def change(self, role: bytes, holder: bytes, sender: bytes, *, grant: bool) -> bytes:
        """Grant or take a role, as its admin; it returns nothing to the caller of the contract."""
        if role == ADMIN_ROLE:
            raise error("AccessControlEnforcedDefaultAdminRules()")
        self.require(ADMIN_ROLE, sender)
        (self.holders.add if grant else self.holders.discard)((role, holder))
        return b""


class Token:
    """`CashbackToken`."""

    def __init__(self, address: bytes, *, cap: int, admin: bytes) -> None:
        """Stand at `address`, with nothing minted."""
        if not 0 < cap < 1 << 63:
            raise error("InvalidCap(uint256)", uint(cap))
        self.address = address
        self.cap = cap
        self.roles = Roles(admin)
        self.poison = Poison()
        self.supply = 0
        self.balances: dict[bytes, int] = {}
        self.used_bits: dict[int, int] = {}
        self.retired_bits: dict[int, int] = {}

    def copy(self) -> "Token":
        """Return a token that changes apart from this one."""
        other = Token.__new__(Token)
        other.address, other.cap, other.supply = self.address, self.cap, self.supply
        other.roles, other.poison = self.roles.copy(), self.poison
        other.balances, other.used_bits = dict(self.balances), dict(self.used_bits)
        other.retired_bits = dict(self.retired_bits)
        return other

    def is_used(self, number: int) -> bool:
        """Tell whether a number was minted or retired."""
        return bool(self.used_bits.get(number >> 8, 0) >> (number & 0xFF) & 1)

    def is_retired(self, number: int) -> bool:
        """Tell whether a number was retired."""
        return bool(self.retired_bits.get(number >> 8, 0) >> (number & 0xFF) & 1)

    def call(self, context: Context, sender: bytes, calldata: bytes) -> bytes:
        """Return what a call gives back, having done it.

        Raises:
            Reverted: it did nothing.
        """
        function = _FUNCTIONS.get(calldata[:4])
        if function is None:
            raise Reverted
        return function(self, context, sender, Arguments(calldata))

    def mint_batch(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Mint a window of consecutive numbers; a zero word is a gap."""
        self.roles.require(MINTER_ROLE, sender)
        first, words = given.uint(0, bits=64), given.words(1)
        if len(words) > BATCH_MAX:
            raise error("BatchTooLarge(uint256)", uint(len(words)))
        if first + len(words) > _NUMBERS:
            raise error("WindowOutOfRange(uint64,uint256)", uint(first), uint(len(words)))
        entries = [(first + place, word) for place, word in enumerate(words) if any(word)]
        return self._mint(context, sender, entries)

    def mint_scattered(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Mint numbers that form no window; a zero word is an invalid recipient."""
        self.roles.require(MINTER_ROLE, sender)
        numbers, words = given.uints(0, bits=64), given.words(1)
        if len(words) > BATCH_MAX:
            raise error("BatchTooLarge(uint256)", uint(len(words)))
        if len(numbers) != len(words):
            raise error("LengthMismatch(uint256,uint256)", uint(len(numbers)), uint(len(words)))
        return self._mint(context, sender, list(zip(numbers, words, strict=True)))

    def retire(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Use a number up without minting it."""
        self.roles.require(MINTER_ROLE, sender)
        number = given.uint(0, bits=64)
        if self.is_used(number):
            self._skip(context, number, _ALREADY_USED)
            return b""
        self._mark(context, number)
        self.retired_bits[number >> 8] = self.retired_bits.get(number >> 8, 0) | 1 << (number & 0xFF)
        context.logs.append((self.address, [RETIRED, uint(number)], b""))
        return b""

    def replace_minter(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Pass the role from one module to the next."""
        self.roles.require(ADMIN_ROLE, sender)
        old, new = (MINTER_ROLE, given.address(0)), (MINTER_ROLE, given.address(1))
        is_valid = (
            new[1] in context.contracts and old in self.roles.holders and (new == old or new not in self.roles.holders)
        )
        if not is_valid:
            raise error("InvalidHandover(address,address)", padded(old[1]), padded(new[1]))
        self.roles.holders = self.roles.holders - {old} | {new}
        return b""

    def burn(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Burn the sender's own."""
        amount, held = given.uint(0), self.balances.get(sender, 0)
        if amount > held:
            raise error("ERC20InsufficientBalance(address,uint256,uint256)", padded(sender), uint(held), uint(amount))
        self.balances[sender] = held - amount
        self.supply -= amount
        context.logs.append((self.address, [TRANSFER, padded(sender), bytes(32)], uint(amount)))
        return b""

    def grant_role(self, _: Context, sender: bytes, given: Arguments) -> bytes:
        """Grant a role."""
        return self.roles.change(given.word(0), given.address(1), sender, grant=True)

    def revoke_role(self, _: Context, sender: bytes, given: Arguments) -> bytes:
        """Take a role."""
        return self.roles.change(given.word(0), given.address(1), sender, grant=False)

    def _mint(self, context: Context, sender: bytes, entries: list[tuple[int, bytes]]) -> bytes:
        """Mint what can be, skip the rest, and return the base units minted; above the cap nothing happened."""
        minted = sum(self._mint_number(context, sender, number, word) for number, word in entries)
        if self.supply > self.cap:
            raise error("CapExceeded(uint256,uint256)", uint(self.supply), uint(self.cap))
        return uint(minted)

    def _mint_number(self, context: Context, sender: bytes, number: int, word: bytes) -> int:
        """Mint one entry, or skip it with an event; return the base units minted."""
        context.entries += 1
        to, amount = word[:20], int.from_bytes(word[20:])
        self.poison.strike(to)
        if self.is_used(number):
            return self._skip(context, number, _ALREADY_USED)
        if to in (_ZERO, self.address, sender):
            return self._skip(context, number, _INVALID_RECIPIENT)
        if amount == 0:
            return self._skip(context, number, _ZERO_AMOUNT)
        self._mark(context, number)
        context.fresh_wallets += to not in self.balances
        self.balances[to] = self.balances.get(to, 0) + amount
        self.supply += amount
        context.logs.append((self.address, [TRANSFER, bytes(32), padded(to)], uint(amount)))
        context.logs.append((self.address, [MINTED, uint(number), padded(to)], uint(amount)))
        return amount

    def _mark(self, context: Context, number: int) -> None:
        """Set a number's bit."""
        word = self.used_bits.get(number >> 8, 0)
        context.fresh_words += word == 0
        self.used_bits[number >> 8] = word | 1 << (number & 0xFF)

    def _skip(self, context: Context, number: int, reason: int) -> int:
        """Say why a number was not minted."""
        context.logs.append((self.address, [SKIPPED, uint(number)], uint(reason)))
        return 0


_Function: TypeAlias = Callable[[Token, Context, bytes, Arguments], bytes]


def has_role(roles: Roles, given: Arguments) -> bytes:
    """Return whether an account has a role."""
    return uint((given.word(0), given.address(1)) in roles.holders)


_FUNCTIONS: Final[dict[bytes, _Function]] = {
    selector(signature): function
    for signature, function in {
        "mintBatch(uint64,bytes32[])": Token.mint_batch,
        "mintScattered(uint64[],bytes32[])": Token.mint_scattered,
        "retire(uint64)": Token.retire,
        "replaceMinter(address,address)": Token.replace_minter,
        "burn(uint256)": Token.burn,
        "grantRole(bytes32,address)": Token.grant_role,
        "revokeRole(bytes32,address)": Token.revoke_role,
        "hasRole(bytes32,address)": lambda token, _, __, given: has_role(token.roles, given),
        "totalSupply()": lambda token, *_: uint(token.supply),
        "CAP()": lambda token, *_: uint(token.cap),
        "decimals()": lambda *_: uint(DECIMALS),
        "balanceOf(address)": lambda token, _, __, given: uint(token.balances.get(given.address(0), 0)),
        "balancesOf(address[])": lambda token, _, __, given: array(
            [uint(token.balances.get(word[12:], 0)) for word in given.words(0)]
        ),
        "isUsed(uint64[])": lambda token, _, __, given: array(
            [uint(token.is_used(number)) for number in given.uints(0, bits=64)]
        ),
        "isRetired(uint64)": lambda token, _, __, given: uint(token.is_retired(given.uint(0, bits=64))),
    }.items()
}
