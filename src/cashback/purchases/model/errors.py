"""What keeps a command from being done, by a stable code each."""

from cashback.kernel.errors import Broken, Busy, Conflict, Forbidden, Invalid, NotFound, Outdated


class WalletInvalid(Invalid):
    """The wallet is no EIP-55 address, or one that tokens must not be sent to."""

    code = "wallet_invalid"


class FieldInvalid(Invalid):
    """A field of a command breaks a stated rule; `pointer` names it."""

    code = "field_invalid"


class KeyReused(Invalid):
    """The idempotency key was used with another request before."""

    code = "idempotency_key_reused"


class KeyBusy(Busy):
    """The first request under this idempotency key is still being answered."""

    code = "idempotency_key_busy"


class UserUnknown(NotFound):
    """There is no such user."""

    code = "user_unknown"


class UserOutdated(Outdated):
    """Somebody has changed the user since the caller has seen them."""

    code = "user_outdated"


class MerchantOutdated(Outdated):
    """Somebody has changed the merchant since the caller has seen it."""

    code = "merchant_outdated"


class UserErased(Conflict):
    """The data that made the user a person was erased: nothing is known of them any more, nor noted again."""

    code = "user_erased"


class CashbackInFlight(Conflict):
    """A mint of the user's is under way or stuck, and goes to their wallet once it is decided."""

    code = "cashback_in_flight"


class UserAmbiguous(Conflict):
    """Several users have the operator's name that is given; only an id tells them apart."""

    code = "user_ambiguous"


class PurchaseUnknown(NotFound):
    """There is no such purchase."""

    code = "purchase_unknown"


class PurchaseExists(Conflict):
    """The merchant's reference is the name of another purchase; `purchase_id` tells which, once that can be seen."""

    code = "purchase_exists"


class ApiKeyUnknown(NotFound):
    """There is no such API key."""

    code = "api_key_unknown"


class ApiKeyEnded(Conflict):
    """The API key was revoked, has ended, or was replaced: another one is made instead."""

    code = "api_key_ended"


class ApiKeyLast(Conflict):
    """Without this API key no operator's could make others over REST."""

    code = "api_key_last"


class ApiKeysTooMany(Conflict):
    """Its owner has as many API keys that open something as it may have."""

    code = "api_keys_too_many"


class NotYours(Forbidden):
    """A merchant may only act for itself."""

    code = "not_yours"


class Unstorable(Broken):
    """The database refused a row that passed our own rules."""

    code = "unstorable"
