"""How much memory a process holds (proc(5))."""

from pathlib import Path
from typing import Final

_BYTES_A_KIB: Final = 1_024
_KIB_A_MIB: Final = 1_024


def resident_mib(pid: int) -> float:
    """Return how much of a process is in memory; 0 when it is ending."""
    return _mib(pid, "VmRSS")


def peak_mib(pid: int) -> float:
    """Return the most that has ever been; 0 when it is ending."""
    return _mib(pid, "VmHWM")


def own_bytes(pid: int) -> int:
    """Return how many bytes in memory are a process's own, without the files it has mapped; 0 when it is ending."""
    return _kib(pid, "RssAnon") * _BYTES_A_KIB


def _mib(pid: int, field: str) -> float:
    """Return one figure of a process in MiB."""
    return _kib(pid, field) / _KIB_A_MIB


def _kib(pid: int, field: str) -> int:
    """Return one figure of a process, as the kernel tells it."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)
