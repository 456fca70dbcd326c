"""Settings of the adapter and of the deployment that cannot work: refused before anything is reached."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cashback.chain.rpc.server import OPEN
from cashback.cli import command
from cashback.kernel import failpoints
from cashback.kernel.config import SettingsInvalid, load
from cashback.processes import adapter, chain_status, contracts
from tests.support.certificates import Authority

MNEMONIC = "test test test test test test test test test test test junk"
NOWHERE = "0x" + "11" * 20
GOOD = {
    "CASHBACK_CHAIN_DSN": "postgresql://nowhere",
    "CASHBACK_RPC_URLS": "http://127.0.0.1:1,https://rpc.example/v3/key",
    "CASHBACK_CHAIN_ID": "31337",
    "CASHBACK_TOKEN_ADDRESS": NOWHERE,
    "CASHBACK_MINTER_ADDRESS": NOWHERE,
    "CASHBACK_PROBE_PORT": "9105",
    "CASHBACK_KEY_MNEMONIC": MNEMONIC,
}
DEPLOYMENT = {name: GOOD[name] for name in ("CASHBACK_RPC_URLS", "CASHBACK_CHAIN_ID")}


def problems(kind: Any, environ: dict[str, str]) -> list[str]:  # noqa: ANN401  # either of the two
    """Return what is wrong with these settings."""
    with pytest.raises(SettingsInvalid) as refusal:
        load(kind, environ)
    return refusal.value.problems


def test_settings_are_read_from_the_environment() -> None:
    """Several endpoints are separated by commas; what is not set has a default."""
    settings = load(adapter.Settings, GOOD)
    assert settings.rpc_urls == ("http://127.0.0.1:1", "https://rpc.example/v3/key")
    assert (settings.finality, settings.batch_age_ms) == ("finalized", 100)


async def test_an_adapter_of_another_chain_than_the_development_one_is_not_hurt_on_purpose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else was set: it refuses before it opens anything."""
    monkeypatch.setattr(failpoints, "_armed", [failpoints.Trap("slot.stored", "kill")])
    settings = msgspec.structs.replace(load(adapter.Settings, GOOD), chain_id=1)
    with pytest.raises(SettingsInvalid, match="on the development chain alone"):
        await adapter.run(settings)


@pytest.mark.parametrize(
    "urls,quorum,needed", [(1, "", 1), (2, "", 2), (3, "", 2), (4, "", 3), (8, "", 5), (2, "1", 1), (3, "3", 3)]
)
def test_more_than_half_of_the_endpoints_must_agree_unless_more_are_wanted(urls: int, quorum: str, needed: int) -> None:
    """On the development chain also fewer."""
    named = ",".join(f"http://127.0.0.1:{place}" for place in range(1, urls + 1))
    settings = load(adapter.Settings, GOOD | {"CASHBACK_RPC_URLS": named, "CASHBACK_RPC_QUORUM": quorum})
    assert settings.quorum == needed


@pytest.mark.parametrize(
    "changes,names",
    [
        ({"RPC_URLS": "http://a", "CHAIN_ID": "1"}, {"RPC_URLS"}),
        ({"RPC_URLS": "http://a,http://b", "RPC_QUORUM": "1", "CHAIN_ID": "1"}, {"RPC_QUORUM"}),
        ({"RPC_URLS": "http://a,http://b,http://c,http://d", "RPC_QUORUM": "2"}, {"RPC_QUORUM"}),
        ({"RPC_URLS": "http://a,http://b", "RPC_QUORUM": "3"}, {"RPC_QUORUM"}),
        ({"RPC_URLS": "http://a,http://a"}, {"RPC_URLS"}),
        ({"RPC_URLS": "http://a", "RPC_QUORUM": "1", "CHAIN_ID": "1"}, {"RPC_URLS", "RPC_QUORUM"}),
    ],
    ids=["one endpoint", "one decides", "two halves", "more than there are", "the same twice", "both"],
)
def test_a_quorum_that_is_none_is_refused_with_what_to_do(changes: dict[str, str], names: set[str]) -> None:
    """Every problem at once; only the development chain may do with one endpoint."""
    key = {"CASHBACK_KEY_MNEMONIC": "", "CASHBACK_KEY_KEYSTORE": __file__}
    wrong = GOOD | key | {f"CASHBACK_{name}": value for name, value in changes.items()}
    found = problems(adapter.Settings, wrong)
    assert {line.split(" ", 1)[0].removeprefix("CASHBACK_") for line in found} == names
    assert all(any(word in line for word in ("another", "leave it", "least", "twice", "names")) for line in found)


def test_every_wrong_setting_is_named_at_once() -> None:
    """Not one after the other."""
    wrong = GOOD | {"CASHBACK_RPC_URLS": "ws://node", "CASHBACK_CHAIN_ID": "0", "CASHBACK_TOKEN_ADDRESS": "0x12"}
    with pytest.raises(SettingsInvalid) as refusal:
        load(adapter.Settings, {name: value for name, value in wrong.items() if name != "CASHBACK_PROBE_PORT"})
    for name in ("CASHBACK_RPC_URLS", "CASHBACK_CHAIN_ID", "CASHBACK_TOKEN_ADDRESS", "CASHBACK_PROBE_PORT"):
        assert name in str(refusal.value)


EVERYWHERE = "0.0.0.0"  # noqa: S104  # nothing listens: it is what is refused


@pytest.mark.parametrize("host", [EVERYWHERE, "10.1.2.3", "::", "adapter.internal"])
def test_plain_text_beyond_this_machine_is_refused_with_the_remedy(host: str) -> None:
    """Whoever reached the port could mint."""
    [problem] = problems(adapter.Settings, GOOD | {"CASHBACK_ADAPTER_HOST": host})
    assert problem.startswith("CASHBACK_ADAPTER_HOST is wrong: ")
    assert "CASHBACK_ADAPTER_TLS_CERT" in problem
    assert "bind to 127.0.0.1" in problem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_plain_text_on_this_machine_alone_is_allowed(host: str) -> None:
    """A development system has no certificates; everybody who reaches the port is let in."""
    settings = load(adapter.Settings, GOOD | {"CASHBACK_ADAPTER_HOST": host})
    assert settings.door == OPEN


def test_certificates_are_asked_for_whole_and_must_fit(tmp_path: Path) -> None:
    """Three files or none, all readable, the key that of the certificate, and a list of who may call."""
    own, other = (Authority(tmp_path / name).sign("adapter") for name in ("one", "two"))
    whole = {
        "CASHBACK_ADAPTER_HOST": EVERYWHERE,
        "CASHBACK_ADAPTER_TLS_CERT": own.cert,
        "CASHBACK_ADAPTER_TLS_KEY": own.key,
        "CASHBACK_ADAPTER_TLS_CA": own.ca,
        "CASHBACK_ADAPTER_CLIENTS": "api,worker-mint",
    }
    settings = load(adapter.Settings, GOOD | whole)
    assert settings.door.callers.clients == {"api", "worker-mint"}
    assert problems(adapter.Settings, GOOD | whole | {"CASHBACK_ADAPTER_TLS_KEY": ""}) == [
        "CASHBACK_ADAPTER_TLS_KEY is required with the other two"
    ]
    for name, path, words in (
        ("KEY", other.key, "the key is another certificate's"),
        ("CERT", str(tmp_path), f"{tmp_path}: Is a directory"),
        ("CA", own.key, "one of them is not what it must be, in PEM"),
    ):
        [problem] = problems(adapter.Settings, GOOD | whole | {f"CASHBACK_ADAPTER_TLS_{name}": path})
        assert problem == f"CASHBACK_ADAPTER_TLS_CERT, _KEY or _CA cannot be used: {words}"
    [problem] = problems(adapter.Settings, GOOD | whole | {"CASHBACK_ADAPTER_CLIENTS": ""})
    assert problem.startswith("CASHBACK_ADAPTER_CLIENTS is required")
    for names in ("CASHBACK_ADAPTER_ADMINS", "CASHBACK_ADAPTER_ANCHORERS"):
        [problem] = problems(adapter.Settings, GOOD | {names: "alice"})
        assert "name certificates" in problem


def test_a_callers_certificate_is_checked_at_its_start_as_well(tmp_path: Path) -> None:
    """Not when the first call fails."""
    own = Authority(tmp_path / "one").sign("operator")
    place = {"CASHBACK_ADAPTER_ADDRESS": "127.0.0.1:1"}
    files = {"CASHBACK_CLIENT_TLS_CERT": own.cert, "CASHBACK_CLIENT_TLS_KEY": own.key, "CASHBACK_CLIENT_TLS_CA": own.ca}
    assert load(chain_status.Settings, place | files).client_tls is not None
    assert load(chain_status.Settings, place).client_tls is None
    [problem] = problems(chain_status.Settings, place | files | {"CASHBACK_CLIENT_TLS_CA": ""})
    assert problem == "CASHBACK_CLIENT_TLS_CA is required with the other two"


def test_gas_money_is_low_before_it_is_critical() -> None:
    """Otherwise the warning came after the alarm."""
    [problem] = problems(adapter.Settings, GOOD | {"CASHBACK_GAS_LOW_BATCHES": "5"})
    assert problem.startswith("CASHBACK_GAS_CRITICAL_BATCHES is wrong: ")


@pytest.fixture
def keystore(tmp_path: Path) -> str:
    """Give a file in the place of a keystore; nobody opens it before the settings are right."""
    place = tmp_path / "keystore"
    place.write_text("{}")
    return str(place)


KEYS = "CASHBACK_KEY_KEYSTORE or CASHBACK_KEY_KMS_ID or, on a development chain, CASHBACK_KEY_MNEMONIC"


@pytest.mark.parametrize("kind, good", [(adapter.Settings, GOOD), (contracts.Settings, DEPLOYMENT)])
def test_exactly_one_key_is_wanted(kind: Any, good: dict[str, str], keystore: str) -> None:  # noqa: ANN401  # as above
    """A keystore file or a key in a KMS, or on a development chain a mnemonic."""
    assert f"{KEYS} is required" in problems(kind, good | {"CASHBACK_KEY_MNEMONIC": ""})
    for other in ({"CASHBACK_KEY_KEYSTORE": keystore}, {"CASHBACK_KEY_KMS_ID": "alias/cashback"}):
        assert problems(kind, good | {"CASHBACK_KEY_MNEMONIC": MNEMONIC} | other) == [f"{KEYS} is one too many"]


def test_lanes_may_have_keys_of_both_kinds_and_whoever_deploys_has_one(keystore: str) -> None:
    """So one takes over from the other; each is a lane that wants a connection."""
    mixed = {"KEY_MNEMONIC": "", "KEY_KEYSTORE": keystore, "KEY_KMS_ID": "alias/one", "KEY_MORE_KMS_IDS": "two,alias/3"}
    named = {f"CASHBACK_{name}": value for name, value in mixed.items()}
    settings = load(adapter.Settings, GOOD | named)
    assert settings.kms_ids == ("alias/one", "two", "alias/3")
    [problem] = problems(adapter.Settings, GOOD | named | {"CASHBACK_CONNECTIONS": "5"})
    assert problem.startswith("CASHBACK_CONNECTIONS is wrong: 4 lanes want 6 at least")
    kms = {"CASHBACK_KEY_MNEMONIC": "", "CASHBACK_KEY_KMS_ID": "two"}
    assert load(adapter.Settings, GOOD | kms | {"CASHBACK_CONNECTIONS": "3"}).signers() == ()
    named_to_deploy = DEPLOYMENT | {f"CASHBACK_{name}": NOWHERE for name in ("OPERATOR_ADDRESSES", "GUARDIAN_ADDRESS")}
    assert load(contracts.Settings, named_to_deploy | kms).kms_ids == ("two",)
    both = named_to_deploy | kms | {"CASHBACK_KEY_KEYSTORE": keystore}
    assert problems(contracts.Settings, both) == [f"{KEYS} is one too many"]


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"KEY_MORE_KMS_IDS": "two"}, "CASHBACK_KEY_MORE_KMS_IDS is wrong: the first key is CASHBACK_KEY_KMS_ID"),
        ({"KEY_KMS_ENDPOINT": "http://kms.example"}, "CASHBACK_KEY_KMS_ENDPOINT is wrong: beyond this machine"),
        ({"KEY_KMS_TIMEOUT_MS": "5000"}, "CASHBACK_KEY_KMS_TIMEOUT_MS is wrong"),
        (
            {"KEY_MNEMONIC": "", "KEY_KMS_ID": "two", "KEY_KMS_TIMEOUT_MS": "2500", "RPC_TIMEOUT_MS": "2500"},
            "CASHBACK_KEY_KMS_TIMEOUT_MS is wrong: with CASHBACK_RPC_TIMEOUT_MS it makes 5000 ms, and a lane keeps",
        ),
        ({"KEY_MNEMONIC": "test test junk"}, "CASHBACK_KEY_MNEMONIC is wrong: a mnemonic has 12"),
        ({"CHAIN_ID": "8453"}, "CASHBACK_KEY_MNEMONIC is wrong: a mnemonic must not sign on chain 8453"),
        ({"KEY_MNEMONIC": "", "KEY_KEYSTORE": "/nowhere/at/all"}, "CASHBACK_KEY_KEYSTORE cannot be read: No such file"),
        ({"TIP_FLOOR_WEI": "2", "FEE_CAP_WEI": "1"}, "CASHBACK_TIP_FLOOR_WEI is wrong"),
        ({"TIP_FLOOR_WEI": "2", "TIP_CAP_WEI": "1"}, "CASHBACK_TIP_FLOOR_WEI is wrong"),
        ({"FINALITY": "finalised"}, "CASHBACK_FINALITY is wrong"),
        ({"KEY_COUNT": "7"}, "CASHBACK_CONNECTIONS is wrong: 7 lanes want 9 at least"),
        ({"KEY_COUNT": "33"}, "CASHBACK_KEY_COUNT"),
        ({"KEY_MORE_KEYSTORES": "/nowhere/at/all"}, "CASHBACK_KEY_MORE_KEYSTORES is wrong: the first file is"),
        ({"MINT_DAY_MAX": "0"}, "CASHBACK_MINT_DAY_MAX"),
        ({"FINALITY": "latest"}, "CASHBACK_FINALITY is wrong"),
        ({"FINALITY": "depth:few"}, "CASHBACK_FINALITY is wrong"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused_when_they_are_read(changes: dict[str, str], told: str) -> None:
    """A tip above the cap would wait for ever, and the rest would fail after the first look at the chain."""
    [problem] = problems(adapter.Settings, GOOD | {f"CASHBACK_{name}": value for name, value in changes.items()})
    assert problem.startswith(told)


def test_problems_of_one_setting_and_of_several_are_told_together() -> None:
    """Whatever is wrong, a person mends it in one go."""
    wrong = {
        "CASHBACK_FINALITY": "finalised",
        "CASHBACK_KEY_MNEMONIC": "",
        "CASHBACK_TIP_FLOOR_WEI": "1000000000000000",
    }
    told = problems(adapter.Settings, GOOD | wrong | {"CASHBACK_PROBE_PORT": "0"})
    assert [line.split()[0] for line in told] == [
        "CASHBACK_PROBE_PORT",
        "CASHBACK_KEY_KEYSTORE",
        "CASHBACK_TIP_FLOOR_WEI",
        "CASHBACK_FINALITY",
    ]


def test_a_deployment_with_a_keystore_must_name_who_may_mint_and_who_may_pause(keystore: str) -> None:
    """The deployer's own key, which is taken away afterwards, must be neither."""
    alone = DEPLOYMENT | {"CASHBACK_CHAIN_ID": "8453", "CASHBACK_KEY_KEYSTORE": keystore}
    assert [line.split(":")[0] for line in problems(contracts.Settings, alone)] == [
        "CASHBACK_OPERATOR_ADDRESSES is required",
        "CASHBACK_GUARDIAN_ADDRESS is required",
    ]
    load(contracts.Settings, alone | {"CASHBACK_OPERATOR_ADDRESSES": NOWHERE, "CASHBACK_GUARDIAN_ADDRESS": NOWHERE})


@pytest.mark.parametrize(
    "words, good", [(["adapter"], GOOD), (["contracts", "deploy"], DEPLOYMENT)], ids=["adapter", "deploy"]
)
@pytest.mark.parametrize(
    "key", [{"KEY_MNEMONIC": ""}, {"KEY_MNEMONIC": "", "KEY_KEYSTORE": "damaged"}], ids=["none", "damaged"]
)
def test_a_key_that_cannot_be_used_is_a_wrong_setting(
    words: list[str],
    good: dict[str, str],
    key: dict[str, str],
    keystore: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It exits as every wrong setting does, also where only the password can tell."""
    named = {"OPERATOR_ADDRESSES": NOWHERE, "GUARDIAN_ADDRESS": NOWHERE} | key
    changes = {f"CASHBACK_{name}": keystore if value == "damaged" else value for name, value in named.items()}
    for name, value in (good | changes).items():
        monkeypatch.setenv(name, value)
    assert command.run(words) == command.EXIT_SETTINGS
    assert "CASHBACK_KEY_KEYSTORE" in capsys.readouterr().err
