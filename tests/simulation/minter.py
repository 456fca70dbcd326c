"""`CashbackMinter` as contracts/src writes it: who may mint, the pause, and the bucket that refills linearly."""

from collections.abc import Callable
from typing import Final, TypeAlias

from cashback.chain.gateway.contracts import OPERATOR_ROLE
from tests.simulation.abi import Arguments, Reverted, error, padded, selector, topic, uint
from tests.simulation.token import ADMIN_ROLE, Context, Roles, has_role

GUARDIAN_ROLE: Final = topic("GUARDIAN_ROLE")


class Minter:
    """`CashbackMinter`: its bucket starts full and refills linearly."""

    def __init__(
        self,
        address: bytes,
        *,
        token: bytes,
        admin: bytes,
        operator: bytes,
        guardian: bytes,
        capacity: int,
        window: int,
    ) -> None:
        """Stand at `address` with a full limit."""
        self.address = address
        self.token = token
        self.roles = Roles(admin)
        self.roles.holders |= {(OPERATOR_ROLE, operator), (GUARDIAN_ROLE, guardian)}
        self.is_paused = False
        self.last_used, self.last_time = 0, 0
        self._set_limit(capacity, window)

    def copy(self) -> "Minter":
        """Return a module that changes apart from this one."""
        other = Minter.__new__(Minter)
        other.__dict__.update(self.__dict__)
        other.roles = self.roles.copy()
        return other

    def call(self, context: Context, sender: bytes, calldata: bytes) -> bytes:
        """Return what a call gives back, having done it.

        Raises:
            Reverted: it did nothing.
        """
        if calldata[:4] in _FORWARDED:
            return self.forward(context, sender, calldata)
        function = _FUNCTIONS.get(calldata[:4])
        if function is None:
            raise Reverted
        return function(self, context, sender, Arguments(calldata))

    def forward(self, context: Context, sender: bytes, calldata: bytes) -> bytes:
        """Have the token do it, and charge what was minted; also `retire`, which mints nothing."""
        self.roles.require(OPERATOR_ROLE, sender)
        self.require_running()
        answer = context.contracts[self.token].call(context, self.address, calldata)
        minted = int.from_bytes(answer)
        available = self.available(context.timestamp)
        if minted > available:
            raise error("LimitExceeded(uint256,uint256)", uint(minted), uint(available))
        if minted:
            self.last_used, self.last_time = self._used(context.timestamp) + minted, context.timestamp
        return answer

    def anchor(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Publish evidence."""
        self.roles.require(OPERATOR_ROLE, sender)
        self.require_running()
        topics = [topic("Anchored(bytes32,uint64)"), given.word(0), uint(given.uint(1, bits=64))]
        context.logs.append((self.address, topics, b""))
        return b""

    def pause(self, context: Context, sender: bytes, _: Arguments) -> bytes:
        """Stop everything; a guardian may."""
        self.roles.require(GUARDIAN_ROLE, sender)
        self.require_running()
        self.is_paused = True
        context.logs.append((self.address, [topic("Paused(address)")], padded(sender)))
        return b""

    def unpause(self, context: Context, sender: bytes, _: Arguments) -> bytes:
        """Lift a pause; the admin may."""
        self.roles.require(ADMIN_ROLE, sender)
        if not self.is_paused:
            raise error("ExpectedPause()")
        self.is_paused = False
        context.logs.append((self.address, [topic("Unpaused(address)")], padded(sender)))
        return b""

    def set_limit(self, context: Context, sender: bytes, given: Arguments) -> bytes:
        """Change the limit; what had refilled until now counts at the old rate."""
        self.roles.require(ADMIN_ROLE, sender)
        self.last_used, self.last_time = self._used(context.timestamp), context.timestamp
        self._set_limit(given.uint(0, bits=208), given.uint(1, bits=48))
        context.logs.append(
            (self.address, [topic("LimitChanged(uint208,uint48)")], uint(self.capacity) + uint(self.window))
        )
        return b""

    def grant_role(self, _: Context, sender: bytes, given: Arguments) -> bytes:
        """Grant a role."""
        return self.roles.change(given.word(0), given.address(1), sender, grant=True)

    def revoke_role(self, _: Context, sender: bytes, given: Arguments) -> bytes:
        """Take a role."""
        return self.roles.change(given.word(0), given.address(1), sender, grant=False)

    def require_running(self) -> None:
        """Revert while paused."""
        if self.is_paused:
            raise error("EnforcedPause()")

    def available(self, timestamp: int) -> int:
        """Return the base units that the limit lets through at a time."""
        return max(self.capacity - self._used(timestamp), 0)

    def _used(self, timestamp: int) -> int:
        """Return what of the bucket is used at a time."""
        return max(self.last_used - (timestamp - self.last_time) * self.capacity // max(self.window, 1), 0)

    def _set_limit(self, capacity: int, window: int) -> None:
        """Take a limit over."""
        if capacity == 0 or window == 0:
            raise error("InvalidLimit(uint208,uint48)", uint(capacity), uint(window))
        self.capacity, self.window = capacity, window


_Function: TypeAlias = Callable[[Minter, Context, bytes, Arguments], bytes]

_FORWARDED: Final = frozenset(
    selector(signature)
    for signature in ("mintBatch(uint64,bytes32[])", "mintScattered(uint64[],bytes32[])", "retire(uint64)")
)
_FUNCTIONS: Final[dict[bytes, _Function]] = {
    selector(signature): function
    for signature, function in {
        "anchor(bytes32,uint64)": Minter.anchor,
        "pause()": Minter.pause,
        "unpause()": Minter.unpause,
        "setLimit(uint208,uint48)": Minter.set_limit,
        "grantRole(bytes32,address)": Minter.grant_role,
        "revokeRole(bytes32,address)": Minter.revoke_role,
        "hasRole(bytes32,address)": lambda minter, _, __, given: has_role(minter.roles, given),
        "paused()": lambda minter, *_: uint(minter.is_paused),
        "available()": lambda minter, context, *_: uint(minter.available(context.timestamp)),
        "limit()": lambda minter, *_: uint(minter.capacity) + uint(minter.window),
        "TOKEN()": lambda minter, *_: padded(minter.token),
    }.items()
}
