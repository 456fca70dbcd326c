"""`cashback webhook` on a running system: an endpoint is made, hears of a purchase, and is told again."""

import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from cashback.cli.command import EXIT_REJECTED
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Ask, Cashback, Dev
from tests.support.standard_webhooks import is_genuine

WITHIN_S = 30.0
WRONG_LINE = 2
"""What `click` ends with when a command line is wrong."""


class Receiver(HTTPServer):
    """A server on this machine that keeps what it gets."""

    got: list[tuple[dict[str, str], bytes]]


class Handler(BaseHTTPRequestHandler):
    """Keeps a request and answers 204."""

    def do_POST(self) -> None:  # the name that the library calls
        """Keep it."""
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the library's own names
        """Say nothing."""
        del format, args


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give it, listening."""
    with Receiver(("127.0.0.1", 0), Handler) as server:
        server.got = []
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_an_endpoint_is_made_hears_of_a_purchase_and_is_told_again(
    dev: Dev, ask: Ask, cashback: Cashback, receiver: Receiver
) -> None:
    """The secret that `webhook secret` shows verifies what comes; after a rotation another one does."""
    url = f"http://127.0.0.1:{receiver.server_port}/hooks"
    words = ("--type", "purchase.created", "--merchant", dev.merchant_id)
    endpoint = ask("webhook", "create", url, *words)
    secret = cashback("webhook", "secret", endpoint["id"], settings=dev.settings).out.strip()
    assert ask("webhook", "secret", endpoint["id"]) == {"secret": secret}
    assert endpoint["id"] in [one["id"] for one in ask("webhook", "list", "--limit", "200")]
    ask("purchase", "create", "--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "1999")
    assert eventually(lambda: len(receiver.got) == 1, within_s=WITHIN_S)
    [delivery] = ask("webhook", "deliveries", endpoint["id"])
    assert eventually(lambda: len(ask("webhook", "show", delivery["id"])["tries"]) == 1, within_s=WITHIN_S)
    assert ask("webhook", "deliveries", endpoint["id"], "--state", "failed") == []
    shown = cashback("webhook", "show", delivery["id"], settings=dev.settings)
    assert (shown.code, "204" in shown.out) == (0, True)
    ask("webhook", "rotate", endpoint["id"])
    again = ask("webhook", "replay", delivery["id"])
    assert (again["replay_of"], again["event_id"]) == (delivery["id"], delivery["event_id"])
    assert eventually(lambda: len(receiver.got) == 2, within_s=WITHIN_S)
    page = cashback("webhook", "deliveries", endpoint["id"], "--limit", "1", "--json", settings=dev.settings)
    _, _, cursor = page.err.strip().partition("--after ")
    [last] = ask("webhook", "deliveries", endpoint["id"], "--after", cursor)
    assert (last["id"], last["last_status"], delivery["id"] in page.out) == (delivery["id"], 204, True)
    new = ask("webhook", "secret", endpoint["id"])["secret"]
    (first, body), (second, same) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], same)
    signed_by = [
        [is_genuine(one, headers, body, now_s=time.time()) for one in (secret, new)] for headers in (first, second)
    ]
    assert signed_by == [[True, False], [True, True]]
    span = ("--since", endpoint["created_at"], "--until", "2100-01-01T00:00:00Z")
    counted = ask("webhook", "replay", endpoint["id"], *span, "--state", "failed", "--dry-run")
    assert counted == {"count": 0, "dry_run": True, "more": False, "next_since": None}
    lost = cashback("webhook", "replay", endpoint["id"], *span, "--type", "token.lost", settings=dev.settings)
    assert (lost.code, "event_types_invalid" in lost.err, "token.minted" in lost.err) == (EXIT_REJECTED, True, True)
    assert ask("webhook", "disable", endpoint["id"])["disabled_reason"] == "by_hand"
    refused = cashback("webhook", "replay", delivery["id"], settings=dev.settings)
    assert (refused.code, "endpoint_disabled" in refused.err) == (EXIT_REJECTED, True)
    assert ask("webhook", "enable", endpoint["id"])["state"] == "enabled"
    ask("webhook", "disable", endpoint["id"])


def test_an_endpoint_moves_and_hears_of_others(dev: Dev, ask: Ask, cashback: Cashback, receiver: Receiver) -> None:
    """What is not named stays; where nothing may be delivered it does not move to, and nothing at all is no wish."""
    # Somebody is there: what else happens in this system may be told to it, and a failure would show in the endpoint.
    here = f"http://127.0.0.1:{receiver.server_port}"
    words = ("--type", "purchase.refunded", "--merchant", dev.merchant_id)
    id_ = ask("webhook", "create", f"{here}/one", *words)["id"]
    moved = ask("webhook", "change", id_, "--url", f"{here}/two")
    assert (moved["url"], moved["types"]) == (f"{here}/two", ["purchase.refunded"])
    changed = ask("webhook", "change", id_, "--type", "token.minted", "--type", "purchase.created")
    assert (changed["url"], changed["types"]) == (moved["url"], ["token.minted", "purchase.created"])
    for more, code, told in (
        (("--url", "https://10.0.0.1/"), EXIT_REJECTED, "url_forbidden"),
        (("--type", "token.lost"), EXIT_REJECTED, "event_types_invalid"),
        ((), WRONG_LINE, "--type"),
    ):
        said = cashback("webhook", "change", id_, *more, settings=dev.settings)
        assert (said.code, told in said.err) == (code, True), said.err
    assert ask("webhook", "show", id_) == changed
    ask("webhook", "disable", id_)


def test_what_happened_is_listed_and_shown(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """By what it is about, though no endpoint hears of it; a type that there is not is refused with those that are."""
    words = ("--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "1999")
    bought = ask("purchase", "create", *words)
    of_it = ("events", "list", "--object", bought["id"])
    assert eventually(lambda: len(ask(*of_it)) == 1, within_s=WITHIN_S)
    [told] = ask(*of_it, "--merchant", dev.merchant_id, "--since", "2026-01-01T00:00:00Z")
    assert (told["type"], told["object_id"], told["merchant_id"]) == ("purchase.created", bought["id"], dev.merchant_id)
    assert told["body"]["data"]["cashback_id"] == bought["cashback"]["id"]
    assert ask("events", "show", told["id"]) == told
    assert ask(*of_it, "--type", "token.minted") == []
    shown = cashback("events", "show", told["id"], settings=dev.settings)
    assert (shown.code, bought["cashback"]["id"] in shown.out) == (0, True)
    # The approval is another one.
    assert eventually(lambda: len(ask("events", "list", "--limit", "2")) == 2, within_s=WITHIN_S)
    page = cashback("events", "list", "--limit", "1", settings=dev.settings)
    assert (page.code, "--after " in page.err) == (0, True)
    lost = cashback("events", "list", "--type", "token.lost", settings=dev.settings)
    assert (lost.code, "event_types_invalid" in lost.err, "token.minted" in lost.err) == (EXIT_REJECTED, True, True)


@pytest.mark.parametrize("words", [("whd_1", "--dry-run"), ("whe_1",), ("whe_1", "--since", "2026-01-01T00:00:00Z")])
def test_what_cannot_be_meant_is_a_mistake_on_the_command_line(
    words: tuple[str, ...], dev: Dev, cashback: Cashback
) -> None:
    """A span of one delivery, an endpoint without a span: exit code 2, and nobody is asked."""
    assert cashback("webhook", "replay", *words, settings=dev.settings).code == 2


def test_the_secrets_of_a_dev_are_sealed_under_another_key_and_back(dev: Dev, ask: Ask, cashback: Cashback) -> None:
    """As the runbook has it tried: the settings have the key, and in the end everything is as before."""
    endpoint = ask("webhook", "create", "http://127.0.0.1:9/hooks", "--type", "purchase.created")
    before, other = ask("webhook", "secret", endpoint["id"]), b64encode(b"o" * 32).decode()
    own = dev.settings["CASHBACK_WEBHOOK_KEY"]
    try:
        there = {"CASHBACK_WEBHOOK_KEY": other, "CASHBACK_WEBHOOK_KEY_BEFORE": own}
        said = cashback("webhook", "reseal", settings=dev.settings, **there)
        assert (said.code, "not under the newest key  0" in said.out) == (0, True), said
        assert cashback("webhook", "secret", endpoint["id"], settings=dev.settings).code == EXIT_REJECTED
    finally:
        back = cashback("webhook", "reseal", settings=dev.settings, CASHBACK_WEBHOOK_KEY_BEFORE=other)
    assert back.code == 0, back
    assert ask("webhook", "secret", endpoint["id"]) == before
    ask("webhook", "disable", endpoint["id"])


def test_an_endpoint_that_is_not_there_is_said_to_be_none(dev: Dev, cashback: Cashback) -> None:
    """With the API's own code; a URL that nothing may be delivered to, too."""
    said = cashback("webhook", "show", "whe_01k9z3v6q8e2r9xw5t4c7m1n0p", settings=dev.settings)
    assert (said.code, "endpoint_unknown" in said.err) == (EXIT_REJECTED, True)
    inside = ("webhook", "create", "https://10.0.0.1/", "--type", "token.minted")
    said = cashback(*inside, settings=dev.settings)
    assert (said.code, "url_forbidden" in said.err) == (EXIT_REJECTED, True)
