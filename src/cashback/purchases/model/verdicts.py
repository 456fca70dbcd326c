"""What people say of cashbacks and programmes: commands like any other."""

from cashback.purchases.model import Signed


class ReviewSaid(Signed, frozen=True, kw_only=True):
    """A person's verdict on a cashback in review: `approve` or `reject`; it is never said without an API key."""

    cashback_id: str
    verdict: str
    key_id: str


class ProgrammePause(Signed, frozen=True, kw_only=True):
    """A programme to be paused, or resumed, in a person's name."""

    programme_id: str
    is_paused: bool
