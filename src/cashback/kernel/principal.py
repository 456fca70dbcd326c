"""Who is calling, once an API key has said so: known to services, which know no HTTP."""

from enum import Enum
from typing import Final

import msgspec

from cashback.kernel.errors import Forbidden, NotFound


class Scope(Enum):
    """What an API key may reach."""

    OPERATOR = "operator"
    MERCHANT = "merchant"


class OperatorOnly(Forbidden):
    """Only an operator's key may do this."""

    code = "operator_only"


class ScopeMissing(Forbidden):
    """The key was not made for this; `scope` is what it would have to be made for."""

    code = "scope_missing"


class MerchantUnknown(NotFound):
    """There is no such merchant, or none that the caller may know of."""

    code = "merchant_unknown"


RATE_PER_S_MAX: Final = 1_000_000
BURST_MAX: Final = 10_000_000
"""What a rate may be at most; the database has the same bounds."""

BURST_MIN: Final = 2
"""What comes as one request and counts as many takes one when it comes, and the others while anything is left."""


class Rate(msgspec.Struct, frozen=True):
    """How often a key may ask: so many times a second in the long run, and so many at once after a rest."""

    per_s: int
    burst: int


class Principal(msgspec.Struct, frozen=True):
    """The caller behind an API key; `merchant_id` is set exactly when the scope is MERCHANT.

    `scopes` are what its key was made for, `rate` is how often that may ask; None is whatever its kind of caller may.
    """

    key_id: str
    scope: Scope
    merchant_id: str | None
    scopes: frozenset[str] | None = None
    rate: Rate | None = None

    @property
    def party(self) -> str:
        """Return whose share of a process this caller uses: a merchant's, by whichever key, else its key's own."""
        return self.merchant_id or self.key_id

    def may_see(self, merchant_id: str) -> bool:
        """Tell whether this caller may know of that merchant's data."""
        return self.scope is Scope.OPERATOR or self.merchant_id == merchant_id

    def whose(self, named: str | None) -> str | None:
        """Return whose things a list is of: a merchant's own, else those of the merchant named, or everybody's (None).

        Raises:
            MerchantUnknown: a merchant names another one.
        """
        if named is not None and not self.may_see(named):
            # In the very words of what does not exist, or they would tell that it does.
            raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
        return self.merchant_id if named is None else named

    def require_operator(self) -> None:
        """Return when the caller is the operator.

        Raises:
            OperatorOnly: it is a merchant.
        """
        if self.scope is not Scope.OPERATOR:
            raise OperatorOnly("this needs an operator's API key")

    def require(self, scope: str, *, pointer: str | None = None) -> None:
        """Return when the caller's key was made for `scope`; `pointer` names what of a body asks for it.

        Raises:
            ScopeMissing: it was not.
        """
        if self.scopes is None or scope in self.scopes:
            return
        place = {} if pointer is None else {"pointer": pointer}
        raise ScopeMissing(f"this needs an API key that was made for {scope}", scope=scope, **place)
