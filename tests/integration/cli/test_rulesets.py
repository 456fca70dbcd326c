"""`cashback ruleset` on a running system: from a file to the version in force."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED
from cashback.kernel.config import PREFIX
from tests.integration.cli.conftest import Cashback, Dev

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
                "code": "amount_out_of_bounds",
                "pointer": "/rules/0/at_most",
                "detail": "an amount here is 1 to 9223372036854775807 minor units",
            }
        ],
    )
    told = cashback("ruleset", "diff", sound, odd, "--json", settings={}).json
    assert told == [{"pointer": "/rules/base/at_most", "before": None, "after": '"0"'}]
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
    assert (refused.code, "ruleset_unsound" in refused.err) == (EXIT_REJECTED, True)
    better = written(tmp_path / "a.json", campaign=campaign, at_most="500")
    changed = run("draft", better, "--change", draft["id"], "--revision", "1")
    assert [one["pointer"] for one in run("diff", first["id"], draft["id"])] == [
        "/rules/base/at_most",
        "/rules/base/earns/rate_bps",
    ]
    words = ("publish", draft["id"], "--revision", str(changed["revision"]), "--start", "2100-01-01T00:00:00Z")
    made = run(*words, "--idempotency-key", "publish-1")
    assert run(*words, "--idempotency-key", "publish-1") == made
    assert run("show", programme["id"], "--at", "2100-01-01T00:00:00Z")["id"] == made["id"]
    assert [one["ruleset_id"] for one in run("list", programme["id"], "--drafts")] == [made["id"]]
    gone = run("withdraw", made["id"], "--reason", "called off")
    assert gone["continued_by"]["version"] == made["version"] + 1


def test_a_programme_is_started_shown_and_ended(cashback: Cashback, dev: Dev) -> None:
    """In a currency of its own, beside the one that `dev` starts; a ratio that is none is a wrong command line."""

    def run(*words: str) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback("programme", *words, "--json", settings=dev.settings)
        assert said.code == 0, said.err
        return said.json

    words = ("create", "Yen", "--currency", "JPY", "--token-rate", "1/100", "--accepts", "KRW", "--hold-days", "7")
    made = run(*words, "--idempotency-key", "yen-1")
    assert run(*words, "--idempotency-key", "yen-1") == made
    assert (made["exponent"], made["hold_days"], made["accepts"]) == (0, 7, ["KRW"])
    assert run("show", made["id"]) == made
    assert made["id"] in [one["id"] for one in run("list")]
    assert run("end", made["id"], "--reason", "over")["ended_at"] is not None
    wrong = cashback("programme", "create", "x", "--currency", "JPY", "--token-rate", "0.1", settings=dev.settings)
    assert wrong.code == 2
