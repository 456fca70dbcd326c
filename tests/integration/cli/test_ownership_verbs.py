"""Proving wallets by `cashback user`, on a running system, whose adapter judges on its own chain."""

import secrets

from eth_account import Account
from eth_account.messages import encode_defunct

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Ask, Cashback, Dev


def test_a_wallet_is_proved_another_one_waits_and_is_kept_away(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """Each verb tells what the next one needs; what is refused is told by its code."""
    user = str(ask("user", "create")["id"])
    keys = [secrets.token_bytes(32) for _ in range(2)]
    changes = []
    for key in keys:
        asked = ask("user", "challenge", user, str(Account.from_key(key).address))
        signed = bytes(Account.sign_message(encode_defunct(text=asked["message"]), key).signature).hex()
        changes.append(ask("user", "prove", user, asked["nonce"], f"0x{signed}"))
    first, second = changes
    assert (first["ended_as"], second["ended_as"]) == ("applied", None)
    shown = ask("user", "show", user)
    assert (shown["wallet"], shown["next_wallet"]) == (first["wallet"], second["wallet"])
    refused = cashback("user", "wallet", user, second["wallet"], settings=dev.settings)
    assert refused.code == EXIT_REJECTED
    assert "wallet_proved" in refused.err
    kept = ask("user", "keep-wallet", user, second["id"], "--by", "bert", "--reason", "not hers")
    assert (kept["ended_as"], kept["ended_person"]) == ("cancelled", "bert")
    said = ask("user", "wallet", user, second["wallet"], "--by", "anna", "--reason", "she lost the first one")
    assert said["next_wallet"] == second["wallet"]
    told = ask("user", "wallet-changes", user)
    assert [(one["proof"], one["ended_as"]) for one in told] == [
        ("operator", None),
        ("eip4361", "cancelled"),
        ("eip4361", "applied"),
    ]
