"""A wall clock that is set while programs run, for those that were told of it when they were started.

libfaketime stands before the C library and adds what a file says to every wall clock; clocks that nobody can set are
left alone. Programs without a C library (the broker) and those that were not told keep the machine's time.
"""

import importlib.util
from pathlib import Path
from typing import Final

import msgspec

from cashback.processes.embedded import EmbeddedAnvil
from cashback.processes.embedded.child import Launch

LOOKED_AT_EVERY_S: Final = 1
"""How often a program looks at the file."""
_LIBRARY: Final = Path("vendor", "libfaketime", "src", "libfaketime.so.1")


class SetClock:
    """Whoever is started with `environment` has the machine's time and `ahead_s`."""

    def __init__(self, file: Path) -> None:
        """Have the machine's time."""
        self._file = file
        self.set(0)

    def set(self, ahead_s: int) -> None:
        """Put the clock so many seconds ahead of the machine's, or behind it, at once."""
        written = self._file.with_suffix(".written")
        written.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        written.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables by which a program comes under this clock."""
        package = importlib.util.find_spec("libfaketime")
        assert package is not None
        assert package.origin is not None
        return {
            "LD_PRELOAD": str(Path(package.origin).parent / _LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(LOOKED_AT_EVERY_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


class TrueAnvil(EmbeddedAnvil):
    """A chain that keeps the machine's time: it is nobody's of us."""

    def _prepare(self) -> Launch:
        """Return how to start it without the clock of whoever starts it."""
        launch = super()._prepare()
        return msgspec.structs.replace(launch, command=("env", "-u", "LD_PRELOAD", *launch.command))
