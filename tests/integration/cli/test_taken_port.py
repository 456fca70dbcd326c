"""A process whose port somebody else has: one sentence with a code, not where in the program that was noticed."""

import socket
from base64 import b64encode
from pathlib import Path
from typing import Final

import pytest

from cashback.cli.command import EXIT_UNAVAILABLE
from cashback.processes.embedded import free_port
from tests.integration.cli.launch import launched

NOWHERE: Final = {
    "CASHBACK_API_DSN": "postgresql://nobody@127.0.0.1:1/nothing",
    "CASHBACK_API_KEY_PEPPER": "pepper",
    "CASHBACK_WEBHOOK_KEY": b64encode(b"k" * 32).decode(),
    "CASHBACK_ADAPTER_ADDRESS": "127.0.0.1:1",
    "CASHBACK_RELAY_SERVICE": "minting",
    "CASHBACK_RELAY_DSN": "postgresql://nobody@127.0.0.1:1/nothing",
    "CASHBACK_NATS_URL": "nats://127.0.0.1:1",
}
"""Enough to start: databases and brokers that are away are waited for."""


@pytest.mark.parametrize("verb, setting", [("relay", "PROBE"), ("api", "PROBE"), ("api", "API")])
def test_a_taken_port_is_told_with_the_setting_that_names_it(verb: str, setting: str, tmp_path: Path) -> None:
    """Exit code 5: once whoever has it is gone, the same start works."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"CASHBACK_PROBE_PORT": str(free_port()), f"CASHBACK_{setting}_PORT": str(port)}
        with launched(tmp_path, verb, settings=NOWHERE | ports) as process:
            assert process.ended() == EXIT_UNAVAILABLE
    assert process.said.splitlines()[-1] == (
        f"cashback: cannot_listen: cannot listen at 127.0.0.1, port {port}: Address already in use; choose another with"
        f" CASHBACK_{setting}_PORT or CASHBACK_{setting}_HOST, or end whoever has it"
    )
    assert "Traceback" not in process.said
