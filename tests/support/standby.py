"""A second server that follows a first one, and takes its place when told to."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from cashback.processes.embedded import EmbeddedPostgres
from cashback.processes.embedded.postgres import postgres_program

COPIED_WITHIN_S: Final = 60
PROMOTED_WITHIN_S: Final = 30


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
