"""`cashback dlq` on a running system: what nobody could read is listed, shown and replayed."""

import asyncio
from typing import Any, Final

import pytest

from cashback.events.ledger import CashbackApproved
from cashback.kernel.bus import Bus, event_message, publish
from cashback.kernel.clock import SystemClock
from cashback.kernel.ids import new_id
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import Ask, Cashback, Dev, Said

WITHIN_S: Final = 60.0


def test_an_event_that_nobody_can_read_is_listed_shown_and_replayed_as_a_dead_letter(
    dev: Dev, ask: Ask, cashback: Cashback
) -> None:
    """With its reason; replayed unchanged it fails again, and is a dead letter again."""
    event_id = asyncio.run(_publish_nonsense(dev.settings["CASHBACK_NATS_URL"]))
    assert eventually(lambda: event_id in _dead(ask), within_s=WITHIN_S)
    sequence = _dead(ask)[event_id]["sequence"]
    letter = ask("dlq", "show", str(sequence))
    assert (letter["event_id"], letter["data"], letter["consumer"]) == (event_id, "nonsense", "ledger-approvals")
    shown = cashback("dlq", "show", str(sequence), settings=dev.settings)
    assert event_id in shown.out
    assert "reason" in shown.out
    assert event_id in cashback("dlq", "list", settings=dev.settings).out
    said: Said = cashback("dlq", "replay", str(sequence), settings=dev.settings)
    assert (said.code, f"published {event_id} again" in said.err) == (0, True)
    # The replayed letter is listed no more, and the one that came of it names it.
    assert eventually(lambda: event_id in _dead(ask), within_s=WITHIN_S)
    again = ask("dlq", "show", str(_dead(ask)[event_id]["sequence"]))
    assert (again["sequence"] > sequence, again["died_before"]) == (True, [sequence])
    assert ask("dlq", "replay", str(sequence)) == {"published": [event_id]}


def test_every_consumer_of_a_running_system_is_declared_and_as_declared(ask: Ask) -> None:
    """The list that `streams diff` and doctor go by knows all of them, and none that is not there."""
    assert {one["state"] for one in ask("streams", "diff")} == {"as declared"}


def test_the_outboxes_are_counted_together_where_none_is_named(ask: Ask) -> None:
    """What the three of them come to, of all types."""
    all_three = ask("replay", "--dry-run", "--from-outbox")
    each = [ask("replay", "--dry-run", "--from-outbox", name) for name in ("purchases", "ledger", "minting")]
    assert all_three["events"] >= sum(one["events"] for one in each[:1]) > 0
    assert {*all_three["types"]} >= {"purchase.created", "cashback.approved"}


@pytest.mark.parametrize("words", [("show", "-1"), ("show", "9" * 26), ("replay", "9" * 26)])
def test_a_sequence_that_none_can_be_is_a_mistake_on_the_command_line(
    words: tuple[str, ...], dev: Dev, cashback: Cashback
) -> None:
    """Exit code 2, and not the broker's own words about its types."""
    assert cashback("dlq", words[0], "--", *words[1:], settings=dev.settings).code == 2


def _dead(ask: Ask) -> dict[str, dict[str, Any]]:
    """Return the last dead letter of each event that approvals gave up; the worker of webhooks gives up the same."""
    letters = ask("dlq", "list", "--limit", "200")
    return {letter["event_id"]: letter for letter in letters if letter["consumer"] == "ledger-approvals"}


async def _publish_nonsense(nats_url: str) -> str:
    """Publish an event whose data nobody can read; return its id."""
    event_id = new_id("evt")
    message = event_message(
        id=event_id,
        type=CashbackApproved.TYPE,
        source="/cashback/test",
        key="cb_nobody",
        time=SystemClock().now(),
        traceparent=None,
        partition=0,
        data=b"nonsense",
    )
    async with Bus.connect(nats_url, name="test") as bus:
        await bus.wait_connected()
        await publish(bus, [message])
    return event_id
