"""The operator's verbs on a running system: tables for people, JSON for programs, and an exit code for each outcome."""

import re
from typing import Any, Final

import httpx
import msgspec
import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED, EXIT_SETTINGS, EXIT_UNAVAILABLE
from cashback.processes.embedded import eventually, free_port
from tests.integration.cli.chain import chain_of
from tests.integration.cli.conftest import Ask, Cashback, Dev

WITHIN_S: Final = 60.0


def drained(ask: Ask) -> dict[str, Any]:
    """Return what `reconcile` tells once nothing is under way."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [ask("reconcile")]
        return (found[0]["in_flight"], found[0]["settling"], found[0]["waiting"]) == (0, 0, 0)

    assert eventually(look, within_s=WITHIN_S), found
    return found[0]


def live(ask: Ask, purchase_id: str) -> dict[str, Any]:
    """Return a purchase whose mint was requested with the chain's word, for which the API waits half a second."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [ask("purchase", "show", purchase_id)]
        return found[0]["cashback"]["mint"]["is_stale"] is False

    assert eventually(look, within_s=WITHIN_S), found
    return found[0]


READING: Final = (
    ("doctor",),
    ("chain", "status"),
    ("mint", "list"),
    ("keys", "list"),
    ("dlq", "list"),
    ("reconcile",),
    ("replay", "--dry-run"),
    ("replay", "--dry-run", "--from-outbox", "purchases"),
    ("replay", "--dry-run", "--from-outbox", "minting"),
    ("replay", "--from-outbox", "--dry-run"),
    ("streams", "diff"),
)


@pytest.mark.parametrize("verb", READING, ids=" ".join)
def test_a_reading_verb_tells_people_and_programs(verb: tuple[str, ...], dev: Dev, cashback: Cashback) -> None:
    """With --json there is one document on standard output and nothing else; without it there are words."""
    told = cashback(*verb, "--json", settings=dev.settings)
    assert told.code == 0, told.err
    assert isinstance(told.json, dict | list)
    shown = cashback(*verb, settings=dev.settings)
    assert shown.code == 0
    assert (shown.out + shown.err).strip()
    assert "{" not in shown.out


def test_a_purchase_is_created_once_per_key_and_shown_until_it_is_minted(dev: Dev, ask: Ask) -> None:
    """Its answer carries the decision; its story ends with a mint in a final block."""
    words = [*("purchase", "create", "--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "1999")]
    words += ("--idempotency-key", "cli-1", "--reference", "order 1", "--occurred-at", "2026-11-22T10:00:00Z")
    made = ask(*words)
    assert (made["cashback"]["reason"], made["cashback"]["token_units"]) == ("granted", "990000")
    assert ask(*words) == made
    drained(ask)
    story = live(ask, made["id"])
    assert (story["cashback"]["state"], story["cashback"]["mint"]["chain_state"]) == ("minted", "final")
    [minted] = ask("mint", "list", "--after", str(int(story["cashback"]["mint"]["number"]) - 1), "--limit", "1")
    told = story["cashback"]["mint"]
    assert (minted["transaction"], minted["token_units"]) == (told["transaction_hash"], "990000")
    # As REST tells them: the number as text, since JSON readers round, and the address as REST takes it (EIP-55).
    assert (minted["number"], minted["recipient"]) == (told["number"], told["recipient"])


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"--amount": "-5"}, "request_invalid"),
        ({"--amount": "19.99"}, "request_invalid"),
        ({"--currency": "XXX"}, "currency_unknown"),
        ({"--user": "usr_01k9z3v6q8e2r9xw5t4c7m1n0p"}, "user_unknown"),
        ({"--merchant": "nobody"}, "merchant_unknown"),
        ({"--occurred-at": "yesterday"}, "request_invalid"),
        ({"--idempotency-key": "k" * 256}, "idempotency_key_invalid"),
        ({"--idempotency-key": ""}, "idempotency_key_invalid"),
    ],
)
def test_a_purchase_that_is_refused_is_refused_by_its_code(
    changes: dict[str, str], problem: str, dev: Dev, cashback: Cashback
) -> None:
    """Exit code 4, the API's own code and sentence, and no results."""
    options = {"--merchant": dev.merchant_id, "--user": dev.user_id, "--amount": "1999"}
    options |= {"--occurred-at": "2026-11-22T10:00:00Z"} | changes
    said = cashback("purchase", "create", *(word for pair in options.items() for word in pair), settings=dev.settings)
    assert (said.code, said.out) == (EXIT_REJECTED, "")
    assert problem in said.err
    # One sentence, and the place where it is in brackets.
    assert re.fullmatch(r"cashback: api_rejected: [a-z_]+: [^\n]+ \((/[a-z_]+|Idempotency-Key)\)\n", said.err)


@pytest.mark.parametrize("key", ["ü", "a\nb"])
def test_a_key_that_cannot_be_sent_is_refused_before_it_is(key: str, dev: Dev, cashback: Cashback) -> None:
    """Exit code 4 and a sentence: nobody need ask again later."""
    words = ("--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "1", "--idempotency-key", key)
    at = ("--occurred-at", "2026-11-22T10:00:00Z")
    said = cashback("purchase", "create", *words, *at, settings=dev.settings)
    assert (said.code, said.out, said.err.count("\n")) == (EXIT_REJECTED, "", 1)
    assert "cannot be sent" in said.err


def test_what_does_not_exist_is_said_not_to(dev: Dev, cashback: Cashback) -> None:
    """Ids of all kinds, and words that are none."""
    for verb in (
        ("purchase", "show", "pur_01k9z3v6q8e2r9xw5t4c7m1n0p"),
        ("purchase", "show", "../users"),
        ("keys", "revoke", "key_01k9z3v6q8e2r9xw5t4c7m1n0p"),
        ("mint", "show", "4711000"),
        ("mint", "show", "cb_01k9z3v6q8e2r9xw5t4c7m1n0p"),
        ("dlq", "show", "4711"),
        ("keys", "create", "--merchant", "mer_01k9z3v6q8e2r9xw5t4c7m1n0p", "--label", "x"),
    ):
        assert cashback(*verb, settings=dev.settings).code == EXIT_REJECTED, verb


def test_who_is_not_there_can_be_asked_again_later(dev: Dev, cashback: Cashback) -> None:
    """API, broker, databases and adapter, each at a port where nobody answers: exit code 5, in seconds."""
    nobody = f"127.0.0.1:{free_port()}"
    dsn = f"postgresql://nobody@{nobody}/nothing"
    for verb, changes in (
        (("purchase", "show", "pur_1"), {"CASHBACK_API_URL": f"http://{nobody}"}),
        (("dlq", "list"), {"CASHBACK_NATS_URL": f"nats://{nobody}"}),
        (("mint", "list"), {"CASHBACK_MINTING_AUDIT_DSN": dsn}),
        (("reconcile",), {"CASHBACK_ADAPTER_ADDRESS": nobody}),
    ):
        said = cashback(*verb, settings=dev.settings, **changes)
        assert (said.code, said.out) == (EXIT_UNAVAILABLE, ""), said.err
        told = [line for line in said.err.splitlines() if not line.startswith("· ")]
        assert [line.startswith("cashback: ") and "{" not in line for line in told] == [True], said.err


def test_doctor_finds_what_is_wrong_and_says_the_rest_is_well(dev: Dev, cashback: Cashback) -> None:
    """Exit code 3; a database that was never migrated, a broker and an API that are away."""
    nobody = f"127.0.0.1:{free_port()}"
    said = cashback(
        "doctor",
        "--json",
        settings=dev.settings,
        CASHBACK_CHAIN_AUDIT_DSN=dev.settings["CASHBACK_CHAIN_AUDIT_DSN"].removesuffix("chain") + "postgres",
        CASHBACK_NATS_URL=f"nats://{nobody}",
        CASHBACK_API_URL=f"http://{nobody}",
    )
    assert said.code == EXIT_DIFFERENCE
    rows = msgspec.json.decode(said.out)
    assert {row["what"]: row["state"] for row in rows} == {
        "database cashback": "ok",
        "database minting": "ok",
        "database chain": "WRONG",
        "outboxes of cashback": "ok",
        "outboxes of minting": "ok",
        "broker": "WRONG",
        "workers": "WRONG",
        "adapter and chain": "ok",
        "programme and mint limit": "ok",
        "minting": "ok",
        "mint worker": "ok",
        "mint numbers": "ok",
        "reconciliation": "ok",
        "steps that are due": "ok",
        "mint requests": "ok",
        "webhooks": "ok",
        "REST API": "WRONG",
    }
    assert "chain.schema_history" in next(row["detail"] for row in rows if row["what"] == "database chain")


def test_doctor_finds_a_programme_that_grants_more_at_once_than_is_minted_at_once(
    dev: Dev, ask: Ask, cashback: Cashback
) -> None:
    """That mint would wait for ever; who can mend it, and how, stands beside it."""
    chain, minter = chain_of(dev.launched), ask("chain", "status")["minter"]
    was = int(ask("chain", "status")["limiter"]["capacity"])
    chain.limit(minter, capacity=1_000_000)
    try:
        [row] = [row for row in ask("doctor", code=EXIT_DIFFERENCE) if row["what"] == "programme and mint limit"]
    finally:
        chain.limit(minter, capacity=was)
    assert row["state"] == "WRONG"
    assert "mints at most 1000000 at once" in row["detail"]
    assert "setLimit" in row["detail"]
    assert ask("doctor")


def test_a_verb_without_settings_lists_what_it_needs(cashback: Cashback) -> None:
    """Exit code 6, and every one of them."""
    said = cashback("doctor", settings={})
    assert (said.code, said.out) == (EXIT_SETTINGS, "")
    assert said.err.count("is required") == 5


def test_a_key_opens_what_it_is_for_until_it_is_revoked(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """Its secret is told once, and never listed."""
    made = ask("keys", "create", "--merchant", dev.merchant_id, "--label", "web shop")
    with_it = {**dev.settings, "CASHBACK_API_KEY": made["secret"]}
    revoked = ask("keys", "create", "--operator", "--label", "gone")
    said = cashback("keys", "revoke", revoked["id"], settings=dev.settings)
    assert (said.code, "is revoked" in said.err) == (0, True)
    again = ask("keys", "revoke", revoked["id"])
    assert (again["id"], again["label"], again["revoked_at"] is None) == (revoked["id"], "gone", False)
    assert cashback("purchase", "show", dev.purchase_id, settings=with_it).code == 0
    refused = cashback("purchase", "show", dev.purchase_id, settings={**with_it, "CASHBACK_API_KEY": revoked["secret"]})
    assert (refused.code, "api_key_invalid" in refused.err) == (EXIT_REJECTED, True)
    listed = {key["id"]: key for key in ask("keys", "list")}
    assert (listed[made["id"]]["revoked_at"], listed[made["id"]]["label"]) == (None, "web shop")
    assert listed[revoked["id"]]["revoked_at"] is not None
    kinds = [told["kind"] for told in (made, listed[made["id"]], revoked, again, listed[revoked["id"]])]
    assert kinds == ["merchant", "merchant", "operator", "operator", "operator"]
    assert not any("scope" in told for told in (made, again, *listed.values()))
    turned = cashback("keys", "rotate", made["id"], settings=dev.settings)
    assert ("kind" in turned.out, "scope " in turned.out) == (True, False)
    assert listed[revoked["id"]]["last_used_at"] is None
    assert made["secret"] not in cashback("keys", "list", settings=dev.settings).out


def test_a_key_may_ask_as_often_as_it_was_made_for(dev: Dev, ask: Ask) -> None:
    """Every answer tells it, and so do the verbs, also of a key that replaces it."""
    made = ask("keys", "create", "--operator", "--label", "slow", "--rate-per-s", "3", "--burst", "7")
    turned = ask("keys", "rotate", made["id"])
    listed = {key["id"]: key for key in ask("keys", "list")}
    for told in (made, turned, listed[made["id"]], listed[turned["id"]]):
        assert (told["rate_per_s"], told["burst"]) == (3, 7)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    answer = httpx.get(f"{dev.settings['CASHBACK_API_URL']}/v1/programmes/current", headers=headers)
    assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"key";q=7;w=3')


def test_a_key_does_what_it_was_made_for_and_is_replaced(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """By one with its rights, whose secret is told; the old one ends at once where no overlap is wanted."""
    made = ask("keys", "create", "--operator", "--label", "clerk", "--scope", "purchases:read", "--scope", "users:read")
    settings = {**dev.settings, "CASHBACK_API_KEY": made["secret"]}
    assert cashback("purchase", "show", dev.purchase_id, settings=settings).code == 0
    refused = cashback("programme", "list", settings=settings)
    assert (refused.code, "scope_missing" in refused.err) == (EXIT_REJECTED, True)
    turned = ask("keys", "rotate", made["id"], "--overlap-s", "0", "--expires-at", "2099-01-01T00:00:00Z")
    assert (turned["replaces"], turned["scopes"]) == (made["id"], made["scopes"])
    with_new = {**dev.settings, "CASHBACK_API_KEY": turned["secret"]}
    assert cashback("purchase", "show", dev.purchase_id, settings=with_new).code == 0
    listed = {key["id"]: key for key in ask("keys", "list")}
    assert listed[made["id"]]["expires_at"] < "2099" < listed[turned["id"]]["expires_at"]
    again = cashback("keys", "rotate", made["id"], settings=dev.settings)
    assert (again.code, "was revoked or has ended" in again.err) == (EXIT_REJECTED, True)
    unknown = cashback("keys", "create", "--operator", "--label", "x", "--scope", "all", settings=dev.settings)
    assert (unknown.code, "no such scope" in unknown.err) == (EXIT_REJECTED, True)


@pytest.mark.parametrize("which", [(), ("--operator", "--merchant", "mer_1")])
def test_a_key_is_for_the_operator_or_for_one_merchant(which: tuple[str, ...], dev: Dev, cashback: Cashback) -> None:
    """Neither and both are a mistake on the command line."""
    assert cashback("keys", "create", *which, "--label", "x", settings=dev.settings).code == 2


@pytest.mark.invariant("I5")
def test_replaying_everything_changes_nothing(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """From the stream, and from each outbox; afterwards the books and the chain are what they were."""
    before = drained(ask)
    assert ask("replay", "--dry-run")["events"] >= 4
    assert ask("replay")["events"] >= 4
    assert all(ask("replay", "--from-outbox", outbox)["events"] >= 1 for outbox in ("purchases", "ledger", "minting"))
    after = drained(ask)
    same = ("requested", "minted", "minted_amount", "logs", "logs_amount", "total_supply", "stuck", "findings")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert ask("replay", "--from", "2100-01-01T00:00:00Z", "--dry-run")["events"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "2026-11-22"),
        ("--from", "soon"),
        ("--from-outbox", "chain"),
        ("--from-outbox", "ledger", "--from", "7"),
        ("--type", "token.mintd", "--dry-run"),
    ],
)
def test_a_replay_from_nowhere_is_a_mistake_on_the_command_line(
    words: tuple[str, ...], dev: Dev, cashback: Cashback
) -> None:
    """An instant has a zone, an outbox no sequence, the chain no outbox, and of a misspelt type there are no events."""
    assert cashback("replay", *words, settings=dev.settings).code == 2
