"""What is left of a failed test: the last words of each process that wrote a log meanwhile."""

from pathlib import Path
from typing import Final

LOGS: Final = "**/*.log"
MOST_LOGS: Final = 12
TICK_S: Final = 0.01
"""How far a file's time may be behind the clock: some systems take it from their last tick."""
LAST_BYTES: Final = 6_000
"""Of each log; with MOST_LOGS some 70 kB a failure, and what came before it is rarely why."""


def logs_since(instant: float, folder: Path) -> str:
    """Return the ends of the logs below `folder` that were written after a Unix time, each under its path."""
    written = {path: path.stat().st_mtime for path in folder.glob(LOGS) if path.is_file()}
    recent = sorted((path for path in written if written[path] >= instant - TICK_S), key=lambda path: -written[path])
    return "".join(f"--- {path.relative_to(folder)}\n{end_of(path)}\n" for path in recent[:MOST_LOGS])


def end_of(path: Path) -> str:
    """Return the last LAST_BYTES of a log, whole lines where it was cut."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - LAST_BYTES))
        cut, text = log.tell() > 0, log.read().decode(errors="replace")
    return text.partition("\n")[2] if cut else text
