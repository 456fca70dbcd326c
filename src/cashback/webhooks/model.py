"""What an endpoint, its secrets, a delivery and a try are, and what is refused of them."""

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from cashback.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Outdated

URL_LENGTH_MAX: Final = 2_048
TYPES_MAX: Final = 32
ENABLED_MAX: Final = 20
ENDPOINTS_MAX: Final = 200
"""How many endpoints a merchant has, the operator likewise: those that hear of events, and all of them."""

MISSED_DAYS: Final = 30
"""For how long what an endpoint misses that we disabled is stored for it."""

ANSWER_BYTES_MAX: Final = 1_024
"""How much of an answer is kept."""

REPLAYS_MAX: Final = 10_000
"""How many deliveries are repeated by one command, beside those of the last one's instant."""


class EndpointState(Enum):
    """Whether events are delivered to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(Enum):
    """Why an endpoint hears of nothing: by a person's hand, by its own 410, or since it failed for five days."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(Enum):
    """Where a delivery stands: `due` and `claimed` are open, the others are its end."""

    DUE = "due"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    FAILED = "failed"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a merchant hears of events of some types; without a merchant it is the operator's, who hears of all."""

    id: str
    merchant_id: str | None
    url: str
    types: tuple[str, ...]
    state: EndpointState
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as it is asked for, and by whom."""

    merchant_id: str | None
    url: str
    types: tuple[str, ...]
    by: str


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint is to be from now on; None stays. `seen` is the tag of what whoever asks for it has seen."""

    url: str | None
    types: tuple[str, ...] | None
    seen: str


class SealingKeys(msgspec.Struct, frozen=True):
    """Under which key secrets are sealed, and which one more opens them while they are sealed anew."""

    newest: bytes
    before: bytes | None = None

    def __repr__(self) -> str:
        """Return a mask of constant length."""
        return "SealingKeys('***')"


class SealedSecret(msgspec.Struct, frozen=True):
    """A secret as it is stored: which of an endpoint's it is, and its bytes under the key of the service."""

    endpoint_id: str
    number: int
    sealed: bytes


class Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a cashback is: of which purchase and merchant, none of both where it was given by hand, and of which user.

    The fields are named as the members of a body that tell of them.
    """

    purchase_id: str | None
    user_id: str
    merchant_id: str | None


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """An event as endpoints hear of it, about `key`, and whose it is: no merchant means the operator's alone."""

    event_id: str
    type: str
    key: str
    merchant_id: str | None
    occurred_at: datetime
    body: bytes


class EventsWanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which events of the log: of a merchant, an object, a type, from an instant on and before one; None is any."""

    merchant_id: str | None = None
    object_id: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event for one endpoint; one that it misses, since we disabled it, is not tried."""

    id: str
    endpoint_id: str
    happening: Happening
    is_missed: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in the hands of this process until it is noted; `number` says which claim of it this is."""

    id: str
    endpoint_id: str
    event_id: str
    body: bytes
    number: int
    attempts: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint answered: its status, for how long it asks to be left alone, and the beginning of its words."""

    status: int
    retry_after: str | None
    body: bytes


class NoAnswer(msgspec.Struct, frozen=True):
    """Why there was no answer, in a word of ours that does not change."""

    error: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A try: when it began, at which address if it came so far, what came of it, and how long it took."""

    at: datetime
    address: str | None
    outcome: Answer | NoAnswer
    took_ms: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Events that happened from an instant on and before another."""

    since: datetime
    until: datetime


class DeliveryStory(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it is told, with its last try: when that was, and the status of the answer or why there was none.

    `due_at` is when it is tried next; while a worker tries it (`claimed`), when another one may, should that one die.
    The answer to a command that is given again may be older than what is told of the last try.
    """

    id: str
    endpoint_id: str
    event_id: str
    type: str
    occurred_at: datetime
    replay_of: str | None
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None
    last_try_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """How a try went: the `status` of an answer and the beginning of its words, or the `error` that kept it from us."""

    attempt: int
    at: datetime
    address: str | None
    status: int | None
    error: str | None
    took_ms: int
    answer: str


class DeliveryWithTries(DeliveryStory, frozen=True, kw_only=True):
    """A delivery as a list tells it, and its tries, the first one first: none yet of one that was just made.

    `due_at` is when it is tried next; while a worker tries it (`claimed`), when another one may, should that one die.
    The answer to a command that is given again may be older than what is told of tries.
    """

    tries: list[Try] = []


class Replayed(msgspec.Struct, frozen=True):
    """How many deliveries are made again, or would be, and when the first of those that are left happened, if any."""

    count: int
    next_since: datetime | None


class EndpointNotYours(Forbidden):
    """A merchant has endpoints of its own alone."""

    code = "not_yours"


class SpanInvalid(Invalid):
    """A span ends after its start, and both name their offset."""

    code = "period_invalid"


class EndpointUnknown(NotFound):
    """There is no such endpoint, or it is another merchant's."""

    code = "endpoint_unknown"


class EndpointOutdated(Outdated):
    """Somebody has changed the endpoint, or it was disabled, since the caller has seen it."""

    code = "endpoint_outdated"


class EndpointDisabled(Conflict):
    """The endpoint is disabled: what is to be delivered to it wants it enabled first."""

    code = "endpoint_disabled"


class TooManyEndpoints(Conflict):
    """A merchant, or the operator, has at most 20 enabled endpoints and 200 in all."""

    code = "too_many_endpoints"


class DeliveryUnknown(NotFound):
    """There is no such delivery, or it is to another merchant's endpoint."""

    code = "delivery_unknown"


class EventUnknown(NotFound):
    """There is no such event, or no more, or it is another merchant's."""

    code = "event_unknown"


class UrlForbidden(Invalid):
    """Nothing may be delivered to this URL."""

    code = "url_forbidden"


class TypesInvalid(Invalid):
    """An endpoint hears of 1 to 32 types that there are, each once; of others nothing is made again, or listed."""

    code = "event_types_invalid"


class SecretUnreadable(Conflict):
    """A secret was sealed under another key than those of the settings, or is not what was sealed."""

    code = "secret_unreadable"
