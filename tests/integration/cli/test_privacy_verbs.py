"""`cashback user export` and `cashback user erase`, as people would type them."""

from cashback.cli.command import EXIT_REJECTED
from tests.integration.cli.conftest import Ask, Cashback, Dev

UNKNOWN = "usr_01k9z3v6q8e2r9xw5t4c7m1n0p"
WHY = ("--by", "ada", "--reason", "asked for in ticket 4711")


def test_a_user_is_told_as_a_whole_and_erased_by_hand(dev: Dev, cashback: Cashback, ask: Ask) -> None:
    """Once under its key; a second time changes nothing, and says so."""
    user_id = ask("user", "create", "--reference", "Ann of the command line", "--tier", "gold")["id"]
    told = cashback("user", "export", user_id, settings=dev.settings).json
    assert isinstance(told, dict)
    assert (told["user"]["reference"], told["disclosures"][0]["what"]) == ("Ann of the command line", "export")
    words = ("user", "erase", user_id, *WHY, "--idempotency-key", "cli_erase_1")
    erased = ask(*words)
    assert (erased["is_news"], erased["person"]) == (True, "ada")
    assert ask(*words) == erased
    again = cashback("user", "erase", user_id, "--by", "bob", "--reason", "as well", settings=dev.settings)
    assert again.code == 0, again.err
    assert f"already so, nothing changed: {user_id} is erased since " in again.out + again.err
    shown = ask("user", "show", user_id)
    assert (shown["reference"], shown["tier"], shown["is_blocked"]) == (None, None, True)


def test_whom_there_is_not_and_who_is_there_no_more(dev: Dev, cashback: Cashback, ask: Ask) -> None:
    """Each refused by its code."""
    user_id = ask("user", "create")["id"]
    ask("user", "erase", user_id, *WHY)
    for words, code in (
        (("user", "export", UNKNOWN), "user_unknown"),
        (("user", "erase", UNKNOWN, *WHY), "user_unknown"),
        (("user", "tier", user_id, "gold"), "user_erased"),
        (("user", "unblock", user_id, *WHY), "user_erased"),
    ):
        said = cashback(*words, settings=dev.settings)
        assert (said.code, code in said.err) == (EXIT_REJECTED, True), (words, said.err)
