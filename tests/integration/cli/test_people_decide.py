"""`cashback review | expiring | programme`: what people decide, as they would type it."""

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Cashback, Dev

WHY = ("--by", "alice", "--reason", "a wrong rate")


def test_a_programme_is_paused_and_resumed_by_hand(dev: Dev, cashback: Cashback) -> None:
    """Meanwhile a purchase earns nothing, and says why; resuming tells who did it."""
    story = cashback("purchase", "show", dev.purchase_id, "--json", settings=dev.settings).json
    assert isinstance(story, dict)
    programme_id = story["cashback"]["programme_id"]
    paused = cashback("programme", "pause", programme_id, *WHY, "--json", settings=dev.settings)
    try:
        assert paused.code == 0, paused.err
        words = ("--user", dev.user_id, "--merchant", dev.merchant_id, "--amount", "1999", "--json")
        bought = cashback("purchase", "create", *words, settings=dev.settings).json
        assert isinstance(bought, dict)
        assert bought["cashback"]["reason"] == "programme_paused"
    finally:
        resumed = cashback("programme", "resume", programme_id, *WHY, settings=dev.settings)
    assert resumed.code == 0
    assert resumed.out.startswith(f"{programme_id} is in force since ") or "in force" in resumed.err


def test_what_waits_for_nobody_cannot_be_reviewed(dev: Dev, cashback: Cashback) -> None:
    """The queue of a fresh `dev` is empty, nothing expires there, and a verdict on what was granted is refused."""
    assert cashback("review", "list", "--json", settings=dev.settings).json == []
    assert cashback("expiring", "--within", "3650", "--json", settings=dev.settings).json == []
    story = cashback("purchase", "show", dev.purchase_id, "--json", settings=dev.settings).json
    assert isinstance(story, dict)
    for verdict in ("approve", "reject"):
        said = cashback("review", verdict, story["cashback"]["id"], *WHY, settings=dev.settings)
        assert said.code == EXIT_REJECTED
        assert "not_in_review" in said.err
