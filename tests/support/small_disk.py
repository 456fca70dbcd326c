"""A disk of a few megabytes that can be filled: a tmpfs in a user namespace, which needs no rights on the machine.

keeper      holds the namespaces, in which the folder is a small disk, until its standard input ends
nsenter     starts a server among them; it alone sees the disk, its other files are where they always are
/proc/PID/root/FOLDER    is how we see it, to fill it
"""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.processes.embedded import EmbeddedNats
from cashback.processes.embedded.child import Launch

CHUNK: Final = bytes(65_536)
GONE_WITHIN_S: Final = 10
MOUNT: Final = 'mount -t tmpfs -o size="$2" none "$1" && echo mounted && exec cat'


class SmallDisk:
    """A folder that is a disk of its own for whoever is started with `enter`."""

    def __init__(self, folder: Path, *, keeper: int) -> None:
        """Know the disk at `folder` in the namespaces of the process `keeper`."""
        self.enter = ("nsenter", "-t", str(keeper), "-U", "-m", "--preserve-credentials", "--")
        self.seen = Path(f"/proc/{keeper}/root{folder}")

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.seen / "filling").open("ab", buffering=0) as file:
            for size in (len(CHUNK), 4_096, 1):
                try:
                    while True:
                        file.write(CHUNK[:size])
                except OSError as cause:
                    if cause.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Leave free again what `fill` took."""
        (self.seen / "filling").unlink()


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[SmallDisk]:
    """Make `folder`, and give it as a disk of `size` ("24m"); without user namespaces the test is skipped."""
    folder.mkdir(parents=True)
    with subprocess.Popen(
        ("unshare", "-Urm", "sh", "-c", MOUNT, "sh", str(folder), size),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdin is not None
        said = keeper.stdout.readline().strip()
        try:
            if said != "mounted":
                pytest.skip(f"this machine forbids a disk in a user namespace: {said}")
            yield SmallDisk(folder, keeper=keeper.pid)
        finally:
            keeper.stdin.close()
            keeper.wait(timeout=GONE_WITHIN_S)


class CrampedNats(EmbeddedNats):
    """A broker whose streams are on a small disk, which outlives it."""

    def __init__(self, data_dir: Path, *, disk: SmallDisk) -> None:
        """Start nothing yet; `disk` is the folder `jetstream` of `data_dir`."""
        super().__init__(data_dir, durable=False)
        self._disk = disk

    def _prepare(self) -> Launch:
        """Return how to start it where the disk is seen."""
        launch = super()._prepare()
        return msgspec.structs.replace(launch, command=(*self._disk.enter, *launch.command))
