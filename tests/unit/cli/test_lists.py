"""What the verbs that list ask the API for, and how they go on."""

import shlex
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
import pytest

from cashback.cli import command
from cashback.client import Call
from cashback.processes.client import Client

T = TypeVar("T")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what the API is asked for; its page is empty, and not the last one."""
    paths: list[str] = []

    def send(_: Client, call: Call[T]) -> T:
        """Note what is asked for, and answer."""
        paths.append(f"{call.path}?{urlencode(call.query)}")
        return msgspec.convert({"items": [], "next_cursor": "cHVyXzE"}, call.answer)

    monkeypatch.setenv("CASHBACK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CASHBACK_API_KEY", "key")
    monkeypatch.setattr(Client, "send", send)
    return paths


@pytest.mark.parametrize(
    "line,path",
    [
        ("purchase list", "/v1/purchases?limit=50&order=desc"),
        (
            "purchase list --merchant mer_1 --reference 'order 1' --currency EUR --order asc --limit 5",
            "/v1/purchases?limit=5&merchant_id=mer_1&reference=order+1&currency=EUR&order=asc",
        ),
        (
            "purchase list --user usr_1 --received-from 2026-03-01T00:00:00+02:00",
            "/v1/purchases?limit=50&user_id=usr_1&received_from=2026-03-01T00%3A00%3A00%2B02%3A00&order=desc",
        ),
        (
            "refund list --purchase pur_1 --kind chargeback",
            "/v1/refunds?limit=50&purchase_id=pur_1&kind=chargeback&order=desc",
        ),
        ("user list --wallet 0x1 --blocked", "/v1/users?limit=50&wallet=0x1&order=desc&is_blocked=true"),
        ("user list --not-blocked", "/v1/users?limit=50&order=desc&is_blocked=false"),
        ("merchant list --name corner", "/v1/merchants?limit=50&name=corner&order=desc"),
        ("merchant list --inactive", "/v1/merchants?limit=50&order=desc&is_active=false"),
    ],
)
def test_what_is_not_said_is_not_asked_for(asked: list[str], line: str, path: str) -> None:
    """And what is said is asked for under the API's own name of it."""
    assert command.run(shlex.split(line)) == 0
    assert {*asked[0].partition("?")[2].split("&")} == {*path.partition("?")[2].split("&")}
    assert asked[0].partition("?")[0] == path.partition("?")[0]


def test_a_list_goes_on_behind_a_page_though_nothing_was_on_it(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A page may be empty and not the last one; its cursor is told beside the results."""
    assert command.run(["purchase", "list", "--currency", "JPY"]) == 0
    _, _, cursor = capsys.readouterr().err.strip().partition("--after ")
    assert command.run(["purchase", "list", "--currency", "JPY", "--after", cursor]) == 0
    assert "cursor=cHVyXzE" in asked[1].split("&")
