"""Whether a process was stopped by a signal (proc(5))."""

from pathlib import Path


def stands_still(pid: int) -> bool:
    """Tell whether a process is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
