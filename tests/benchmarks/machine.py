"""What a figure was measured on: hardware, versions, commit, and how much of the machine others had meanwhile."""

import os
import platform
import resource
import subprocess
from pathlib import Path
from typing import Final, Self

import msgspec

from cashback.kernel.clock import monotonic_s

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


class Usage(msgspec.Struct, frozen=True):
    """Processor time used since the machine started, by everybody and by this process and its children that ended."""

    at_s: float
    everybody_s: float
    ours_s: float

    @classmethod
    def now(cls) -> Self:
        """Return the usage up to now; only children that have ended count as ours."""
        ours = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return cls(monotonic_s(), _busy_s(), sum(one.ru_utime + one.ru_stime for one in ours))

    def others_cores(self) -> float:
        """Return how many cores others have used on average since then: the disturbance of a measurement."""
        now = Usage.now()
        others_s = (now.everybody_s - self.everybody_s) - (now.ours_s - self.ours_s)
        return round(max(0.0, others_s) / (now.at_s - self.at_s), 2)


def _busy_s() -> float:
    """Return for how long the machine's cores were busy, those that the host took away included (proc(5))."""
    user, nice, system, _, _, *rest = (
        int(part) for part in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:]
    )
    interrupts_and_stolen = rest[:3]
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


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
