"""Secrets that outlive a stack: made up once, one file each that only its owner may read, and found again."""

import os
from pathlib import Path

from cashback.kernel.config import Secret
from cashback.kernel.ids import new_secret


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
