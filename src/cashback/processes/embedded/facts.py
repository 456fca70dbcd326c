"""What a launcher can find out about a child, and how it waits to find it out."""

import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import takewhile
from pathlib import Path
from typing import Final

import msgspec

from cashback.kernel.clock import monotonic_s

HOST: Final = "127.0.0.1"

_POLL_S: Final = 0.005
_POLL_GROWTH: Final = 1.3
_POLL_MAX_S: Final = 0.05
"""Looks come soon at first and then seldom: six processes that start at once must not be slowed by being looked at."""

_NEVER: Final = threading.Event()
"""Is never set: waiting for it is the pause between two looks at a fact that has no event of its own."""

_ANSWER_WITHIN_S: Final = 2.0
_PROBLEMS_BYTES_MAX: Final = 65_536
_LISTEN: Final = "0A"
_STOPPED_OR_DEAD: Final = "TtZX"


class _NotReady(msgspec.Struct, frozen=True):
    """What `/readyz` answers."""

    problems: dict[str, str]


def eventually(fact: Callable[[], bool], *, within_s: float) -> bool:
    """Return True once `fact` holds, and False when it has not for `within_s` seconds; it is asked at least once."""
    deadline_s = monotonic_s() + within_s
    pause_s = _POLL_S
    while not fact():
        if monotonic_s() >= deadline_s:
            return False
        _NEVER.wait(pause_s)
        pause_s = min(pause_s * _POLL_GROWTH, _POLL_MAX_S)
    return True


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago, and may be lost to anybody: `HeldPort` may not."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def listening_ports(pid: int) -> frozenset[int]:
    """Return the IPv4 TCP ports that the process itself listens on; none when it is gone or not ours to inspect.

    That a port answers says nothing about who answers: a server left over from another run does, too (proc(5)).
    """
    try:
        sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        with Path(f"/proc/{pid}/net/tcp").open(encoding="ascii") as table:
            next(table, "")
            # Those that listen come first (the kernel's proc_net_tcp.rst): thousands that end are not even made text.
            rows = list(takewhile(lambda row: row[3] == _LISTEN, map(str.split, table)))
    except OSError:
        return frozenset()
    return frozenset(int(row[1].rpartition(":")[2], 16) for row in rows if f"socket:[{row[9]}]" in sockets)


def children(pid: int) -> tuple[int, ...]:
    """Return the process ids of what the main thread of a process started; none when it is gone (proc(5))."""
    try:
        return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split())
    except OSError:
        return ()


def stands_still(pid: int) -> bool:
    """Tell whether a process has been stopped by a signal, or is gone (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("ascii")
    except OSError:
        return True
    # Behind the name, which is in parentheses and may contain anything.
    return status.rpartition(")")[2].split()[0] in _STOPPED_OR_DEAD


def problems_at(port: int) -> Mapping[str, str] | None:
    """Return what `/readyz` at 127.0.0.1 says is wrong, by name; nothing when ready, None when it does not say."""
    connection = HTTPConnection(HOST, port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status == HTTPStatus.OK:
            return {}
        return msgspec.json.decode(answer.read(_PROBLEMS_BYTES_MAX), type=_NotReady).problems or None
    except (OSError, HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


def answers(port: int, path: str, *, body: str | None = None) -> bool:
    """Tell whether HTTP at 127.0.0.1 answers 200 to a GET of `path`, or to a POST of the JSON `body`."""
    connection = HTTPConnection(HOST, port, timeout=_ANSWER_WITHIN_S)
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own word for "yes"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
