"""Our own commands as children: their settings are theirs alone, and `/readyz` says when they are ready.

The program started here stands in for `cashback`: it comes first on the path of the child and answers as one does.
"""

import json
from pathlib import Path
from typing import Final

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


STANDS_AFTER_S: Final = 0.3
WITHIN_S: Final = 3.0
"""Ten times as long: who waits for a person would be up by then."""


@pytest.fixture
def stands_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what a process waits for stand sooner than in production, where others start beside it."""
    monkeypatch.setattr("cashback.processes.embedded.process.STANDS_AFTER_S", STANDS_AFTER_S)


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


_NOT_READY = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(os.environ["CASHBACK_ANSWER"].encode())

HTTPServer(("127.0.0.1", int(os.environ["CASHBACK_PORT"])), Answers).serve_forever()
"""


def a_process_that_says(answer: str, *, tmp_path: Path, settings: dict[str, str], within_s: float) -> CashbackProcess:
    """Return a process that is not ready, with what it answers, and is waited for so long."""
    (tmp_path / "path" / "cashback" / "__main__.py").write_text(_NOT_READY)
    port = free_port()
    own = settings | {"CASHBACK_PORT": str(port), "CASHBACK_ANSWER": answer}
    return CashbackProcess(
        "api", log=tmp_path / "api.log", port=port, settings=own, for_a_person=frozenset({"minting"}), within_s=within_s
    )


@pytest.mark.usefixtures("stands_soon")
def test_a_process_that_waits_for_a_person_is_up_and_tells_for_what(tmp_path: Path, settings: dict[str, str]) -> None:
    """Only the checks that are named: whoever lifts a halt needs the process that is halted."""
    said = {"minting": "minting is halted by hand"}
    answer = json.dumps({"status": "not ready", "problems": said})
    with a_process_that_says(answer, tmp_path=tmp_path, settings=settings, within_s=60) as process:
        assert process.problems == said


@pytest.mark.usefixtures("stands_soon")
@pytest.mark.parametrize(
    "answer", ['{"problems":{"minting":"halted","database":"it did not answer"}}', '{"problems":{}}', "no JSON"]
)
def test_a_process_that_waits_for_anything_else_is_not_up(
    tmp_path: Path, settings: dict[str, str], answer: str
) -> None:
    """A database that is missing passes; an answer that says nothing is none."""
    process = a_process_that_says(answer, tmp_path=tmp_path, settings=settings, within_s=WITHIN_S)
    with pytest.raises(ChildFailed, match="was not ready within"):
        process.start()
