"""compose.cluster.yaml over compose.yaml: three servers, every stream on all of them, and everybody comes by TLS."""

import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from cashback.kernel.config import PREFIX, load
from cashback.processes.broker import inbox_prefix
from tests.architecture.test_compose import ROOT, SECRETS, STRUCTS, document, example, filled, misfits
from tests.architecture.test_compose_broker import broker, permissions

SERVERS: Final = ("nats", "nats-2", "nats-3")
CLIENTS: Final = tuple(name for name, struct in STRUCTS.items() if hasattr(struct, "nats_url"))


def merged() -> dict[str, Any]:
    """Return both files as Compose puts them together: mappings by key, lists one after the other."""
    over = msgspec.yaml.decode((ROOT / "compose.cluster.yaml").read_bytes(), type=dict[str, Any])
    return _put_over(document(), over)


def _put_over(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping with another put over it; what is run, and what asks how it is, takes the place of the other."""
    result = dict(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(key), dict):
            result[key] = _put_over(under[key], value)
        elif isinstance(value, list) and isinstance(under.get(key), list) and key not in ("entrypoint", "test"):
            result[key] = [*under[key], *(one for one in value if one not in under[key])]
        else:
            result[key] = value
    return result


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the secrets that deploy/secrets.cluster.sh makes up."""
    folder = tmp_path_factory.mktemp("cluster") / "secrets"
    subprocess.run(["sh", str(ROOT / "deploy" / "secrets.cluster.sh"), str(folder)], check=True)
    return folder


def test_every_process_that_comes_to_the_broker_is_known_here() -> None:
    """Relays and workers, and the operator: a process that is added comes by TLS, or this fails."""
    assert len(CLIENTS) >= 4
    services = merged()["services"]
    told = {name for name, service in services.items() if f"{PREFIX}NATS_URL" in service.get("environment", {})}
    assert told == {*CLIENTS, "operator"}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_process_comes_by_tls_to_all_three_and_wants_its_streams_on_each(name: str, secrets: Path) -> None:
    """Its own loader takes the settings and the files; what is secret is mounted."""
    service = merged()["services"][name]
    assert list(misfits(service["environment"], STRUCTS[name])) == []
    given = service["environment"]
    environ = {key: filled(value, example()).replace(str(SECRETS), str(secrets)) for key, value in given.items()}
    settings: Any = load(STRUCTS[name], environ)
    assert settings.nats_url == ",".join(f"tls://{server}:4222" for server in SERVERS)
    assert settings.stream_replicas == len(SERVERS)
    assert settings.nats_tls is not None
    assert settings.nats_user == name


def test_each_shows_a_certificate_of_its_own_and_the_servers_one_that_names_them(secrets: Path) -> None:
    """Signed by the broker's authority, which is not the adapter's: a caller of the one is nobody at the other."""
    for name in (*CLIENTS, "operator"):
        file = merged()["services"][name]["environment"][f"{PREFIX}NATS_TLS_CERT"]
        assert f"CN = {name}" in _shown(secrets / Path(file).name, "-subject").replace("CN=", "CN = ")
    assert _shown(secrets / "broker_cert", "-ext", "subjectAltName").count("DNS:nats") == len(SERVERS)
    for file, is_trusted in (("broker_cert", True), ("broker_operator_cert", True), ("operator_tls_cert", False)):
        words = ["openssl", "verify", "-CAfile", str(secrets / "broker_ca"), str(secrets / file)]
        assert (subprocess.run(words, check=False, capture_output=True).returncode == 0) is is_trusted, file


def _shown(path: Path, *what: str) -> str:
    """Return what openssl tells of a certificate."""
    words = ["openssl", "x509", "-in", str(path), "-noout", *what]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_every_secret_is_declared_made_up_and_mounted_where_it_is_read(secrets: Path) -> None:
    """None is declared, made up or mounted for nothing."""
    both = merged()
    assert set(both["secrets"]) == {path.name for path in secrets.iterdir()}
    assert {name for service in both["services"].values() for name in service.get("secrets", ())} == set(
        both["secrets"]
    )
    for name, service in both["services"].items():
        values = [str(value) for value in service.get("environment", {}).values()]
        read = {Path(value).name for value in values if value.startswith(str(SECRETS))}
        assert read <= set(service.get("secrets", ())), name


def test_making_up_secrets_twice_changes_none(secrets: Path) -> None:
    """Certificates that processes have read already stay as they are."""
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    subprocess.run(["sh", str(ROOT / "deploy" / "secrets.cluster.sh"), str(secrets)], check=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_bounded_watched_and_has_no_rights_to_spare(name: str) -> None:
    """As every service of compose.yaml; it has its own name and its own disk, and is reached from nowhere outside."""
    service = merged()["services"][name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "test" in service["healthcheck"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["environment"]["NATS_SERVER_NAME"] == name
    assert service["environment"]["NATS_SERVERS"].split() == [f"{server}:6222" for server in SERVERS]
    assert [volume.split(":")[0] for volume in service["volumes"]] == [name]
    assert "ports" not in service


def test_only_the_servers_meet_on_their_network() -> None:
    """Whoever reached a route and knew the password would be told everything."""
    services = merged()["services"]
    assert {name for name, service in services.items() if "routes" in service["networks"]} == set(SERVERS)
    assert merged()["networks"]["routes"] == {"internal": True}


def test_the_servers_have_the_users_of_one_server_in_an_account_of_their_own() -> None:
    """The same users, with JetStream; who sees the servers is in another account, where there is none."""
    cluster, single = broker("nats.cluster.conf"), broker()
    assert cluster["accounts"]["CASHBACK"]["users"] == single["authorization"]["users"]
    assert cluster["accounts"]["CASHBACK"]["jetstream"] == "enabled"
    assert cluster["system_account"] == "SYS"
    assert "jetstream" not in cluster["accounts"]["SYS"]
    assert cluster["jetstream"] == single["jetstream"]
    assert cluster["tls"] == cluster["cluster"]["tls"]
    assert (cluster["tls"]["verify"], cluster["tls"]["min_version"]) == (True, "1.3")


def test_nobody_hears_what_another_is_answered() -> None:
    """Each process listens below its own name, which begins no other's."""
    heard = {
        user["user"]: permissions(user)[1] for user in broker("nats.cluster.conf")["accounts"]["CASHBACK"]["users"]
    }
    assert {name: subjects for name, subjects in heard.items() if name != "admin"} == {
        name: (f"{inbox_prefix(name)}.>",) for name in CLIENTS
    }
