"""Embedded PostgreSQL: real roles, restarts that keep everything, and no user of the machine it needs to be."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest

from cashback.processes.embedded import ChildFailed, EmbeddedPostgres, eventually, listening_ports
from tests.support.servers import Databases


def written(dsn: str) -> int:
    """Return how many notes were committed."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from notes").fetchone()
    assert row is not None
    return int(row[0])


def write(dsn: str) -> None:
    """Commit one note."""
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists notes (note text)")
        connection.execute("insert into notes values ('kept')")


def test_a_restart_keeps_the_port_and_what_was_committed(tmp_path: Path) -> None:
    """What holds a DSN may go on with it, whether the server was stopped or killed."""
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        dsn = server.dsn()
        write(dsn)
        server.restart()
        assert written(dsn) == 1
        server.kill()
        assert not server.is_running
        server.start()
        assert written(dsn) == 1


def test_another_server_on_the_same_folder_finds_what_the_first_wrote(tmp_path: Path) -> None:
    """`cashback dev` goes on tomorrow with the data and the password of today."""
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        write(server.dsn())
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert written(server.dsn()) == 1


def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    """Least privilege is worth nothing while 127.0.0.1 is trusted."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn(password="guessed"))


def test_the_password_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    """Other users of the machine reach the port, too."""
    with EmbeddedPostgres(tmp_path, durable=False):
        assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_a_role_of_our_own_has_a_dsn_of_its_own(postgres: EmbeddedPostgres, database: str) -> None:
    """Characters that mean something in a URI are taken as they are."""
    with psycopg.connect(database) as connection:
        connection.execute("create role \"a/role@home\" login password 'p:w/d?'")
        name = connection.info.dbname
    with psycopg.connect(postgres.dsn(name, user="a/role@home", password="p:w/d?")) as connection:
        assert connection.info.user == "a/role@home"
    with psycopg.connect(database) as connection:
        connection.execute('drop role "a/role@home"')


def test_it_listens_on_nothing_but_its_port_of_localhost(postgres: EmbeddedPostgres) -> None:
    """No socket in a shared folder, no other address."""
    assert listening_ports(postgres.pid) == {postgres.port}


def test_its_bargains_are_asked_for_by_name(tmp_path: Path) -> None:
    """A benchmark measures a server that syncs unless it says otherwise."""
    server = EmbeddedPostgres(tmp_path, max_connections=17, settings={"work_mem": "7MB"})
    with server, psycopg.connect(server.dsn()) as connection:
        rows = connection.execute(
            "select name, setting from pg_settings where name in ('fsync', 'max_connections', 'work_mem')"
        ).fetchall()
    assert dict(rows) == {"fsync": "on", "max_connections": "17", "work_mem": "7168"}


def test_a_port_that_is_taken_is_said(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """An operator who asked for a port gets that port or the reason."""
    with pytest.raises(ChildFailed, match="Address already in use"):
        EmbeddedPostgres(tmp_path, port=postgres.port, durable=False).start()


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """What is there is neither overwritten nor half used."""
    (tmp_path / "cluster").mkdir(mode=0o700)
    with pytest.raises(ChildFailed, match="could not access the server configuration file"):
        EmbeddedPostgres(tmp_path, durable=False).start()


async def test_it_may_be_restarted_from_an_event_loop(tmp_path: Path) -> None:
    """Its calls block, so they go to a thread; what they start stays when that thread ends."""
    server = EmbeddedPostgres(tmp_path, durable=False)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.restart)
    await asyncio.to_thread(write, server.dsn())
    await asyncio.to_thread(server.stop)
    assert not server.is_running


def test_a_template_is_prepared_once_and_copied_each_time(databases: Databases) -> None:
    """Migrations run once a session, however many tests want a migrated database."""
    seen: list[str] = []

    def prepare(dsn: str) -> None:
        seen.append(dsn)
        write(dsn)

    assert databases.template("noted", prepare) == databases.template("noted", prepare) == "noted"
    with databases.fresh("noted") as one, databases.fresh("noted") as other:
        write(one)
        assert (written(one), written(other), len(seen)) == (2, 1, 1)


def test_the_whole_server_goes_with_its_postmaster(tmp_path: Path) -> None:
    """A client of a killed server is told at once, and no backend works on."""
    with EmbeddedPostgres(tmp_path, durable=False) as server, psycopg.connect(server.dsn()) as connection:
        backend = Path(f"/proc/{connection.info.backend_pid}/cmdline")
        server.kill()
        assert eventually(lambda: not backend.exists() or not backend.read_bytes(), within_s=10)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_a_paused_server_answers_nobody_until_it_is_resumed(tmp_path: Path) -> None:
    """Neither those who are connected nor newcomers; and what was asked meanwhile is answered afterwards."""
    with EmbeddedPostgres(tmp_path, durable=False) as server, psycopg.connect(server.dsn()) as connection:
        server.pause()
        connection.pgconn.send_query(b"select 1")
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(server.dsn(), connect_timeout=2)
        connection.pgconn.consume_input()
        assert connection.pgconn.is_busy()
        server.resume()
        answer, end = connection.pgconn.get_result(), connection.pgconn.get_result()
    assert answer is not None
    assert answer.get_value(0, 0) == b"1"
    assert end is None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_paused_server_can_be_ended(tmp_path: Path, end: str) -> None:
    """Its backends go with it, and the next one serves the same folder."""
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        write(server.dsn())
        server.pause()
        getattr(server, end)()
        assert not server.is_running
        server.start()
        assert written(server.dsn()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only a launcher that is root has to change the user")
def test_launched_by_root_it_runs_as_nobody_in_its_own_eyes(tmp_path: Path) -> None:
    """PostgreSQL refuses root, and root's folder stays root's."""
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert (tmp_path / "cluster").stat().st_uid == 0
        assert Path(f"/proc/{server.pid}/uid_map").read_text().split()[0] == "65534"
