"""A disk of a few megabytes that can be filled: a tmpfs in a user namespace, which needs no rights on the machine.

keeper      holds the namespaces, in which the folder is a small disk, until its standard input ends
nsenter     starts a server among them; it alone sees the disk, its other files are where they always are
/proc/PID/root/FOLDER    is how we see it, to fill it
"""

import errno
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from cashback.processes.embedded.child import Launch
from cashback.processes.embedded.leash import MAPPED, SAME, leashed

CHUNK: Final = bytes(65_536)
GONE_WITHIN_S: Final = 10
MOUNT: Final = 'mount -t tmpfs -o size="$2" none "$1" && echo mounted && exec cat'


class SmallDisk:
    """A folder that is a disk of its own for whoever is started with `enter`."""

    def __init__(self, folder: Path, *, keeper: int) -> None:
        """Know the disk at `folder` in the namespaces of the process `keeper`."""
        self.folder = folder
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


class CrampedPostgres(EmbeddedPostgres):
    """A server whose data, its log of changes too, are on a small disk, which outlives it."""

    def __init__(self, data_dir: Path, *, disk: SmallDisk, settings: Mapping[str, str]) -> None:
        """Start nothing yet; `disk` is any folder of its own."""
        super().__init__(data_dir, durable=False, settings=settings)
        self._disk = disk

    @property
    def _cluster(self) -> Path:
        """Return where we see its data."""
        return self._disk.seen / "cluster"

    def _initialise(self) -> None:
        """Make a cluster where there is room, and put it on the small disk."""
        EmbeddedPostgres(self._data_dir, durable=False)._initialise()
        made = self._data_dir / "cluster"
        shutil.copytree(made, self._cluster)
        shutil.rmtree(made)

    def _prepare(self) -> Launch:
        """Return how to start it where the disk is seen.

        There whoever has the disk is called root, as whom PostgreSQL refuses to run.
        """
        launch = super()._prepare()
        seen, own = str(self._cluster), str(self._disk.folder / "cluster")
        command = tuple(own if part == seen else part for part in launch.command)
        return msgspec.structs.replace(
            launch,
            command=(*self._disk.enter, *leashed(command, death_signal=launch.death_signal, identity=MAPPED)),
            identity=SAME,
        )
