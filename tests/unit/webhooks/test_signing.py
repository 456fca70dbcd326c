"""Signatures by the vector of Standard Webhooks, and secrets that open in their place alone."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec
import pytest

from cashback.kernel.clock import SystemClock
from cashback.webhooks.model import SealedSecret, SealingKeys, SecretUnreadable
from cashback.webhooks.rules.signing import body_of, headers, seal, secret_of, secret_text, signature, unseal
from tests.architecture.documents import ROOT

KEYS, NONCE, SECRET = SealingKeys(b"k" * 32), b"n" * 12, b"s" * 32
SEALED = seal(SECRET, keys=KEYS, nonce=NONCE, endpoint_id="whe_1", number=1)


def test_a_signature_is_the_one_that_the_specification_shows() -> None:
    """The vector of the libraries of Standard Webhooks: id, timestamp, secret and body are theirs."""
    made = signature(
        secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1_614_265_330,
        body=b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("known", [b"new" * 8, b"old" * 8])
def test_the_receiver_of_the_documents_knows_our_deliveries_and_no_others(known: bytes) -> None:
    """As it is printed there: with either secret, and neither for other bytes, nor later, nor with another secret."""
    page = (ROOT / "docs" / "concepts" / "webhooks.md").read_text()
    receiver: dict[str, Callable[[str, Mapping[str, str], bytes], bool]] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], receiver)  # noqa: S102 - it is our own page
    is_ours, now = receiver["is_ours"], int(SystemClock().now().timestamp())
    made = headers([b"new" * 8, b"old" * 8], event_id="evt_1", timestamp=now, body=b"{}")
    assert is_ours(secret_text(known), made, b"{}")
    assert not is_ours(secret_text(known), made, b"{ }")
    assert not is_ours(secret_text(b"other" * 5), made, b"{}")
    late = headers([known], event_id="evt_1", timestamp=now - 301, body=b"{}")
    assert not is_ours(secret_text(known), late, b"{}")


def test_a_try_is_signed_with_every_living_secret() -> None:
    """Separated by blanks, so that a receiver that knows one of them is content."""
    made = headers([b"new", b"old"], event_id="evt_1", timestamp=7, body=b"{}")
    one, other = (signature(secret, event_id="evt_1", timestamp=7, body=b"{}") for secret in (b"new", b"old"))
    assert made["webhook-signature"] == f"{one} {other}"
    assert (made["webhook-id"], made["webhook-timestamp"]) == ("evt_1", "7")


def test_a_body_has_type_timestamp_and_the_events_own_bytes() -> None:
    """As they are, in an envelope that is JSON."""
    body = body_of("token.minted", datetime(2026, 3, 1, 12, tzinfo=UTC), b'{ "mint_number":"7"}')
    assert body == b'{"type":"token.minted","timestamp":"2026-03-01T12:00:00Z","data":{ "mint_number":"7"}}'
    assert msgspec.json.decode(body)["data"] == {"mint_number": "7"}


def test_a_secret_is_shown_as_the_specification_has_it() -> None:
    """And is read back so."""
    assert secret_of(secret_text(SECRET)) == SECRET


def test_a_sealed_secret_hides_it_and_opens_again() -> None:
    """Under its key."""
    assert SECRET not in SEALED.sealed
    assert unseal(SEALED, keys=KEYS) == SECRET


def test_the_key_before_opens_what_was_sealed_under_it_and_seals_nothing() -> None:
    """While secrets are sealed anew; neither key is shown by its repr."""
    both = SealingKeys(b"n" * 32, KEYS.newest)
    assert unseal(SEALED, keys=both) == SECRET
    sealed = seal(SECRET, keys=both, nonce=NONCE, endpoint_id="whe_1", number=1)
    assert unseal(sealed, keys=SealingKeys(b"n" * 32)) == SECRET
    assert "nnn" not in repr(both)
    assert "kkk" not in repr(both)


@pytest.mark.parametrize(
    "stored,keys,words",
    [
        (SEALED, SealingKeys(b"o" * 32, b"p" * 32), "another CASHBACK_WEBHOOK_KEY"),
        (SealedSecret("whe_2", 1, SEALED.sealed), KEYS, "in its place"),
        (SealedSecret("whe_1", 2, SEALED.sealed), KEYS, "in its place"),
        (SealedSecret("whe_1", 1, SEALED.sealed[:-1] + bytes([SEALED.sealed[-1] ^ 1])), KEYS, "in its place"),
    ],
)
def test_a_secret_opens_nowhere_else(stored: SealedSecret, keys: SealingKeys, words: str) -> None:
    """Not by another key, not for another endpoint, not for another number, not when it was changed."""
    with pytest.raises(SecretUnreadable, match=words):
        unseal(stored, keys=keys)
