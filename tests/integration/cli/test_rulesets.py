"""`cashback ruleset` on a running system: from a file to the version in force."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED
from cashback.kernel.config import PREFIX
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Cashback, Dev

WALLET: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WITHIN_S: Final = 60.0
RULE = {"id": "base", "campaign": "cmp_1", "earns": {"kind": "percent", "rate_bps": 150}}


def written(path: Path, **changes: object) -> str:
    """Write a ruleset of one rule and return the file's name."""
    path.write_text(json.dumps({"rules": [{**RULE, **changes}]}))
    return str(path)


def programme_of(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the programme in force, as the API tells it."""
    headers = {"Authorization": f"Bearer {settings[f'{PREFIX}API_KEY']}"}
    told = httpx.get(f"{settings[f'{PREFIX}API_URL']}/v1/programmes/current", headers=headers)
    return msgspec.convert(told.json(), dict[str, Any])


def test_a_file_is_linted_and_compared_without_an_api(cashback: Cashback, tmp_path: Path) -> None:
    """With 3 for what keeps it from being published, and 4 for what is no ruleset at all."""
    sound, odd = written(tmp_path / "a.json"), written(tmp_path / "b.json", at_most="0")
    assert cashback("ruleset", "lint", sound, "--json", settings={}).json == []
    found = cashback("ruleset", "lint", odd, "--json", settings={})
    assert (found.code, found.json) == (
        EXIT_DIFFERENCE,
        [
            {
                "severity": "error",
                "code": "amount_zero",
                "pointer": "/rules/0/at_most",
                "detail": "an amount of nothing has no effect, or lets nothing through",
            }
        ],
    )
    told = cashback("ruleset", "diff", sound, odd, "--json", settings={}).json
    words = "rule base: at_most becomes 0"
    assert told == [{"kind": "added", "pointer": "/rules/0/at_most", "words": words, "before": None, "after": "0"}]
    broken = written(tmp_path / "c.json", id="NOT A SLUG")
    said = cashback("ruleset", "lint", broken, settings={})
    assert (said.code, "/rules/0/id" in said.err) == (EXIT_REJECTED, True)


def test_a_draft_is_made_changed_published_and_withdrawn(cashback: Cashback, dev: Dev, tmp_path: Path) -> None:
    """Each verb tells programs what the API answered; a refusal has the API's own code."""

    def run(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback("ruleset", *words, "--json", settings=dev.settings)
        assert said.code == 0, said.err
        return said.json

    programme = programme_of(dev.settings)
    [first] = run("list", programme["id"])
    campaign = run("show", first["id"])["document"]["rules"][0]["campaign"]
    draft = run("draft", written(tmp_path / "a.json", campaign="cmp_1"), "--programme", programme["id"])
    refused = cashback("ruleset", "publish", draft["id"], "--revision", "1", settings=dev.settings)
    assert (refused.code, "ruleset_invalid" in refused.err) == (EXIT_REJECTED, True)
    better = written(tmp_path / "a.json", campaign=campaign, at_most="500")
    changed = run("draft", better, "--change", draft["id"], "--revision", "1")
    assert [one["pointer"] for one in run("diff", first["id"], draft["id"])] == [
        "/rules/0/at_most",
        "/rules/0/earns/rate_bps",
    ]
    words = ("publish", draft["id"], "--revision", str(changed["revision"]), "--start", "2100-01-01T00:00:00Z")
    made = run(*words, "--idempotency-key", "publish-1")
    assert run(*words, "--idempotency-key", "publish-1") == made
    assert run("show", programme["id"], "--at", "2100-01-01T00:00:00Z")["id"] == made["id"]
    drafts = run("list", programme["id"], "--drafts")
    assert [one["ruleset_id"] for one in drafts if one["id"] == draft["id"]] == [made["id"]]
    gone = run("withdraw", made["id"], "--reason", "called off")
    assert gone["continued_by"]["version"] == made["version"] + 1
    other = run("draft", better, "--programme", programme["id"])
    words = ("discard", other["id"], "--reason", "a better one", "--idempotency-key", "discard-1")
    discarded = run(*words)
    assert (discarded["id"], discarded["discarded_at"] is None) == (other["id"], False)
    assert run(*words) == discarded
    late = cashback("ruleset", "publish", other["id"], "--revision", "1", settings=dev.settings)
    assert (late.code, "draft_closed" in late.err) == (EXIT_REJECTED, True)


def test_a_programme_is_started_shown_and_ended(cashback: Cashback, dev: Dev) -> None:
    """In a currency of its own, beside the one that `dev` starts; a ratio that is none is a wrong command line."""

    def run(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback("programme", *words, "--json", settings=dev.settings)
        assert said.code == 0, said.err
        return said.json

    words = ("create", "Yen", "--currency", "JPY", "--token-rate", "1/100", "--accepts", "KRW", "--hold-days", "7")
    reviews = ("--review-above", "500", "--second-above", "2000")
    made = run(*words, *reviews, "--idempotency-key", "yen-1")
    assert run(*words, *reviews, "--idempotency-key", "yen-1") == made
    assert (made["exponent"], made["hold_days"], made["accepts"]) == (0, 7, ["KRW"])
    assert (made["review_above_minor"], made["second_above_minor"]) == ("500", "2000")
    assert run("show", made["id"]) == made
    assert made["id"] in [one["id"] for one in run("list")]
    assert run("end", made["id"], "--reason", "over")["ended_at"] is not None
    wrong = cashback("programme", "create", "x", "--currency", "JPY", "--token-rate", "0.1", settings=dev.settings)
    assert wrong.code == 2


def test_a_campaign_lives_from_its_budget_to_its_end(cashback: Cashback, dev: Dev) -> None:
    """Created, raised, lowered, told of in words and in JSON, evened out and closed."""

    def run(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback("campaign", *words, "--json", settings=dev.settings)
        assert said.code == 0, said.err
        return said.json

    programme = programme_of(dev.settings)["id"]
    made = run("create", "Summer", "--programme", programme, "--budget", "1000", "--stripes", "3")
    assert made["id"] in [one["id"] for one in run("list", programme)]
    assert run("top-up", made["id"], "500", "--reason", "a good week")["budget_left_minor"] == "1500"
    refused = cashback("campaign", "withdraw", made["id"], "1501", "--reason", "x", settings=dev.settings)
    assert (refused.code, "budget_below_reserved" in refused.err) == (EXIT_REJECTED, True)
    assert run("withdraw", made["id"], "200", "--reason", "moved")["budget_minor"] == "1300"
    assert run("rebalance", made["id"], "--reason", "even")["budget_left_minor"] == "1300"
    assert (run("budget", made["id"])["left_minor"], run("budget", made["id"])["forecast"]) == ("1300", None)
    told = cashback("campaign", "budget", made["id"], settings=dev.settings)
    assert (told.code, "no forecast" in told.err, "1300" in told.out) == (0, True, True)
    assert run("close", made["id"], "--reason", "over") == run("show", made["id"])


def test_rates_are_put_listed_and_imported_exactly(cashback: Cashback, dev: Dev, tmp_path: Path) -> None:
    """A decimal number is a ratio; a second import puts nothing twice; a refused row is told with its line."""
    put = cashback("rates", "put", "EUR", "SEK", "11.25", "--source", "bank", "--json", settings=dev.settings)
    told = msgspec.convert(put.json, dict[str, Any])
    assert (told["numerator"], told["denominator"]) == (45, 4)
    file = tmp_path / "rates.csv"
    file.write_text(
        "base,quote,rate,source,as_of\n"
        "EUR,NOK,11.5,bank,2026-01-01T00:00:00Z\n"
        "EUR,NOK,115,bank,2026-01-02T00:00:00Z\n"
        "EUR,NOK,1e9,bank,2026-01-03T00:00:00Z\n"
    )
    for now, before in ((1, 0), (0, 1)):
        said = cashback("rates", "import", str(file), "--json", settings=dev.settings)
        found = msgspec.convert(said.json, dict[str, Any])
        assert (said.code, [one["line"] for one in found["refused"]]) == (EXIT_DIFFERENCE, [3, 4])
        assert (found["put"], found["put_before"]) == (now, before)
        codes = [one["problem"].removeprefix("api_rejected: ").partition(":")[0] for one in found["refused"]]
        assert codes == ["rate_absurd", "rate_number_invalid"]
    shown = " ".join(cashback("rates", "import", str(file), settings=dev.settings).out.split())
    assert "put now 0 put before 1 refused 2" in shown
    comma = cashback("rates", "put", "EUR", "SEK", "11,25", "--source", "bank", settings=dev.settings)
    assert (comma.code, "rate_number_invalid" in comma.err) == (EXIT_REJECTED, True)
    listed = cashback("rates", "list", "--quote", "NOK", "--json", settings=dev.settings).json
    assert len(msgspec.convert(listed, list[dict[str, Any]])) == 1
    file.write_text("base,quote\nEUR,NOK\n")
    assert cashback("rates", "import", str(file), settings=dev.settings).code == EXIT_REJECTED


def test_what_rules_ask_about_people_is_set(cashback: Cashback, dev: Dev) -> None:
    """A merchant's category and owners, a user's tier."""
    words = ("merchant", "set", dev.merchant_id, "--mcc", "5411", "--owner", dev.user_id, "--json")
    shop = msgspec.convert(cashback(*words, settings=dev.settings).json, dict[str, Any])
    assert (shop["mcc"], shop["owners"]) == ("5411", [dev.user_id])
    for tier in ("gold", None):
        named = [tier] if tier else []
        told = cashback("user", "tier", dev.user_id, *named, "--json", settings=dev.settings).json
        user = msgspec.convert(told, dict[str, Any])
        assert user["tier"] == tier


def test_people_are_created_and_get_their_wallet(cashback: Cashback, dev: Dev) -> None:
    """The same key makes the same user once; cashback that waited is minted to the wallet that is linked later."""

    def run(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback(*words, "--json", settings=dev.settings)
        assert said.code == 0, said.err
        return said.json

    words = ("user", "create", "--reference", "by-hand", "--tier", "gold", "--idempotency-key", "by-hand-1")
    user = run(*words)
    assert (user["reference"], user["tier"], user["wallet"]) == ("by-hand", "gold", None)
    assert run(*words) == user
    shop = run("merchant", "create", "Corner shop", "--mcc", "5411", "--owner", dev.user_id)
    assert (shop["name"], shop["mcc"], shop["owners"]) == ("Corner shop", "5411", [dev.user_id])
    bought = run("purchase", "create", "--merchant", shop["id"], "--user", user["id"], "--amount", "1999")
    linked = run("user", "wallet", user["id"], WALLET)
    assert (linked["id"], linked["wallet"]) == (user["id"], WALLET)

    def recipient() -> Any:  # noqa: ANN401  # as above
        mint = run("purchase", "show", bought["id"])["cashback"]["mint"]
        return mint and mint["recipient"]

    assert eventually(lambda: recipient() == WALLET, within_s=WITHIN_S)
    refused = cashback("user", "wallet", user["id"], WALLET.lower().replace("5a", "5A"), settings=dev.settings)
    assert (refused.code, "wallet_invalid" in refused.err) == (EXIT_REJECTED, True), refused.err
