"""What a figure was measured on: hardware, versions, commit, and who else was at work."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).resolve().parents[2]


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Hardware and software; `filesystem` is that of the data folders, where every fsync goes."""

    processor: str
    cores: int
    memory_gib: int
    kernel: str
    filesystem: str
    python: str
    commit: str
    is_dirty: bool


def machine(folder: Path) -> Machine:
    """Return what this run stands on; `folder` holds the servers' data."""
    return Machine(
        processor=_field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(int((_field(Path("/proc/meminfo"), "MemTotal") or "0").split()[0]) / 1024**2),
        kernel=f"{platform.system()} {platform.release()}",
        filesystem=_filesystem(folder.resolve()),
        python=platform.python_version(),
        commit=_git("rev-parse", "HEAD"),
        is_dirty=bool(_git("status", "--porcelain", "--", "src", "tests/benchmarks", "migrations", "contracts")),
    )


def load_average() -> float:
    """Return how many processes wanted to run, on average over the last minute: above the cores, we were disturbed."""
    return round(os.getloadavg()[0], 2)


def _field(file: Path, name: str) -> str | None:
    """Return the first value of a `name: value` line."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _filesystem(folder: Path) -> str:
    """Return the kind of file system that a folder lies on (proc(5))."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    over = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(over, key=lambda mount: len(mount[0]))[1] if over else "unknown"


def _git(*arguments: str) -> str:
    """Return what git says of this tree, nothing where there is none."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
