"""What minting talks about: requests, mints, the adapter's verdicts and outcomes, and why minting stands still.

    requested ──submitted──▶ accepted ──outcome──▶ minted
       │ ▲                     ▲  │ ▲                  ▲ │
       │ └──a person──┐        │  │ └── taken back ────┼─┘
       └───refused──▶ stuck ◀──┼──┘                    │
                       │ └─────┘ taken back            │
                       └────── the chain says so ──────┘

An outcome may overtake the acceptance, so each arrow may also start one state earlier. Number, cashback, recipient and
amount never change. What the chain says wins: a stuck mint whose log turns up is minted. An outcome is taken back when
the final block where it stood was replaced; each time counts as one reversal, and another outcome follows. One that is
stuck because its number was retired stays so for ever, and its cashback may have another number: at most one that is
not retired.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.errors import Broken, Busy, Invalid, NotFound, Rejected, Unavailable
from cashback.kernel.money import TokenUnits


class MintState(StrEnum):
    """How far a mint has come as minting knows it; the adapter knows the finer states in between."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    MINTED = "minted"
    STUCK = "stuck"


NUMBER_RETIRED: Final = "number_retired"
"""Why a mint is stuck whose number was used up on the chain without a mint."""


class MintRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's wish, as it arrived: `amount` to `recipient` (20 bytes) under `number`, for one cashback."""

    number: int
    cashback_id: str
    recipient: bytes
    amount: TokenUnits
    requested_at: datetime
    traceparent: str | None = None


class Inclusion(msgspec.Struct, frozen=True):
    """Where the mint's log stands on the chain; both hashes are 32 bytes."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """One mint as stored; `submit_after` is set while it is to be handed to the adapter."""

    number: int
    cashback_id: str
    recipient: bytes
    amount: TokenUnits
    fingerprint: bytes
    state: MintState
    submit_attempts: int
    requested_at: datetime
    submit_after: datetime | None = None
    accepted_at: datetime | None = None
    decided_at: datetime | None = None
    inclusion: Inclusion | None = None
    reason: str | None = None
    traceparent: str | None = None
    reversals: int = 0

    @property
    def is_retired(self) -> bool:
        """Tell whether the number was used up without a mint: this one is over, its cashback may have another."""
        return self.state is MintState.STUCK and self.reason == NUMBER_RETIRED


class SubmitResult(StrEnum):
    """The adapter's word on one submitted mint."""

    ACCEPTED = "accepted"
    CONFLICT = "conflict"
    INVALID = "invalid"


class Verdict(msgspec.Struct, frozen=True):
    """The adapter's answer for one number."""

    number: int
    result: SubmitResult
    reason: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The adapter's final word on a number: minted where `inclusion` says, or failed for `reason`.

    A `is_reverted` one says that such a word is void: it had been minted at `inclusion`, or had failed there for
    `reason` when that is not empty. `reversals` is how often the adapter has said so of this number by then.
    """

    sequence: int
    number: int
    cashback_id: str
    recipient: bytes
    amount: TokenUnits
    inclusion: Inclusion | None
    reason: str
    is_reverted: bool = False
    reversals: int = 0


class OutcomeBatch(msgspec.Struct, frozen=True):
    """What the adapter's stream brought at once, in sequence order; no outcomes are a heartbeat."""

    epoch: str
    outcomes: tuple[Outcome, ...]


class Cursor(msgspec.Struct, frozen=True):
    """Up to where the stream is applied, and the number of the mint whose outcome stands there, 0 when not known.

    A rebuilt adapter counts from 0 in a new epoch.
    """

    epoch: str = ""
    sequence: int = 0
    number: int = 0


class HaltKind(StrEnum):
    """Which of minting's certainties failed."""

    FOREIGN_FINGERPRINT = "foreign_fingerprint"
    """A request came under a number that another cashback, recipient or amount has."""

    SECOND_NUMBER = "second_number"
    """A cashback that has a number was requested under another one."""

    ADAPTER_CONFLICT = "adapter_conflict"
    """The adapter knows the number with another cashback, recipient or amount."""

    UNREQUESTED_OUTCOME = "unrequested_outcome"
    """The adapter tells of a number that was never requested here."""

    FOREIGN_OUTCOME = "foreign_outcome"
    """The adapter tells of a requested number with another cashback, recipient or amount."""

    CONTRADICTED_OUTCOME = "contradicted_outcome"
    """The adapter takes back what it called final."""

    BY_HAND = "by_hand"
    """A person ordered it."""

    CURSOR_AHEAD = "cursor_ahead"
    """The adapter tells fewer outcomes than were applied here: its database is older than ours."""

    CURSOR_FOREIGN = "cursor_foreign"
    """The adapter tells another outcome where the last one stood that was applied here: its database was older."""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is submitted until a person has looked.

    `number` and `cashback_id` are those of the intruder; 0 and empty when it is about no mint. `raised_by` is who
    ordered it, None when it was seen that something cannot be true.
    """

    kind: HaltKind
    number: int
    cashback_id: str
    detail: str
    raised_at: datetime | None = None
    raised_by: str | None = None


class AdapterUnavailable(Unavailable):
    """The blockchain adapter is down, too slow, or cannot serve now; the call may or may not have had its effect."""

    code = "adapter_unavailable"


class AdapterUnintelligible(AdapterUnavailable):
    """The blockchain adapter, or whoever listens in its place, answered what is no message of the contract."""

    code = "adapter_unintelligible"


class AdapterRefused(Rejected):
    """The blockchain adapter refused a call as a whole: the two of us do not fit together."""

    code = "adapter_refused"


class CursorAhead(Rejected):
    """The adapter's stream of outcomes does not go as far as it was applied here."""

    code = "cursor_ahead"


class CursorForeign(Rejected):
    """Where the last outcome stood that was applied here, the adapter's stream has that of another number."""

    code = "cursor_foreign"


class RequestUnreadable(Invalid):
    """A mint request names something that is no cashback; it belongs to the dead letters."""

    code = "mint_request_unreadable"


class AdapterAnswerBroken(Broken):
    """The blockchain adapter answered something that its contract rules out."""

    code = "adapter_answer_broken"


class MintingHalted(Broken):
    """Nothing is submitted until a person has looked at the open halts."""

    code = "minting_halted"


class RequestOvertaken(Unavailable):
    """Another request for the same cashback was taken in meanwhile; the next delivery is judged beside it."""

    code = "request_overtaken"


class MintSettled(Rejected):
    """The mint is final on the chain: there is nothing to try again."""

    code = "mint_settled"


class MintRetired(Busy):
    """The mint's number was retired while it was to be tried again: asked once more, its cashback is given back."""

    code = "mint_retired"


class MintNotFound(NotFound):
    """No mint was requested under this number."""

    code = "mint_not_found"
