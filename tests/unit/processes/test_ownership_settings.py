"""In whose name wallets are proved: domain, URI and chain go together, and a message can be written with them."""

from base64 import b64encode
from typing import Final

import pytest

from cashback.kernel.config import PREFIX, SettingsInvalid, load
from cashback.processes import api
from cashback.purchases.model.ownership import COOLDOWN_S, OwnershipPolicy

NEEDED: Final = {
    "api_dsn": "postgresql://api@db/cashback",
    "api_key_pepper": "pepper",
    "webhook_key": b64encode(b"k" * 32).decode(),
    "adapter_address": "127.0.0.1:50051",
    "probe_port": "9000",
}
TOLD: Final = {"chain_id": "10", "siwe_domain": "app.example.com", "siwe_uri": "https://app.example.com/"}


def loaded(**settings: str) -> api.Settings:
    """Return the settings of the API."""
    return load(api.Settings, {f"{PREFIX}{name.upper()}": text for name, text in {**NEEDED, **settings}.items()})


def problems(**settings: str) -> list[str]:
    """Return what is wrong with them."""
    with pytest.raises(SettingsInvalid) as invalid:
        loaded(**settings)
    return invalid.value.problems


def test_without_a_domain_nothing_is_proved_and_a_change_waits_a_day() -> None:
    """A chain alone says nothing: it is the adapter's as well."""
    assert loaded().ownership == loaded(chain_id="0").ownership == OwnershipPolicy(cooldown_s=COOLDOWN_S)
    assert not loaded(chain_id="10").ownership.domain


def test_what_is_told_is_what_challenges_are_made_with() -> None:
    """A port may be part of the domain."""
    told = loaded(**TOLD | {"siwe_domain": "app.example.com:8443"}, wallet_cooldown_s="0").ownership
    assert told == OwnershipPolicy(
        domain="app.example.com:8443", uri="https://app.example.com/", chain_id=10, cooldown_s=0
    )


@pytest.mark.parametrize(
    "missing,wanted",
    [
        (("chain_id",), "CASHBACK_CHAIN_ID"),
        (("siwe_uri",), "CASHBACK_SIWE_URI"),
        (("siwe_domain",), "CASHBACK_SIWE_DOMAIN"),
        (("siwe_uri", "chain_id"), "CASHBACK_SIWE_URI, CASHBACK_CHAIN_ID"),
    ],
)
def test_what_is_missing_beside_a_domain_or_a_uri_is_told(missing: tuple[str, ...], wanted: str) -> None:
    """All of it at once."""
    [problem] = problems(**{name: text for name, text in TOLD.items() if name not in missing})
    assert problem.startswith(f"{wanted}: required")


@pytest.mark.parametrize(
    "changes,wanted",
    [
        ({"siwe_domain": "https://app.example.com"}, "CASHBACK_SIWE_DOMAIN is wrong: it must be the host"),
        ({"siwe_domain": "a b"}, "CASHBACK_SIWE_DOMAIN is wrong: it must be the host"),
        ({"siwe_domain": "[::zz]"}, "CASHBACK_SIWE_DOMAIN is wrong: it must be the host"),
        ({"siwe_domain": "[1:2]"}, "CASHBACK_SIWE_DOMAIN, CASHBACK_SIWE_URI: no message"),
        ({"siwe_domain": "a" * 301}, "CASHBACK_SIWE_DOMAIN is wrong: it has at most 300"),
        ({"siwe_uri": "app"}, "CASHBACK_SIWE_URI is wrong: it must be what people sign in for"),
        ({"siwe_uri": "https://a/" + "b" * 4_000}, "CASHBACK_SIWE_DOMAIN, CASHBACK_SIWE_URI: no message"),
        ({"chain_id": "-1"}, "CASHBACK_CHAIN_ID is wrong"),
        ({"wallet_cooldown_s": "2592001"}, "CASHBACK_WALLET_COOLDOWN_S is wrong"),
    ],
)
def test_what_no_message_can_be_written_with_is_told_at_the_start(changes: dict[str, str], wanted: str) -> None:
    """And not to the first user who wants to prove a wallet."""
    [problem] = problems(**TOLD | changes)
    assert problem.startswith(wanted)
