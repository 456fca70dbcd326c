"""What people filter lists by, and what a list tells of a purchase's refunds and of wallets."""

from datetime import datetime

import msgspec

from cashback.kernel.listing import Period
from cashback.purchases.model.ownership import WalletProof
from cashback.purchases.model.refunds import RefundAnswer, RefundKind


class PurchaseFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which purchases are asked for; what is None is not asked for. A reference goes with its merchant."""

    merchant_id: str | None = None
    user_id: str | None = None
    reference: str | None = None
    currency: str | None = None
    occurred: Period = Period()
    received: Period = Period()


class RefundFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which applied refunds are asked for, `user_id` by whose purchases; a reference goes with its merchant.

    They were `created` when they were asked for, and `applied` then or later.
    """

    purchase_id: str | None = None
    merchant_id: str | None = None
    user_id: str | None = None
    reference: str | None = None
    kind: RefundKind | None = None
    created: Period = Period()
    # None where nobody asks by it: cursors that were handed out before it could be asked go on.
    applied: Period | None = None


class UserFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which users are asked for: by the operator's name, by the wallet in use, by whether they may earn."""

    reference: str | None = None
    wallet: str | None = None
    is_blocked: bool | None = None


class MerchantFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which merchants are asked for: one, those whose names begin so in any case, by whether they are active."""

    merchant_id: str | None = None
    name: str | None = None
    is_active: bool | None = None


class RefundsShown(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase's refunds, the oldest first; when there are more, `GET /v1/purchases/{purchase_id}/refunds` has them.

    What stands parked is not among them.
    """

    items: list[RefundAnswer]
    has_more: bool


class WalletStory(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet that a user has, or had, since when, and how it is known to be theirs: by whose word, or by a proof.

    What was requested before it was linked goes where it was going.
    """

    wallet: str
    proof: WalletProof
    linked_at: datetime
    is_in_use: bool
