"""`cashback webhook deliveries`: what the last try of each came to, when the next one is, and the page behind."""

from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec
import pytest

from cashback.cli import command
from cashback.client import Call
from cashback.processes.client import Client

T = TypeVar("T")
AT: Final = "2026-11-27T10:00:00Z"
LATER: Final = "2026-11-27T10:05:00Z"
TRY: Final = {
    "attempt": 1,
    "at": AT,
    "address": "203.0.113.7",
    "status": 500,
    "error": None,
    "took_ms": 12,
    "answer": "",
}


def delivery(state: str, **changes: object) -> dict[str, Any]:
    """Return a delivery as the API tells it."""
    return {
        "id": "whd_1",
        "endpoint_id": "whe_1",
        "event_id": "evt_1",
        "type": "token.minted",
        "occurred_at": AT,
        "replay_of": None,
        "state": state,
        "attempts": 1,
        "due_at": None,
        "ended_at": None,
        "last_try_at": AT,
        "last_status": None,
        "last_error": None,
        **changes,
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what the API is asked for, which answers with a page of three and says that there are more."""
    paths: list[str] = []
    items = [
        delivery("due", last_status=500, due_at=LATER),
        delivery("claimed", last_error="timeout", due_at=LATER),
        delivery("delivered", last_status=204, ended_at=AT),
    ]

    def send(_: Client, call: Call[T]) -> T:
        """Note what is asked for, and answer."""
        paths.append(f"{call.path}?{urlencode(call.query)}")
        return msgspec.convert({"items": items, "next_cursor": "d2hkXzE"}, call.answer)

    monkeypatch.setenv("CASHBACK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CASHBACK_API_KEY", "key")
    monkeypatch.setattr(Client, "send", send)
    return paths


def test_the_log_tells_what_the_last_try_came_to_and_when_the_next_one_is(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A status, or the word for why there was none; no next one of what is being tried, or has ended."""
    assert command.run(["webhook", "deliveries", "whe_1"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "whd_1" in line]
    assert [row[3:6] for row in rows] == [["due", "1", "500"], ["claimed", "1", "timeout"], ["delivered", "1", "204"]]
    assert ["10:05:00" in row for row in rows] == [True, False, False]
    assert asked == ["/v1/webhooks/endpoints/whe_1/deliveries?limit=50"]


def test_the_log_goes_on_behind_the_page_that_told_how(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the results, so that a program has the cursor and a person can copy it."""
    assert command.run(["webhook", "deliveries", "whe_1", "--json"]) == 0
    _, _, cursor = capsys.readouterr().err.strip().partition("--after ")
    assert command.run(["webhook", "deliveries", "whe_1", "--state", "failed", "--after", cursor]) == 0
    assert asked[1:] == ["/v1/webhooks/endpoints/whe_1/deliveries?state=failed&limit=50&cursor=d2hkXzE"]


@pytest.mark.parametrize("tries", [{}, {"tries": [TRY]}])
def test_a_replay_is_told_with_its_tries_and_one_answered_of_old_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tries: dict[str, Any]
) -> None:
    """An answer that was kept before deliveries told their tries has none, and is shown all the same."""

    def send(_: Client, call: Call[T]) -> T:
        """Answer as the API does, or did."""
        return msgspec.convert({**delivery("due", due_at=LATER, replay_of="whd_0"), **tries}, call.answer)

    monkeypatch.setenv("CASHBACK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CASHBACK_API_KEY", "key")
    monkeypatch.setattr(Client, "send", send)
    assert command.run(["webhook", "replay", "whd_0"]) == 0
    told = capsys.readouterr().out
    assert "whd_1" in told
    assert ("203.0.113.7" in told) is bool(tries)
