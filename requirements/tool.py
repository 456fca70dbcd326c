"""Make `build/NAME` hold exactly what requirements/NAME.txt names, for a tool that cannot share `.venv` with us.

    python -m requirements.tool slither     afterwards there is build/slither/bin/slither

Run it from the root with `.venv`'s Python. Twice in a row is safe, and the second time costs nothing.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from requirements.install import (
    HERE,
    PYTHON,
    ROOT,
    STAMP,
    VENV,
    Failed,
    one_at_a_time,
    pip_settings,
    run,
    uv_environment,
)

TOOLS = ("peer", "schemathesis", "slither")


def machine_settings() -> dict[str, str]:
    """Return what this machine tells pip; where `.venv` was filled from outside, the machine's own pip is asked."""
    base = Path(sys.base_prefix) / "bin" / "python3"
    return pip_settings([str(PYTHON), "-m", "pip"]) or pip_settings([str(base), "-m", "pip"])


def set_up(name: str) -> Path:
    """Return the tool's folder, current: made anew when its requirements or the interpreter changed.

    Raises:
        Failed: it could not be filled; what was left behind is not taken for it the next time.
    """
    folder, pinned = ROOT / "build" / name, HERE / f"{name}.txt"
    digest = hashlib.sha256(f"{sys.version} {folder}".encode() + pinned.read_bytes()).hexdigest()
    stamp = folder / STAMP.name
    if stamp.exists() and stamp.read_text() == digest:
        return folder
    uv, env = VENV / "bin" / "uv", uv_environment(machine_settings())
    python = folder / "bin" / "python"
    run(uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, folder, env=env)
    hashed = ("--require-hashes", "--requirement", pinned)
    run(uv, "pip", "install", "--quiet", "--python", python, *hashed, env=env)
    stamp.write_text(digest)
    return folder


def main() -> int:
    """Return 0 when the tool is current, 1 when it could not be made so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TOOLS)
    name = parser.parse_args().name
    with one_at_a_time():
        try:
            set_up(name)
        except Failed as failure:
            print(f"{name} was not set up: {failure}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
