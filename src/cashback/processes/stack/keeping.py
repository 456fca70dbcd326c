"""The data folder of a stack: one stack at a time, and secrets that outlive it.

A secret is made up once, in a file that only its owner may read, and found again.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from cashback.kernel.config import Secret
from cashback.kernel.errors import Busy, Invalid
from cashback.kernel.ids import new_secret


class FolderInUse(Busy):
    """Another stack runs in this folder."""

    code = "folder_in_use"


class FolderUnusable(Invalid):
    """The folder cannot be made, written to, or holds what no stack has put there."""

    code = "folder_unusable"


_FOLDERS: Final = ("anvil", "logs", "nats", "postgres", "secrets")
"""What a stack makes in its folder."""


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """Have the folder, which is made when it is missing, to oneself until the block or this process ends.

    The lock (flock) lies on the file `lock` in it and goes with its holder, however that dies; the file stays.

    Raises:
        FolderInUse: somebody else has it.
        FolderUnusable: it is none, none that this user may write to, or one of other files; nothing is changed in it.
    """
    with _opened(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            lock.seek(0)
            other = f"another `cashback dev`, process {lock.read().strip()},"
            raise FolderInUse(f"{other} uses {folder}; stop it or name another --folder") from cause
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _opened(folder: Path) -> IO[str]:
    """Return the lock's file, open."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if in_the_way := [name for name in _FOLDERS if (folder / name).exists() and not (folder / name).is_dir()]:
            raise FolderUnusable(
                f"{folder} holds a file named {in_the_way[0]}, where a folder has to be; name another --folder"
            )
        # Whoever had the folder before left the lock, which is the first file that a stack makes in it.
        if any(folder.iterdir()) and not (folder / "lock").is_file():
            raise FolderUnusable(
                f"{folder} holds files that no `cashback dev` has put there; name an empty or a new --folder"
            )
        return (folder / "lock").open("a+", encoding="ascii")
    except OSError as cause:
        why = cause.strerror or str(cause)
        raise FolderUnusable(f"{folder} cannot be used: {why} ({cause.filename}); name another --folder") from cause


class Kept:
    """The secrets of one data folder: whoever got a key or a password in one session has it in the next."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made with the first of them and closed to everybody else."""
        self._folder = folder

    def secret(self, name: str) -> Secret:
        """Return the secret of that name, made up if there is none yet."""
        found = self.found(name)
        if found is None:
            found = Secret(new_secret())
            self.keep(name, found)
        return found

    def found(self, name: str) -> Secret | None:
        """Return the secret of that name, None when there is none yet."""
        try:
            return Secret((self._folder / name).read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def keep(self, name: str, secret: Secret) -> None:
        """Keep a secret instead of the one that had its name, whole or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = self._folder / f".{name}"
        written.unlink(missing_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secret.value)
        written.replace(self._folder / name)
