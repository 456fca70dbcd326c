"""What is installed is pinned by hash, and no file says where from: that is the machine's business."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tidy import ROOT

FILES = ("bootstrap", "development", "peer", "runtime", "schemathesis", "slither")
PINNED = re.compile(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+")
# Written in two halves, so that this file does not name them either.
HOSTS = [
    "".join(halves)
    for halves in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("yarnpkg", ".com"),
        ("anaconda", ".org"),
    )
]


def requirements(text: str) -> list[str]:
    """Return a requirements file's requirements, each on one line with its hashes."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def unpinned(text: str) -> list[str]:
    """Return the lines that are not `name==version` with at least one SHA-256; an index or link line is one too."""
    return [line for line in requirements(text) if not PINNED.fullmatch(line)]


def pins(name: str) -> dict[str, str]:
    """Return package and version as one requirements file pins them."""
    lines = requirements((ROOT / "requirements" / f"{name}.txt").read_text())
    found = [Requirement(line.partition(" --hash")[0]) for line in lines]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in found}


def project_requirements(*extras: str) -> list[Requirement]:
    """Return what pyproject.toml asks for, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    return [Requirement(line) for line in asked]


def hosts_named(text: str) -> Iterator[str]:
    """Yield each package host that the text names."""
    yield from (host for host in HOSTS if host in text)


def committed_files() -> list[Path]:
    """Return the files that are or would be committed; in an unpacked archive, which has no history, all of it."""
    git = ("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    made = {".venv", "build", "dist", "node_modules", "__pycache__"}
    walked = (path for path in ROOT.rglob("*") if not made & set(path.relative_to(ROOT).parts))
    return [path for path in walked if path.is_file()]


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """A version alone is a promise of the index; a hash is a fact."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert requirements(text)
    assert unpinned(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "rich",
        "rich>=15.0.0 \\\n    --hash=sha256:" + "0" * 64,
        "rich==15.0.0",
        "rich==15.0.0 \\\n    --hash=md5:" + "0" * 32,
        "--index-url somewhere",
        "--find-links somewhere",
        "-e .",
        "rich @ file:///tmp/rich.whl",
    ],
)
def test_a_planted_requirement_without_pin_or_hash_is_seen(line: str) -> None:
    """Anything but an exact version with SHA-256 hashes turns the check red."""
    assert unpinned(line + "\n")


def test_the_pins_satisfy_the_project() -> None:
    """pyproject.toml says what would do, the pins say what is used: one within the other, extras included."""
    development, runtime = pins("development"), pins("runtime")
    for asked in project_requirements("dev", "kms", "test"):
        assert development[canonicalize_name(asked.name)] in asked.specifier, asked
    for asked in project_requirements("kms"):
        assert runtime[canonicalize_name(asked.name)] in asked.specifier, asked


@pytest.mark.parametrize("name", ["bootstrap", "peer", "slither"])
def test_the_pins_satisfy_what_a_file_of_its_own_asks_for(name: str) -> None:
    """requirements/NAME.in says what would do, NAME.txt what is used."""
    asked = [Requirement(line) for line in requirements((ROOT / "requirements" / f"{name}.in").read_text())]
    assert asked
    for one in asked:
        assert pins(name)[canonicalize_name(one.name)] in one.specifier, one


def test_production_runs_what_was_tested() -> None:
    """Every package of the production image has the version that the tests ran with."""
    assert pins("runtime").items() <= pins("development").items()


def test_the_peer_has_our_server_our_driver_and_our_mapper() -> None:
    """What is measured is how it is written, not that something below it is older: one version of what both use."""
    ours, theirs = pins("development"), pins("peer")
    shared = ours.keys() & theirs.keys()
    assert {"httptools", "psycopg", "pydantic", "sqlalchemy", "uvicorn", "uvloop"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}


def test_no_file_names_a_package_host() -> None:
    """Where packages come from is the machine's configuration; no committed file names a host."""
    named = {
        path.relative_to(ROOT).as_posix(): hosts
        for path in committed_files()
        if (hosts := list(hosts_named(path.read_bytes().decode(errors="replace"))))
    }
    assert named == {}


@pytest.mark.parametrize("host", HOSTS)
def test_a_planted_package_host_is_seen(host: str) -> None:
    """Naming a host in any file turns the check red."""
    assert list(hosts_named(f"--index-url https://{host}/simple")) == [host]


def test_the_walk_over_committed_files_finds_them() -> None:
    """The host check looks at real files: it sees this one, and nothing that was installed."""
    files = committed_files()
    assert Path(__file__).resolve() in files
    assert not [path for path in files if ".venv" in path.parts]
