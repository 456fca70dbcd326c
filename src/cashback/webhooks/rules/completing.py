"""By what an event is matched with an order: the ids that its data does not say itself, told behind its own bytes.

Minting knows a cashback by its id alone, and the ledger's events name no merchant. Whose a cashback is stands in the
ledger since before the first event of it, and never changes: what is told here is exact, whichever release wrote the
event (docs/adr/0090-what-is-posted-says-whose-it-is.md).
"""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from cashback.webhooks.model import Belonging


class Said(msgspec.Struct, frozen=True):
    """What an event's data says of whose it is; all else is passed on unread, whichever version it has."""

    merchant_id: str | UnsetType | None = UNSET
    cashback_id: str | None = None
    purchase_id: Any = UNSET
    user_id: Any = UNSET

    @property
    def wanted(self) -> str | None:
        """Return of which cashback something is to be asked for; None where nothing is, or where there is none."""
        is_all_said = all(one is not UNSET for one in (self.merchant_id, self.purchase_id, self.user_id))
        return None if is_all_said else self.cashback_id


def completed(data: bytes, said: Said, belonging: Belonging | None) -> bytes:
    """Return an event's data, a JSON object, with what it does not say of whose it is; its own bytes stay as they are.

    None where nothing was asked for, or nothing is known.
    """
    if belonging is None:
        return data
    unsaid = {name: one for name, one in msgspec.structs.asdict(belonging).items() if getattr(said, name) is UNSET}
    if not unsaid:
        return data
    # It has the cashback's id at least, by which the rest was found: so a comma is right.
    return data.rstrip()[:-1] + b"," + msgspec.json.encode(unsaid)[1:]
