"""What becomes of a wish for a wallet, in every standing; and what a signature looks like."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cashback.kernel import siwe
from cashback.purchases.model.ownership import (
    OwnershipPolicy,
    SignatureUnreadable,
    WalletChange,
    WalletProof,
    WalletProved,
    WalletStanding,
    Wish,
)
from cashback.purchases.rules.ownership import Course, challenge_of, course_of, digest_of, is_nonce, octets_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
OWN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
USER = "usr_01k9z3v6q8e2r9xw5t4c7m1n0p"

NONE = WalletStanding()
SAID = WalletStanding(wallet=OWN, proof=WalletProof.OPERATOR)
PROVED = WalletStanding(wallet=OWN, proof=WalletProof.SIGNED)


def waiting(proof: WalletProof) -> WalletChange:
    """Return a change that waits."""
    person = "anna" if proof is WalletProof.OPERATOR else None
    return WalletChange(
        id="whc_1",
        user_id=USER,
        wallet=OTHER,
        proof=proof,
        person=person,
        reason=person,
        asked_at=NOW,
        effective_at=LATER,
    )


SAID_AND_PROVING = WalletStanding(wallet=OWN, proof=WalletProof.OPERATOR, waiting=waiting(WalletProof.SIGNED))
PROVED_AND_ORDERED = WalletStanding(wallet=OWN, proof=WalletProof.SIGNED, waiting=waiting(WalletProof.OPERATOR))

REPLACED = WalletStanding(wallet=OWN, proof=WalletProof.OPERATOR, was_proved=True)

BARE: dict[str, Any] = {"proof": WalletProof.OPERATOR}
ORDERED: dict[str, Any] = {"proof": WalletProof.OPERATOR, "person": "anna", "reason": "because"}
SIGNED: dict[str, Any] = {"proof": WalletProof.SIGNED, "nonce": "0" * 32}

LINKED = Course(effective_at=NOW, is_linked=True)
KEPT = Course(effective_at=NOW, is_linked=False)
WAITS = Course(effective_at=LATER, is_linked=True)


@pytest.mark.parametrize(
    "standing,wallet,wish,expected",
    [
        pytest.param(NONE, OWN, BARE, LINKED, id="a-first-one-said"),
        pytest.param(NONE, OWN, ORDERED, LINKED, id="a-first-one-ordered"),
        pytest.param(NONE, OWN, SIGNED, LINKED, id="a-first-one-proved"),
        pytest.param(SAID, OWN, BARE, KEPT, id="the-same-said-again"),
        pytest.param(SAID, OWN, SIGNED, LINKED, id="the-one-in-use-proved"),
        pytest.param(SAID, OTHER, BARE, LINKED, id="another-said-while-nothing-is-proved"),
        pytest.param(SAID, OTHER, ORDERED, LINKED, id="another-ordered-while-nothing-is-proved"),
        pytest.param(SAID, OTHER, SIGNED, WAITS, id="another-proved"),
        pytest.param(PROVED, OWN, BARE, KEPT, id="the-proved-one-said-again"),
        pytest.param(PROVED, OWN, ORDERED, KEPT, id="the-proved-one-ordered-again"),
        pytest.param(PROVED, OWN, SIGNED, KEPT, id="the-proved-one-proved-again"),
        pytest.param(PROVED, OTHER, BARE, None, id="another-said-against-what-is-proved"),
        pytest.param(PROVED, OTHER, ORDERED, WAITS, id="another-ordered-against-what-is-proved"),
        pytest.param(PROVED, OTHER, SIGNED, WAITS, id="another-proved-against-what-is-proved"),
        pytest.param(REPLACED, OTHER, BARE, None, id="another-said-where-a-person-has-replaced-what-was-proved"),
        pytest.param(REPLACED, OTHER, ORDERED, WAITS, id="another-ordered-where-a-person-has-replaced-what-was-proved"),
        pytest.param(REPLACED, OWN, BARE, KEPT, id="the-same-said-where-a-person-has-replaced-what-was-proved"),
        pytest.param(SAID_AND_PROVING, OWN, BARE, None, id="the-same-said-against-a-proof-that-waits"),
        pytest.param(SAID_AND_PROVING, OWN, ORDERED, KEPT, id="the-same-ordered-against-a-proof-that-waits"),
        pytest.param(SAID_AND_PROVING, OTHER, ORDERED, WAITS, id="ordered-while-a-proof-waits"),
        pytest.param(PROVED_AND_ORDERED, OWN, BARE, None, id="the-same-said-against-an-order-that-waits"),
        pytest.param(PROVED_AND_ORDERED, OWN, SIGNED, KEPT, id="the-same-proved-against-an-order-that-waits"),
    ],
)
def test_what_becomes_of_a_wish(
    standing: WalletStanding, wallet: str, wish: dict[str, Any], expected: Course | None
) -> None:
    """At once, later, or not at all."""
    found = course_of(standing, Wish(user_id=USER, wallet=wallet, **wish), now=NOW, cooldown_s=86_400)
    if expected is None:
        assert isinstance(found, WalletProved)
    else:
        assert found == expected


def test_without_a_time_to_cool_down_nothing_waits() -> None:
    """Zero seconds are at once."""
    found = course_of(PROVED, Wish(user_id=USER, wallet=OTHER, proof=WalletProof.SIGNED), now=NOW, cooldown_s=0)
    assert isinstance(found, Course)
    assert found.is_at_once(NOW)


def test_a_challenge_is_a_message_by_the_standard() -> None:
    """In whole seconds, with everything that it binds; what is signed is that text and nothing else."""
    policy = OwnershipPolicy(domain="app.example.com:8443", uri="https://app.example.com/", chain_id=10)
    challenge = challenge_of(policy, user_id=USER, wallet=OWN, nonce="ab" * 16, now=NOW.replace(microsecond=7))
    assert challenge.message == (
        "app.example.com:8443 wants you to sign in with your Ethereum account:\n"
        f"{OWN}\n\nSend the cashback of user {USER} to this wallet.\n\n"
        f"URI: https://app.example.com/\nVersion: 1\nChain ID: 10\nNonce: {'ab' * 16}\n"
        "Issued At: 2026-03-01T12:00:00Z\nExpiration Time: 2026-03-01T12:10:00Z"
    )
    assert digest_of(challenge) == siwe.digest(challenge.message)


@pytest.mark.parametrize("text", ["", "0", "0x0", "0xgg", "ab", "0X00", "0x00\n", " 0x00", "0x\u0660\u0660"])
def test_what_is_no_hexadecimal_is_no_signature(text: str) -> None:
    """Refused at its place."""
    with pytest.raises(SignatureUnreadable):
        octets_of(text)
    assert octets_of("0xAb00") == b"\xab\x00"


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 31 + "\n", "\u0660" * 32])
def test_what_is_no_nonce_of_ours(text: str) -> None:
    """No database is asked for it."""
    assert not is_nonce(text)
    assert is_nonce("0123456789abcdef" * 2)
