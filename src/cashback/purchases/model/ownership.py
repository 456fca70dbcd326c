"""Whose wallet it is: what a wallet is asked to sign, what was proved, and changes that wait until they take effect."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from cashback.purchases.model import Command, Signed

CHALLENGE_S: Final = 600
"""So long a challenge may be answered: a person reads it and signs."""

CHALLENGES_MAX: Final = 20
"""So many challenges of one user may be open at once."""

COOLDOWN_S: Final = 86_400
"""So long a change waits unless it is told otherwise: time to notice one that nobody wanted."""


class WalletProof(StrEnum):
    """How it is known whose wallet it is: an operator says so, or it has signed a challenge (ERC-4361)."""

    OPERATOR = "operator"
    SIGNED = "eip4361"


class Ended(StrEnum):
    """How a change of a wallet ended."""

    APPLIED = "applied"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    """Others had the wallet by then, and no programme in force let so many share it."""


class OwnershipPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whose name stands in challenges, for which chain they are, and how long a change waits.

    `domain` is the host that people know the operator by, `uri` what they sign in for; without a domain nothing is
    asked of wallets, and nothing can be proved.
    """

    domain: str = ""
    uri: str = ""
    chain_id: int = 0
    cooldown_s: int = COOLDOWN_S


class NewChallenge(Command, frozen=True, kw_only=True):
    """A text that a wallet is to sign, so that cashback of a user may go there."""

    user_id: str
    wallet: str


class NewProof(Command, frozen=True, kw_only=True):
    """The answer to a challenge: `signature` is hexadecimal, of its message."""

    user_id: str
    nonce: str
    signature: str


class ChangeCancellation(Signed, frozen=True, kw_only=True):
    """A change that waits is to take no effect, as a person says."""

    user_id: str
    change_id: str


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet is to sign, character for character, and until when that is worth anything."""

    nonce: str
    user_id: str
    wallet: str
    message: str
    chain_id: int
    issued_at: datetime
    expires_at: datetime


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge as it is stored; `used_at` is when it was answered."""

    nonce: str
    user_id: str
    wallet: str
    message: str
    domain: str
    chain_id: int
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class WalletChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a user's wallet: with which proof or in whose name, from when on, and how it ended.

    It is also the answer to a proof. While it waits, `ended_at` and `ended_as` are null.
    """

    id: str
    user_id: str
    wallet: str
    proof: WalletProof
    person: str | None
    reason: str | None
    asked_at: datetime
    effective_at: datetime
    ended_at: datetime | None = None
    ended_as: Ended | None = None
    ended_person: str | None = None
    ended_reason: str | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a user's wallet, with a nonce that was proved by, or in a person's name, or with neither."""

    user_id: str
    wallet: str
    proof: WalletProof = WalletProof.OPERATOR
    nonce: str | None = None
    person: str | None = None
    reason: str | None = None

    @property
    def is_bare(self) -> bool:
        """Tell whether nobody answers for it but the operator's key."""
        return self.proof is WalletProof.OPERATOR and self.person is None


class WalletStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet that a user has now, if any, how that is known, and the change that waits, if any.

    `was_proved` is whether the user has ever proved one, unless a person cancelled that.
    One who was erased has neither, and never will.
    """

    wallet: str | None = None
    proof: WalletProof | None = None
    waiting: WalletChange | None = None
    was_proved: bool = False
    is_erased: bool = False

    @property
    def is_proved(self) -> bool:
        """Tell whether the user has proved a wallet, be it that it is not used yet, or that a person replaced it.

        A change waits only where something was proved: a proof that waits, or what was decided against one.
        """
        return self.was_proved or self.proof is WalletProof.SIGNED or self.waiting is not None


class ProofsOff(Conflict):
    """This system asks nothing of wallets: it was not told in whose name."""

    code = "proofs_off"


class ChallengeUnknown(NotFound):
    """There is no such challenge for this user; one that ended is known for a day."""

    code = "challenge_unknown"


class ChallengeUsed(Conflict):
    """The challenge was answered before; each is good for one proof."""

    code = "challenge_used"


class ChallengeExpired(Conflict):
    """The challenge is older than it may be, or was made for another domain or chain: ask for another one."""

    code = "challenge_expired"


class ChallengesTooMany(Conflict):
    """The user has as many open challenges as may be at once; each ends by itself."""

    code = "challenges_too_many"


class SignatureInvalid(Invalid):
    """The wallet has not signed the message of the challenge."""

    code = "signature_invalid"


class SignatureUnreadable(Invalid):
    """The signature is not `0x` and pairs of hexadecimal digits."""

    code = "signature_unreadable"


class ChainForeign(Unavailable):
    """The adapter judges signatures on another chain than ours; nothing is proved until one of the two is mended."""

    code = "chain_foreign"


class WalletTaken(Conflict):
    """As many users as may have the wallet at present have it, or are about to."""

    code = "wallet_taken"


class WalletProved(Conflict):
    """The user has proved a wallet: another one is set by a proof, or in the name of a person who says why."""

    code = "wallet_proved"


class WalletChangeUnknown(NotFound):
    """There is no such change of the user's wallet."""

    code = "wallet_change_unknown"


class WalletChangeEnded(Conflict):
    """The change has taken effect, or was ended otherwise, before."""

    code = "wallet_change_ended"
