"""`cashback user block` and `cashback merchant deactivate`, and the ends of them, as people would type them."""

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Ask, Cashback, Dev

UNKNOWN = "01k9z3v6q8e2r9xw5t4c7m1n0p"
WHY = ("--by", "alice", "--reason", "buys and returns")


def reason_of(ask: Ask, user_id: str, merchant_id: str) -> str:
    """Return why a purchase earned what it did."""
    words = ("--user", user_id, "--merchant", merchant_id, "--amount", "1999")
    return str(ask("purchase", "create", *words)["cashback"]["reason"])


def test_a_user_is_blocked_and_unblocked_by_hand(dev: Dev, cashback: Cashback, ask: Ask, customer_id: str) -> None:
    """Once under its key; the journal tells both, newest first."""
    words = ("user", "block", customer_id, *WHY, "--idempotency-key", "cli_block_1")
    blocked = ask(*words)
    assert (blocked["is_blocked"], blocked["is_news"], blocked["person"]) == (True, True, "alice")
    assert ask(*words) == blocked
    assert reason_of(ask, customer_id, dev.merchant_id) == "user_blocked"
    said = cashback("user", "unblock", customer_id, "--by", "bob", "--reason", "mended", settings=dev.settings)
    assert said.code == 0, said.err
    told = said.out + said.err
    assert f"· {customer_id} is unblocked since " in told
    assert ": mended (bob)" in told
    assert reason_of(ask, customer_id, dev.merchant_id) == "granted"
    kept = ask("user", "blocks", customer_id)
    assert [(one["is_blocked"], one["person"]) for one in kept] == [(False, "bob"), (True, "alice")]
    assert len(ask("user", "blocks", customer_id, "--limit", "1")) == 1


def test_a_merchant_is_deactivated_and_activated_by_hand(
    dev: Dev, cashback: Cashback, ask: Ask, customer_id: str
) -> None:
    """One of this test alone, as others buy at the shop of the running system."""
    merchant_id = ask("merchant", "create", "Shop that closes")["id"]
    said = cashback("merchant", "deactivate", merchant_id, *WHY, settings=dev.settings)
    assert said.code == 0, said.err
    assert f"{merchant_id} is inactive since " in said.out + said.err
    assert reason_of(ask, customer_id, merchant_id) == "merchant_inactive"
    assert ask("merchant", "activate", merchant_id, *WHY)["is_active"]
    assert reason_of(ask, customer_id, merchant_id) == "granted"
    assert [one["is_active"] for one in ask("merchant", "deactivations", merchant_id)] == [True, False]


def test_a_merchant_and_a_user_are_renamed_by_hand(dev: Dev, cashback: Cashback, ask: Ask, customer_id: str) -> None:
    """Once under its key, though the second time they are no longer as they were; a reference is taken away as well."""
    merchant_id = ask("merchant", "create", "Comer shop")["id"]
    words = ("merchant", "rename", merchant_id, "Corner shop", "--idempotency-key", "cli_rename_1")
    renamed = ask(*words)
    assert renamed["name"] == "Corner shop"
    assert ask("merchant", "rename", merchant_id, "Another")["name"] == "Another"
    assert ask(*words) == renamed
    assert ask("merchant", "show", merchant_id)["name"] == "Another"
    assert ask("user", "rename", customer_id, "alice")["reference"] == "alice"
    assert ask("user", "rename", customer_id)["reference"] is None
    for verb, code in (
        (("merchant", "rename", f"mer_{UNKNOWN}", "x"), "merchant_unknown"),
        (("user", "rename", f"usr_{UNKNOWN}", "x"), "user_unknown"),
        (("merchant", "rename", merchant_id, ""), "request_invalid"),
    ):
        said = cashback(*verb, settings=dev.settings)
        assert (said.code, code in said.err) == (EXIT_REJECTED, True), (verb, said.err)


def test_whom_there_is_not_and_whom_nothing_was_said_of(dev: Dev, cashback: Cashback, customer_id: str) -> None:
    """Strangers are refused by their code; who was never blocked is not blocked, by nobody."""
    for verb, code in (
        (("user", "block", f"usr_{UNKNOWN}", *WHY), "user_unknown"),
        (("user", "blocks", f"usr_{UNKNOWN}"), "user_unknown"),
        (("merchant", "deactivate", f"mer_{UNKNOWN}", *WHY), "merchant_unknown"),
        (("merchant", "deactivations", f"mer_{UNKNOWN}"), "merchant_unknown"),
        (("user", "block", customer_id, "--by", "alice", "--reason", " "), "field_invalid"),
    ):
        said = cashback(*verb, settings=dev.settings)
        assert (said.code, code in said.err) == (EXIT_REJECTED, True), (verb, said.err)
    said = cashback("user", "unblock", customer_id, *WHY, settings=dev.settings)
    assert f"already so, nothing changed: {customer_id} is not blocked\n" in said.out + said.err


def test_what_was_so_before_is_said_to_change_nothing(dev: Dev, cashback: Cashback, customer_id: str) -> None:
    """The second reason is not kept: the first one is told, with who gave it."""
    story = cashback("purchase", "show", dev.purchase_id, "--json", settings=dev.settings).json
    assert isinstance(story, dict)
    programme_id = story["cashback"]["programme_id"]
    merchant = cashback("merchant", "create", "Shop of two minds", "--json", settings=dev.settings).json
    assert isinstance(merchant, dict)
    second = ("--by", "bob", "--reason", "another")
    for group, id_, verbs in (
        ("user", customer_id, {"block": "blocked", "unblock": "unblocked"}),
        ("merchant", merchant["id"], {"deactivate": "inactive", "activate": "active"}),
        ("programme", programme_id, {"pause": "paused", "resume": "in force"}),
    ):
        for verb, state in verbs.items():
            first = cashback(group, verb, id_, *WHY, settings=dev.settings)
            again = cashback(group, verb, id_, *second, settings=dev.settings)
            assert (first.code, again.code) == (0, 0), first.err + again.err
            assert first.err.startswith(f"· {id_} is {state} since "), first.err
            assert again.err == first.err.replace("· ", "· already so, nothing changed: ", 1)
