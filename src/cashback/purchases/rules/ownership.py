"""What a wallet is asked to sign, and what becomes of a wish for another one.

the user was erased ──▶ refused
no wallet yet, or the same one with a proof ──▶ at once
nothing was proved, and an operator says so ──▶ at once
something was proved, and an operator says otherwise ──▶ refused, unless a person answers for it
anything else ──▶ waits, and whatever waited before gives way to it
"""

import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback.kernel import siwe
from cashback.kernel.errors import Rejected
from cashback.kernel.instants import as_told
from cashback.purchases.model.errors import UserErased
from cashback.purchases.model.ownership import (
    CHALLENGE_S,
    Challenge,
    ChallengeAnswer,
    OwnershipPolicy,
    SignatureUnreadable,
    WalletProof,
    WalletProved,
    WalletStanding,
    Wish,
)

_NONCE: Final = re.compile("[0-9a-f]{32}")
_HEX: Final = re.compile("0x((?:[0-9a-fA-F]{2})*)")


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a wish: from when on it holds, and whether the wallet is linked anew when it does."""

    effective_at: datetime
    is_linked: bool

    def is_at_once(self, now: datetime) -> bool:
        """Tell whether there is nothing to wait for."""
        return self.effective_at <= now


def challenge_of(policy: OwnershipPolicy, *, user_id: str, wallet: str, nonce: str, now: datetime) -> Challenge:
    """Return a challenge that binds a wallet to a user, by this domain and on this chain, for a short time.

    Raises:
        ValueError: domain or URI are none, or too long for any message.
    """
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + timedelta(seconds=CHALLENGE_S)
    message = siwe.SignInMessage(
        domain=policy.domain,
        address=wallet,
        uri=policy.uri,
        chain_id=policy.chain_id,
        nonce=nonce,
        issued_at=as_told(issued_at),
        expiration_time=as_told(expires_at),
        statement=f"Send the cashback of user {user_id} to this wallet.",
    )
    return Challenge(
        nonce=nonce,
        user_id=user_id,
        wallet=wallet,
        message=siwe.write(message),
        domain=policy.domain,
        chain_id=policy.chain_id,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def is_in_our_name(challenge: Challenge, policy: OwnershipPolicy) -> bool:
    """Tell whether a challenge is for what we are known as by now: the domain, what is signed in for, and the chain.

    The columns have no URI: the message itself says it, which is what was signed.
    """
    signed = siwe.parse(challenge.message)
    return (signed.domain, signed.uri, signed.chain_id) == (policy.domain, policy.uri, policy.chain_id)


def told_challenge(challenge: Challenge) -> ChallengeAnswer:
    """Return a challenge as it is told to who asked for it."""
    return ChallengeAnswer(
        nonce=challenge.nonce,
        user_id=challenge.user_id,
        wallet=challenge.wallet,
        message=challenge.message,
        chain_id=challenge.chain_id,
        issued_at=challenge.issued_at,
        expires_at=challenge.expires_at,
    )


def digest_of(challenge: Challenge) -> bytes:
    """Return the 32 bytes that a wallet signs for a challenge."""
    return siwe.digest(challenge.message)


def octets_of(signature: str) -> bytes:
    """Return the bytes of a signature; how many there may be the ledger knows.

    Raises:
        SignatureUnreadable: it is no hexadecimal.
    """
    found = _HEX.fullmatch(signature)
    if found is None:
        raise SignatureUnreadable("a signature is 0x and pairs of hexadecimal digits", pointer="/signature")
    return bytes.fromhex(found[1])


def course_of(standing: WalletStanding, wish: Wish, *, now: datetime, cooldown_s: int) -> Course | Rejected:
    """Return what becomes of a wish as things stand, or why nothing does."""
    if standing.is_erased:
        return UserErased("the data of this user was erased, and no wallet is noted again", parameter="user_id")
    is_same = standing.wallet == wish.wallet
    is_change = not is_same or standing.waiting is not None
    if wish.is_bare and standing.is_proved and is_change:
        return WalletProved(
            "the user has proved a wallet: prove the other one, or say who decides this and why", pointer="/wallet"
        )
    is_signed = wish.proof is WalletProof.SIGNED
    waits = standing.wallet is not None and not is_same and (is_signed or standing.is_proved)
    return Course(
        effective_at=now + timedelta(seconds=cooldown_s) if waits else now,
        is_linked=not is_same or (is_signed and standing.proof is not WalletProof.SIGNED),
    )


def is_nonce(text: str) -> bool:
    """Tell whether a text is of the form of our nonces; it says nothing about existence."""
    return _NONCE.fullmatch(text) is not None
