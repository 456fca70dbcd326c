"""`cashback` as somebody starts it in a terminal: followed by what it says, signalled, and looked for afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cashback.kernel.config import PREFIX
from cashback.processes.embedded import eventually

WITHIN_S: Final = 90.0


class Launched:
    """A running command with a temporary folder of its own, by which everything that it started is known."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        """Follow a process that writes into `home`."""
        self.process = process
        self.home = home

    @property
    def said(self) -> str:
        """Return what it has told a person so far."""
        return (self.home / "stderr").read_text(encoding="utf-8")

    @property
    def printed(self) -> str:
        """Return its results so far."""
        return (self.home / "stdout").read_text(encoding="utf-8")

    @property
    def scratch(self) -> Path:
        """Return the folder in which it makes its temporary ones."""
        return self.home / "tmp"

    def await_said(self, text: str, *, within_s: float = WITHIN_S) -> None:
        """Return as soon as it has said this; fail when it ends before, or is too late."""
        eventually(lambda: text in self.said or self.process.poll() is not None, within_s=within_s)
        assert text in self.said, self.said

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self, *, within_s: float = WITHIN_S) -> int:
        """Return its exit code once it has ended."""
        return self.process.wait(within_s)

    def survivors(self) -> list[str]:
        """Return the command lines of all processes that carry its temporary folder in environment, words or place."""
        return list(self._family().values())

    def pids_of(self, program: str) -> list[int]:
        """Return the processes that run a program."""
        return [pid for pid, line in self._family().items() if Path(line.split(maxsplit=1)[0]).name == program]

    def _family(self) -> dict[int, str]:
        """Return the command line of each process that belongs to it."""
        return {pid: line for pid in _pids() if (line := _trace(pid, str(self.home)))}

    def await_gone(self) -> None:
        """Return when nothing that it started lives any more."""
        assert eventually(lambda: not self.survivors(), within_s=WITHIN_S), self.survivors()


@contextmanager
def launched(
    home: Path, *arguments: str, settings: Mapping[str, str] = MappingProxyType({}), cwd: Path | None = None
) -> Iterator[Launched]:
    """Give `cashback ARGUMENTS` running with these settings and no others; it is killed when the block ends."""
    (home / "tmp").mkdir(parents=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    anvil = {"CASHBACK_ANVIL": os.environ["CASHBACK_ANVIL"]} if "CASHBACK_ANVIL" in os.environ else {}
    with (
        (home / "stdout").open("wb") as stdout,
        (home / "stderr").open("wb") as stderr,
        subprocess.Popen(
            # Whoever runs the tests in the background has Ctrl-C ignored, and a child would ignore it as well.
            ("env", "--default-signal=INT", sys.executable, "-m", "cashback", *arguments),
            env={**inherited, **anvil, "TMPDIR": str(home / "tmp"), **settings},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            cwd=cwd,
        ) as process,
    ):
        try:
            yield Launched(process, home)
        finally:
            process.kill()


def _pids() -> list[int]:
    """Return every process there is."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _trace(pid: int, mark: str) -> str | None:
    """Return a process's command line when the mark is in its environment, its words or its working folder."""
    place = Path(f"/proc/{pid}")
    try:
        words = (place / "cmdline").read_bytes()
        known = words + (place / "environ").read_bytes() + os.fsencode((place / "cwd").readlink())
    except OSError:  # gone, or not ours to see
        return None
    return words.replace(b"\0", b" ").decode(errors="replace") if mark.encode() in known else None
