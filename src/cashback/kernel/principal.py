"""Who is calling, once an API key has said so: known to services, which know no HTTP."""

from enum import Enum

import msgspec


class Scope(Enum):
    """What an API key may reach."""

    OPERATOR = "operator"
    MERCHANT = "merchant"


class Principal(msgspec.Struct, frozen=True):
    """The caller behind an API key; `merchant_id` is set exactly when the scope is MERCHANT."""

    key_id: str
    scope: Scope
    merchant_id: str | None

    def may_see(self, merchant_id: str) -> bool:
        """Tell whether this caller may know of that merchant's data."""
        return self.scope is Scope.OPERATOR or self.merchant_id == merchant_id
