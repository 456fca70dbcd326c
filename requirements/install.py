"""Make `.venv` hold exactly what the hash-pinned requirements name; `make` calls this before everything else.

    python3 -m venv ──> pip: bootstrap.txt (uv, flit_core) ──> uv: development.txt ──> this project, editable

Twice in a row is safe and the second time costs nothing: a stamp in `.venv` remembers what was installed. Two calls at
the same time in one clone take turns. Needs only Python's standard library; follows the machine's pip configuration.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
BOOTSTRAP = HERE / "bootstrap.txt"
DEVELOPMENT = HERE / "development.txt"
NO_PIP = """\
{python} can make no virtual environment: it has neither `ensurepip` nor `pip`.
Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv"""

# uv reads none of pip's configuration, so what this machine says to pip is said to uv in uv's words.
UV_WORDS = {
    "cert": ("SSL_CERT_FILE", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "no-index": ("UV_NO_INDEX", ""),
    "proxy": ("ALL_PROXY", ""),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}


class Failed(Exception):
    """Set-up cannot go on; the message says what the person at the keyboard can do."""


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run `command` to its end.

    Raises:
        Failed: it did not end well; its own output has said why.
    """
    done = subprocess.run([str(part) for part in command], env=env, check=False)
    if done.returncode != 0:
        message = f"`{shlex.join(str(part) for part in command)}` ended with {done.returncode}"
        raise Failed(message)


def wanted() -> str:
    """Return a digest of all that decides what `.venv` should hold: requirements, project, interpreter and place."""
    digest = hashlib.sha256(f"{sys.version} {sys.executable} {VENV}".encode())
    for path in (BOOTSTRAP, DEVELOPMENT, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold this clone's set-up lock; the kernel frees it when the process dies."""
    folder = os.open(HERE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make_empty_venv() -> list[str]:
    """Make `.venv` new and return the pip that fills it: its own or, without `ensurepip`, the machine's.

    Raises:
        Failed: there is no pip to be had.
    """
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False)
    if made.returncode == 0:
        pip = [str(PYTHON), "-m", "pip"]
    else:
        # Debian splits `ensurepip` off; its pip can still fill an environment from outside.
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
        pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        raise Failed(NO_PIP.format(python=sys.executable))
    return pip


def pip_settings(pip: list[str]) -> dict[str, str]:
    """Return what this machine tells pip, environment over files."""
    asked = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False)
    settings: dict[str, str] = {}
    # pip lists in the order global, install, environment when sorted by weight: later lines win.
    weight = {"global": 0, "install": 1, ":env:": 2}
    lines = [line.partition("=") for line in asked.stdout.splitlines() if "=" in line]
    named = [(*name.rpartition("."), value) for name, _, value in lines]
    for section, _, name, value in sorted(named, key=lambda line: weight.get(line[0], -1)):
        if section in weight:
            settings[name] = shlex.split(value)[0].replace("\\n", " ").strip() if value.strip("'\"") else ""
    return settings


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """Return the environment for uv: this process's own, plus pip's `settings` wherever uv's are silent."""
    env = dict(os.environ)
    for name, value in settings.items():
        word, separator = UV_WORDS.get(name, ("", ""))
        parts = [part for part in value.split() if name != "find-links" or "://" in part or Path(part).exists()]
        if word and word not in env and parts:
            env[word] = separator.join(parts) if separator else parts[0]
    # As pip does: the best version wherever it is. The hashes decide what is accepted, so no index can slip in another.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    env["VIRTUAL_ENV"] = str(VENV)
    return env


def fill(pip: list[str]) -> None:
    """Install the pinned requirements and this project into `.venv`, by uv or, where that fails, by `pip`.

    Raises:
        Failed: neither uv nor pip could.
    """
    hashed = ("--require-hashes", "--requirement", BOOTSTRAP, "--requirement", DEVELOPMENT)
    project = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
    quiet = ("install", "--quiet", "--disable-pip-version-check")
    run(*pip, *quiet, "--require-hashes", "--requirement", BOOTSTRAP)
    uv, env = VENV / "bin" / "uv", uv_environment(pip_settings(pip))
    try:
        # Compiled once, here: half a dozen processes start at once, and some machines never write bytecode.
        run(uv, "pip", "install", "--quiet", "--compile-bytecode", *hashed, env=env)
    except Failed as failure:
        print(f"{failure}; trying pip, which is slower", file=sys.stderr)
        run(*pip, *quiet, *hashed)
    run(*pip, *quiet, *project)


def set_up() -> None:
    """Make `.venv` current; nothing is done when it already is."""
    digest = wanted()
    if STAMP.exists() and STAMP.read_text() == digest and PYTHON.exists():
        STAMP.touch()  # for make, which compares times
        return
    began_s = time.monotonic()
    print(f"setting up {VENV.relative_to(ROOT)} with Python {sys.version.split()[0]} ...", flush=True)
    fill(make_empty_venv())
    STAMP.write_text(digest)
    print(f"set up in {time.monotonic() - began_s:.0f} s", flush=True)


def main() -> int:
    """Return 0 when `.venv` is current, 1 when it could not be made so."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_at_a_time():
        try:
            set_up()
        except Failed as failure:
            print(f"set-up failed: {failure}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
