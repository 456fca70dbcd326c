"""A second server that follows a first one, and takes its place when told to."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from cashback.processes.embedded import HOST, EmbeddedPostgres
from cashback.processes.embedded.facts import free_port
from cashback.processes.embedded.postgres import SUPERUSER, postgres_program
from tests.support.stack import IMPATIENT, WholeSystem

COPIED_WITHIN_S: Final = 60
PROMOTED_WITHIN_S: Final = 30
LEDGER: Final = "cashback"
"""The database that is lost with the primary."""


@contextmanager
def standby_of(primary: EmbeddedPostgres, folder: Path, *, data_dir: Path, port: int) -> Iterator[EmbeddedPostgres]:
    """Give a running copy of `primary`, whose data lie in `data_dir`, that follows it by streaming replication.

    It may be read from, and has the same superuser. `folder` is where its own data will be.
    """
    folder.mkdir()
    shutil.copy2(data_dir / "password", folder / "password")
    cluster = folder / "cluster"
    copied = subprocess.run(
        (
            *(str(postgres_program("pg_basebackup")), "-D", str(cluster), "-d", primary.dsn()),
            *("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"),
        ),
        capture_output=True,
        text=True,
        timeout=COPIED_WITHIN_S,
        check=False,
    )
    assert copied.returncode == 0, copied.stderr
    # It is served by whoever serves the other.
    owner = (data_dir / "cluster").stat()
    for path in (cluster, *cluster.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    with EmbeddedPostgres(folder, port=port, durable=False) as server:
        yield server


def promote(standby: EmbeddedPostgres) -> None:
    """Make a server that followed another a primary, which takes what is written."""
    with psycopg.connect(standby.dsn(), autocommit=True) as connection:
        done = connection.execute("select pg_promote(true, %s)", (PROMOTED_WITHIN_S,)).fetchone()
    assert done == (True,)


def wait_for_standby(primary: EmbeddedPostgres) -> None:
    """Have every commit of `primary` wait until the one server that follows it has it, too."""
    with psycopg.connect(primary.dsn(), autocommit=True) as connection:
        connection.execute("alter system set synchronous_standby_names = '*'")
        connection.execute("select pg_reload_conf()")


def cut_off(standby: EmbeddedPostgres) -> None:
    """Have a standby follow nobody any more: what is committed from now on it never hears of."""
    with psycopg.connect(standby.dsn(), autocommit=True) as connection:
        connection.execute("alter system set primary_conninfo = ''")
        connection.execute("select pg_reload_conf()")


class Followed(EmbeddedPostgres):
    """A primary whose ledger is reached by the addresses of two servers, the standby's first; all else is its own."""

    def __init__(self, data_dir: Path) -> None:
        """Start nothing yet; nobody need be at the standby's address."""
        super().__init__(data_dir, durable=False)
        self.standby_port = free_port()

    def dsn(self, database: str = SUPERUSER, *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the URI of `database` for `user`, that of the ledger naming both servers."""
        dsn = super().dsn(database, user=user, password=password)
        if database != LEDGER:
            return dsn
        both = f"{HOST}:{self.standby_port},{HOST}:{self.port}"
        return dsn.replace(f"{HOST}:{self.port}", both) + "?target_session_attrs=read-write"


class FollowedSystem(WholeSystem):
    """A system whose ledger has a standby that no commit waits for, and can lose its primary.

    Minting and the adapter keep their databases: they stand for those of servers of their own.
    """

    def __init__(self, folder: Path, *, anvil: Path) -> None:
        """Start nothing yet."""
        super().__init__(folder, anvil=anvil, changes=IMPATIENT)
        self.primary = Followed(folder / "postgres")
        self.postgres = self.primary

    @contextmanager
    def standby(self) -> Iterator[EmbeddedPostgres]:
        """Give a standby that follows the running primary."""
        data_dir, port = self.folder / "postgres", self.primary.standby_port
        with standby_of(self.primary, self.folder / "standby", data_dir=data_dir, port=port) as standby:
            yield standby

    def lose_primary(self) -> None:
        """Have the primary let nobody to the ledger any more, as one that is dead does."""
        with psycopg.connect(self.primary.dsn(), autocommit=True) as connection:
            connection.execute(f"alter database {LEDGER} with allow_connections false".encode())
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (LEDGER,))
