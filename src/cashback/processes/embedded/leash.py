"""The exec shim that ties a command's life to its launcher's, then becomes that command.

    python -I -S leash.py LAUNCHER_PID DEATH_SIGNAL IDENTITY COMMAND...

It runs in the child, before the command and alone in its process, because `preexec_fn` is unsafe beside threads.
It imports the standard library only: nothing of the environment has to be readable for it but itself.

IDENTITY says as whom the command runs:

    same      as the launcher
    mapped    as the launcher to the outside, as `nobody` in its own eyes (a user namespace): PostgreSQL refuses root
    UID:GID   as that user, for a launcher that is root where namespaces are forbidden; it keeps the one capability of
              walking through closed folders, so that neither a private home nor a private data folder must be opened
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

SAME: Final = "same"
MAPPED: Final = "mapped"

EXIT_LAUNCHER_GONE: Final = 75
EXIT_NOT_EXECUTABLE: Final = 127

_NOBODY: Final = 65_534
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_KEEPCAPS: Final = 8
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_CLONE_NEWUSER: Final = 0x1000_0000
_CAPABILITY_VERSION_3: Final = 0x2008_0522
_CAP_DAC_OVERRIDE: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)


def leashed(command: tuple[str, ...], *, death_signal: signal.Signals, identity: str = SAME) -> list[str]:
    """Return `command` as the argument list that runs it under the leash of the present process.

    `death_signal` reaches the command when the *thread* that started it ends, so start it from one that stays.
    """
    shim = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*shim, str(os.getpid()), str(int(death_signal)), identity, *command]


def main(launcher: int, death_signal: int, identity: str, command: list[str]) -> None:
    """Become `command`; returns only by raising.

    Raises:
        SystemExit: 75 when the launcher is gone already, 127 when the command cannot be run as that identity.
    """
    try:
        _assume(identity)
        # After the identity, for a change of credentials clears it; before the look at the parent, or it may be missed.
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != launcher:
            raise SystemExit(EXIT_LAUNCHER_GONE)
        _forget_signals()
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is this shim's whole purpose
    except OSError as cause:
        sys.stderr.write(f"cannot run {command[0]} as {identity}: {cause}\n")
        raise SystemExit(EXIT_NOT_EXECUTABLE) from cause


def _forget_signals() -> None:
    """Undo what is inherited: a launcher in the background ignores SIGINT, and a thread may block any signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _assume(identity: str) -> None:
    """Take on `identity` (see the module)."""
    if identity == MAPPED:
        _map_to_nobody()
    elif identity != SAME:
        uid, gid = identity.split(":")
        _become(int(uid), int(gid))


def _map_to_nobody() -> None:
    """Enter a user namespace in which the present user is called nobody (user_namespaces(7))."""
    uid, gid = os.geteuid(), os.getegid()
    _checked(_libc.unshare(_CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{_NOBODY} {gid} 1", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{_NOBODY} {uid} 1", encoding="ascii")


def _become(uid: int, gid: int) -> None:
    """Give up root for good, but for the ambient capability to pass closed folders (capabilities(7))."""
    _checked(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    only = 1 << _CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)  # effective, permitted, inheritable; then the high halves
    # A container may have taken the capability away; then the folders must be open, and the command says if not.
    if _libc.capset(header, sets) == 0:
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _checked(result: int, call: str) -> None:
    """Raise the `OSError` of a system call that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
