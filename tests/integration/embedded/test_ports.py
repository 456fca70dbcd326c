"""Held ports: nobody else is given one, while the child that it is held for binds it again and again."""

import errno
import socket

import pytest

from cashback.processes.embedded import HOST, HeldPort
from cashback.processes.stack import PROCESSES, Ports


def is_taken(port: int) -> bool:
    """Tell whether somebody without SO_REUSEADDR is refused the port, as `bind` with port 0 passes over it."""
    with socket.socket() as other:
        try:
            other.bind((HOST, port))
        except OSError as refusal:
            return refusal.errno == errno.EADDRINUSE
        return False


def test_a_held_port_is_nobodys_until_it_is_let_go() -> None:
    """However long its child takes to bind it."""
    port = HeldPort()
    assert is_taken(port.number)
    port.let_go()
    port.let_go()
    assert not is_taken(port.number)


def test_a_held_port_is_let_go_with_whoever_holds_it() -> None:
    """So that nothing has to be closed by a stack that never started."""
    port = HeldPort()
    number = port.number
    del port
    assert not is_taken(number)


def test_a_child_listens_at_a_held_port_as_often_as_it_starts() -> None:
    """While it does not, a caller is refused, as when there is no process."""
    port = HeldPort()
    for _ in range(2):
        with socket.create_server((HOST, port.number)), socket.create_connection((HOST, port.number)):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port.number))


def test_every_port_of_a_stack_is_held() -> None:
    """Of each process; they are chosen seconds before it binds them."""
    ports = Ports.free()
    numbers = {ports.api, ports.adapter, *ports.probes.values()}
    assert len(numbers) == 2 + len(PROCESSES)
    assert all(is_taken(number) for number in numbers)
