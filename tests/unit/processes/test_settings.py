"""The settings of every process and verb: what is missing or wrong is told at the start, all of it at once."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cashback.cli.events import CashbackOutboxSettings, MintingOutboxSettings
from cashback.cli.keys import KeySettings
from cashback.cli.mints import MintSettings
from cashback.cli.rest import RestSettings
from cashback.cli.run import LogSettings
from cashback.kernel.config import PREFIX, SettingsInvalid, load
from cashback.kernel.telemetry.settings import TraceSettings
from cashback.processes import (
    adapter,
    api,
    chain_status,
    contracts,
    doctor,
    halting,
    importing,
    ledger_worker,
    migrate,
    mint_story,
    mint_worker,
    reconcile,
    relay,
)
from cashback.processes.broker import BrokerAndAdapterSettings, BrokerSettings, inbox_prefix

KINDS: dict[str, type[msgspec.Struct]] = {
    "api": api.Settings,
    "relay": relay.Settings,
    "worker ledger": ledger_worker.Settings,
    "worker mint": mint_worker.Settings,
    "adapter": adapter.Settings,
    "migrate": migrate.Settings,
    "contracts deploy": contracts.Settings,
    "doctor": doctor.Settings,
    "reconcile": reconcile.Settings,
    "chain status": chain_status.Settings,
    "chain halt, chain resume": halting.Settings,
    "mint show": mint_story.Settings,
    "import": importing.Settings,
    "purchase": RestSettings,
    "mint list": MintSettings,
    "keys": KeySettings,
    "dlq, replay": BrokerSettings,
    "replay of purchases and ledger": CashbackOutboxSettings,
    "replay of minting": MintingOutboxSettings,
    "log": LogSettings,
    "traces": TraceSettings,
}


def problems(kind: type[msgspec.Struct], **settings: str) -> list[str]:
    """Return what is wrong with these settings."""
    try:
        load(kind, {f"{PREFIX}{name.upper()}": value for name, value in settings.items()})
    except SettingsInvalid as error:
        return error.problems
    return []


def required(kind: type[msgspec.Struct]) -> list[str]:
    """Return the settings that have no default."""
    return [f"{PREFIX}{field.name.upper()}" for field in msgspec.structs.fields(kind) if field.required]


KEY = "CASHBACK_KEY_KEYSTORE or CASHBACK_KEY_KMS_ID or, on a development chain, CASHBACK_KEY_MNEMONIC"
EITHER = {"adapter": [KEY], "contracts deploy": [KEY, "CASHBACK_OPERATOR_ADDRESSES", "CASHBACK_GUARDIAN_ADDRESS"]}
"""What has a default and may be wanted all the same, as long as nothing else stands for it."""


@pytest.mark.parametrize("verb", KINDS)
def test_everything_that_is_missing_is_listed_at_once(verb: str) -> None:
    """Nobody starts a process five times to learn of five settings."""
    wanted = [*required(KINDS[verb]), *EITHER.get(verb, [])]
    assert [line.partition(": ")[0] for line in problems(KINDS[verb])] == [f"{name} is required" for name in wanted]


@pytest.mark.parametrize("verb", KINDS)
def test_a_setting_that_is_empty_is_not_set(verb: str) -> None:
    """So says whoever writes `NAME=` into a file of them, or leaves a variable of compose.yaml out."""
    empty = {field.name: "" for field in msgspec.structs.fields(KINDS[verb])}
    assert problems(KINDS[verb], **empty) == problems(KINDS[verb])


WRONG = {
    "dsn": "localhost",
    "nats_url": "localhost:4222",
    "api_url": "localhost:8080",
    "rpc_urls": "localhost:8545",
    "address": "nowhere",
    "port": "65536",
    "chain_id": "mainnet",
    "relay_service": "chain",
}
"""What is wrong for every setting whose name ends so."""


def wrong_value(name: str) -> str | None:
    """Return a value that cannot be right for a setting of this name, None where any text may be."""
    return next((value for ending, value in WRONG.items() if name.endswith(ending)), None)


@pytest.mark.parametrize("verb", KINDS)
def test_everything_that_is_wrong_is_listed_with_what_is_missing(verb: str) -> None:
    """At the start and by name, not when the first purchase comes; what was given is not repeated: it may be secret."""
    wrong = {
        field.name: value
        for field in msgspec.structs.fields(KINDS[verb])
        if (value := wrong_value(field.name)) is not None
    }
    told = problems(KINDS[verb], **wrong)
    named = {line.split()[0] for line in told}
    assert {f"{PREFIX}{name.upper()}" for name in wrong} <= named
    assert {name for name in required(KINDS[verb]) if wrong_value(name.lower()) is None} <= named
    assert not any("localhost" in line or "nowhere" in line for line in told)


@pytest.mark.parametrize(
    "dsn", ["postgresql://api:word@db.example/cashback?sslmode=require", "postgres://db/cashback", "host=db dbname=x"]
)
def test_every_way_to_write_a_connection_string_is_taken(dsn: str) -> None:
    """There are two."""
    assert problems(MintSettings, minting_audit_dsn=dsn) == []


def test_no_secret_shows_in_any_settings() -> None:
    """They may be logged."""
    given: dict[str, Any] = {"ledger_audit_dsn": "postgresql://hunter2@db/x"}
    environ = {f"{PREFIX}{name.upper()}": value for name, value in given.items()}
    assert "hunter2" not in repr(load(CashbackOutboxSettings, environ))


def test_a_certificate_for_the_broker_comes_with_its_key_and_an_authority(tmp_path: Path) -> None:
    """All three or none, and only such as can be used; whoever calls the adapter as well has two of them."""
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    where = {"nats_url": "nats://nats:4222"}
    files = dict.fromkeys(("nats_tls_cert", "nats_tls_key", "nats_tls_ca"), str(broken))
    assert problems(BrokerSettings, **where) == []
    assert problems(BrokerSettings, **where, nats_tls_cert=str(broken)) == [
        "CASHBACK_NATS_TLS_KEY is required with the other two",
        "CASHBACK_NATS_TLS_CA is required with the other two",
    ]
    [told] = problems(BrokerSettings, **where, **files)
    assert told.startswith("CASHBACK_NATS_TLS_CERT, _KEY or _CA cannot be used")
    both = problems(BrokerAndAdapterSettings, **where, **files, client_tls_ca=str(broken))
    assert [line.partition(" ")[0] for line in both] == [
        "CASHBACK_NATS_TLS_CERT,",
        "CASHBACK_CLIENT_TLS_CERT",
        "CASHBACK_CLIENT_TLS_KEY",
    ]


@pytest.mark.parametrize("replicas", ["0", "6", "all", "1.5"])
def test_a_number_of_replicas_that_no_stream_can_have_is_refused(replicas: str) -> None:
    """One to five, as JetStream has it."""
    [told] = problems(BrokerSettings, nats_url="nats://nats:4222", stream_replicas=replicas)
    assert told.startswith("CASHBACK_STREAM_REPLICAS is wrong")


@pytest.mark.parametrize(
    "setting,value",
    [
        ("stream_bytes_max", "1048576"),
        ("stream_bytes_max", "4 GiB"),
        ("stream_age_max_s", "600"),
        ("dead_letters_bytes_max", "-1"),
        ("dead_letters_age_max_s", "0"),
    ],
)
def test_a_stream_that_holds_nothing_or_without_end_is_refused(setting: str, value: str) -> None:
    """Every limit is one, and none is so small that the outboxes stand still at once."""
    [told] = problems(BrokerSettings, nats_url="nats://nats:4222", **{setting: value})
    assert told.startswith(f"CASHBACK_{setting.upper()} is wrong")


@pytest.mark.parametrize(
    "user,prefix", [("", "_INBOX"), ("relay-cashback", "_INBOX.relay-cashback"), ("a.b >*", "_INBOX.a_b___")]
)
def test_each_user_of_the_broker_is_answered_under_its_name(user: str, prefix: str) -> None:
    """One token, whatever the name is, so that a right to it is a right to nothing else."""
    assert inbox_prefix(user) == prefix


@pytest.mark.parametrize("connections", ["-1", "0", "1", "1001"])
def test_an_api_with_one_connection_or_a_thousand_and_one_is_refused(connections: str) -> None:
    """What is written beside requests would have it, and every request would wait; two are enough."""
    name = "CASHBACK_API_CONNECTIONS_MAX"
    told = [line for line in problems(api.Settings, api_connections_max=connections) if name in line]
    apart = "more" if int(connections) > 2 else "less"
    assert told == [f"{name} is wrong: it must be a whole number of connections from 2 to 1000, and is {apart}"]
    assert not any(name in line for line in problems(api.Settings, api_connections_max="2"))
