"""What people filter lists of cashback by."""

import msgspec

from cashback.ledger.model.cashbacks import State


class CashbackFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which cashbacks are asked for; what is None is not asked for."""

    state: State | None = None
    user_id: str | None = None
    merchant_id: str | None = None
    programme_id: str | None = None
