"""Our own commands as children: their settings are theirs alone, and `/readyz` says when they are ready.

The program started here stands in for `cashback`: it comes first on the path of the child and answers as one does.
"""

import json
from pathlib import Path

import httpx
import pytest

from cashback.processes.embedded import CashbackProcess, ChildFailed, free_port

_STAND_IN = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if sys.argv[1:] != ["api"]:
    sys.exit(f"no such command: {sys.argv[1:]}")

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({k: v for k, v in os.environ.items() if k.startswith("CASHBACK_")}).encode())

HTTPServer(("127.0.0.1", int(os.environ["CASHBACK_PORT"])), Answers).serve_forever()
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Give settings under which `python -m cashback` is the stand-in."""
    package = tmp_path / "path" / "cashback"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_STAND_IN)
    return {"PYTHONPATH": str(package.parent)}


def test_a_process_has_its_own_settings_and_none_of_the_launchers(
    tmp_path: Path, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's exported variable must not decide what the tests test."""
    monkeypatch.setenv("CASHBACK_LEAKED", "yes")
    port = free_port()
    own = {"CASHBACK_PORT": str(port), "CASHBACK_DSN": "its own"}
    with CashbackProcess("api", log=tmp_path / "api.log", port=port, settings=settings | own) as api:
        assert json.loads(httpx.get(f"{api.url}/anything").content) == own


def test_a_process_survives_a_pause_and_comes_back_from_a_kill(tmp_path: Path, settings: dict[str, str]) -> None:
    """The faults of the chaos tests: frozen beyond a lease, and ended without a word."""
    port = free_port()
    api = CashbackProcess(
        "api", log=tmp_path / "api.log", port=port, settings=settings | {"CASHBACK_PORT": str(port)}
    ).start()
    api.pause()
    with pytest.raises(httpx.TimeoutException):
        httpx.get(f"{api.url}/readyz", timeout=0.5)
    api.resume()
    assert httpx.get(f"{api.url}/readyz").is_success
    api.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api.url}/readyz")
    api.restart()
    assert httpx.get(f"{api.url}/readyz").is_success
    api.stop()


def test_a_process_that_refuses_to_start_says_why(tmp_path: Path, settings: dict[str, str]) -> None:
    """Its own words, wrong settings included, reach whoever started it."""
    process = CashbackProcess("no-such-verb", log=tmp_path / "log", port=free_port(), settings=settings)
    with pytest.raises(ChildFailed, match=r"cashback no-such-verb ended with 1 .*\n.*no such command"):
        process.start()
