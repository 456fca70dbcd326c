"""compose.yaml describes what `cashback dev` starts: the same processes, settings, broker rights and chain."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cashback.cli import events, mints, purchases, setup
from cashback.kernel.config import PREFIX, load
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
    webhook_worker,
)
from cashback.processes.embedded import EmbeddedAnvil
from cashback.processes.stack import PROCESSES, Stack
from tests.benchmarks.shop import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
SECRETS = Path("/run/secrets")
OF_ALL = frozenset({"log_level", "otlp_endpoint", "trace_ratio"})  # read by the command line, not by a process
STRUCTS: dict[str, type[msgspec.Struct]] = {
    "adapter": adapter.Settings,
    "api": api.Settings,
    "relay-cashback": relay.Settings,
    "relay-minting": relay.Settings,
    "worker-ledger": ledger_worker.Settings,
    "worker-mint": mint_worker.Settings,
    "worker-webhooks": webhook_worker.Settings,
    "migrate": migrate.Settings,
    "contracts-deploy": contracts.Settings,
}
# Where the verbs that are no process say what they want to know.
VERBS = (doctor, reconcile, chain_status, halting, mint_story, importing, events, mints, purchases, setup)
DEVELOPMENT_ALONE = {
    "api": {"clock_path", "webhook_allow_loopback", "development"},
    "worker-ledger": {"clock_path", "development"},
    "worker-webhooks": {"webhook_allow_loopback", "development"},
}
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::?(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def document() -> dict[str, Any]:
    """Return compose.yaml, its variables as they stand."""
    return msgspec.yaml.decode((ROOT / "compose.yaml").read_bytes(), type=dict[str, Any])


def services() -> dict[str, dict[str, Any]]:
    """Return the services of compose.yaml."""
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def example() -> dict[str, str]:
    """Return .env.example as Compose reads it."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value.strip('"') for name, value in pairs}


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with its `${VARIABLES}` as Compose puts them in."""

    def value(found: re.Match[str]) -> str:
        default = found["rest"] if found["kind"] == "-" else ""
        return variables.get(found["name"]) or default or ""

    return VARIABLE.sub(value, text)


def fields_set(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the fields of a settings struct that `CASHBACK_*` variables set, by value or by file."""
    names = (name.removeprefix(PREFIX).removesuffix("_FILE").lower() for name in environment)
    return frozenset(names) - OF_ALL


def misfits(environment: Mapping[str, str], struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield what a struct requires and nobody sets, and what is set and nobody reads."""
    fields = msgspec.structs.fields(struct)
    given = fields_set(environment)
    yield from (f"{field.name} is missing" for field in fields if field.required and field.name not in given)
    yield from (f"{name} is unknown" for name in sorted(given - {field.name for field in fields}))


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Give what `cashback dev` starts, not started."""
    return Stack(tmp_path, anvil=Path("/usr/bin/true"))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Give a folder with the secrets that deploy/secrets.sh makes up."""
    folder = tmp_path / "secrets"
    subprocess.run(["sh", str(ROOT / "deploy" / "secrets.sh"), str(folder)], check=True)
    return folder


def test_every_process_of_dev_is_a_service_and_the_rest_are_servers_and_jobs() -> None:
    """Names and commands are those of `PROCESSES`; what else there is, is known here."""
    commands = {name: tuple(service.get("command", ())) for name, service in services().items()}
    others = {"migrate", "contracts-deploy", "operator", "postgres", "nats", "anvil"}
    assert {name: command for name, command in commands.items() if name not in others} == PROCESSES


@pytest.mark.parametrize("name", STRUCTS)
def test_a_service_sets_what_its_process_requires_and_nothing_that_it_does_not_read(name: str) -> None:
    """Each `CASHBACK_*` variable is a field of the process's settings, and no required field is left out."""
    assert list(misfits(services()[name]["environment"], STRUCTS[name])) == []


def test_what_is_measured_runs_on_the_servers_settings() -> None:
    """The benchmarks' PostgreSQL keeps as much of its log for reuse as compose.yaml's."""
    started = services()["postgres"]["command"]
    assert [f"{name}={value}" for name, value in SETTINGS.items() if f"{name}={value}" not in started] == []


def test_a_planted_variable_and_a_planted_gap_are_seen() -> None:
    """The comparison above can fail in both ways."""
    environment = services()["api"]["environment"]
    planted = {name: value for name, value in environment.items() if name != "CASHBACK_API_DSN_FILE"}
    assert list(misfits(planted | {"CASHBACK_COLOUR": "red"}, STRUCTS["api"])) == [
        "api_dsn is missing",
        "colour is unknown",
    ]


@pytest.mark.parametrize("name", STRUCTS)
def test_a_service_starts_on_the_example_settings_and_made_up_secrets(name: str, secrets: Path) -> None:
    """With .env.example and what deploy/secrets.sh wrote, the process's own loader finds nothing missing or wrong."""
    given = services()[name]["environment"]
    environ = {key: filled(value, example()).replace(str(SECRETS), str(secrets)) for key, value in given.items()}
    settings: Any = load(STRUCTS[name], environ)
    if name.startswith("relay-"):
        assert settings.relay_service == name.removeprefix("relay-")
    if hasattr(settings, "nats_user"):
        assert settings.nats_user == name


@pytest.mark.parametrize("name", STRUCTS)
def test_what_is_secret_comes_in_a_file(name: str) -> None:
    """Neither .env nor `docker inspect` shows it; RPC URLs have a provider's key in their path."""
    given = services()[name]["environment"]
    secret = {field.name for field in msgspec.structs.fields(STRUCTS[name]) if "Secret" in repr(field.type)}
    by_value = {one for one in secret | {"rpc_urls", "ws_urls"} if f"{PREFIX}{one.upper()}" in given}
    assert by_value <= {"key_mnemonic"}, "a mnemonic is taken on development chains only, and known to everybody"


def test_no_variable_of_the_example_is_a_secret() -> None:
    """The operator's API key is one, too."""
    names = {name for name in example() if name != f"{PREFIX}KEY_MNEMONIC"}
    assert [name for name in names if re.search(r"URL|DSN|PASSWORD|PEPPER|MNEMONIC|API_KEY", name)] == []
    assert f"{PREFIX}API_KEY_FILE" in services()["operator"]["environment"]


def test_the_deployment_and_the_adapter_are_told_of_the_same_contracts() -> None:
    """What was deployed once is named to whoever deploys again."""
    adapters, deployments = (services()[name]["environment"] for name in ("adapter", "contracts-deploy"))
    for name in (f"{PREFIX}TOKEN_ADDRESS", f"{PREFIX}MINTER_ADDRESS"):
        assert deployments[name] == adapters[name] == f"${{{name}:-}}"


@pytest.mark.parametrize("name", PROCESSES)
def test_what_dev_sets_is_set_here(name: str, stack: Stack) -> None:
    """Whatever variable `cashback dev` gives to a process, its service has too; but for what is development's alone.

    There time is moved, and webhooks may go to the machine itself.
    """
    here = fields_set(services()[name]["environment"])
    assert fields_set(stack.settings(name)) - here == DEVELOPMENT_ALONE.get(name, set())


def test_the_operator_can_call_every_verb() -> None:
    """The service `operator` has what each verb that is no process requires."""
    given = fields_set(services()["operator"]["environment"])
    structs = [value for verb in VERBS for name, value in vars(verb).items() if name.endswith("Settings")]
    required = {field.name for struct in structs for field in msgspec.structs.fields(struct) if field.required}
    assert "nats_url" in required
    assert required <= given


def test_every_secret_is_declared_made_up_and_mounted_where_it_is_read(secrets: Path) -> None:
    """A `*_FILE` points at a secret of its own service; no secret is declared, made up or mounted for nothing."""
    declared = set(document()["secrets"])
    assert declared == {path.name for path in secrets.iterdir()}
    mounted: set[str] = set()
    for name, service in services().items():
        own = set(service.get("secrets", ()))
        mounted |= own
        values = [filled(str(value), example()) for value in service.get("environment", {}).values()]
        read = {Path(value).name for value in values if value.startswith(str(SECRETS))}
        assert read <= own, name
    assert mounted == declared


def test_making_up_secrets_twice_changes_none_and_closes_their_folder(secrets: Path) -> None:
    """The second run leaves every file as it was; nobody else can walk into the folder."""
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run(["sh", str(ROOT / "deploy" / "secrets.sh"), str(secrets)], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_the_example_names_every_variable_that_has_no_default() -> None:
    """What compose.yaml cannot do without stands in .env.example, and nothing that it does not read."""
    text = (ROOT / "compose.yaml").read_text()
    used = {found["name"]: found["kind"] for found in VARIABLE.finditer(text)}
    assert {name for name, kind in used.items() if kind != "-"} <= example().keys()
    assert example().keys() - {"COMPOSE_PROFILES"} <= used.keys()


@pytest.mark.parametrize("name", services())
def test_a_service_is_bounded_watched_and_has_no_rights_to_spare(name: str) -> None:
    """Each has limits, a restart policy and a health check (a job has none), a read-only root and no capability."""
    service = services()[name]
    is_job = service["restart"] == "no"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert ("test" in service["healthcheck"]) is not is_job
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name in {*STRUCTS, "operator"}:
        assert service["user"] == "10001:10001"
        assert service["init"], "what handles no signal does not end by one as the first process of its container"


def test_only_who_must_reaches_a_server() -> None:
    """The adapter is reached by the three that call it and by the operator, each with a certificate that it knows."""
    members = {name: set(service["networks"]) for name, service in services().items()}
    assert {name for name, networks in members.items() if "adapter" in networks} == {
        "adapter",
        "api",
        "operator",
        "worker-ledger",
        "worker-mint",
    }
    assert {name for name, networks in members.items() if "edge" in networks} == {"api", "operator"}
    assert {name for name, networks in members.items() if "egress" in networks} == {"worker-webhooks"}
    assert {name for name, networks in members.items() if "chain" in networks} == {
        "adapter",
        "anvil",
        "contracts-deploy",
    }


def test_who_calls_the_adapter_is_on_its_list_by_the_name_in_its_certificate(secrets: Path) -> None:
    """Every service with the adapter's address shows a certificate named after it; the operator alone is an admin."""
    settings = {name: service.get("environment", {}) for name, service in services().items()}
    callers = {name: given for name, given in settings.items() if f"{PREFIX}ADAPTER_ADDRESS" in given}
    for name, given in callers.items():
        path = given[f"{PREFIX}CLIENT_TLS_CERT"].replace(str(SECRETS), str(secrets))
        words = ["openssl", "x509", "-in", path, "-noout", "-subject", "-nameopt", "multiline"]
        subject = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        assert subject.split("=")[-1].strip() == name
    adapters = settings["adapter"]
    assert set(adapters[f"{PREFIX}ADAPTER_CLIENTS"].split(",")) == callers.keys()
    assert [adapters[f"{PREFIX}ADAPTER_{who}"] for who in ("ADMINS", "ANCHORERS")] == ["operator", "worker-ledger"]


def test_the_development_chain_is_the_one_of_dev(tmp_path: Path) -> None:
    """The same options with the same values, but for where it listens and where its files are."""
    there = EmbeddedAnvil(tmp_path, program=Path("/usr/bin/true"))._prepare().command[1:]
    pairs = " ".join(there).replace(" --", "\n--").splitlines()
    placed = ("--host", "--port", "--state=", "--cache-path")
    expected = {pair.replace(" ", "=") for pair in pairs}
    here = set(services()["anvil"]["command"])
    assert {one for one in here if not one.startswith(placed)} == {
        one for one in expected if not one.startswith(placed)
    }
