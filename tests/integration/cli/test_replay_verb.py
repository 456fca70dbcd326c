"""`cashback replay` on a broker of its own: counted first, cut short with a word, and honest about an end."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cashback.cli.command import EXIT_REJECTED, EXIT_UNAVAILABLE
from cashback.events.minting import TokenMinted
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.bus import Bus, Message, event_message, publish
from cashback.kernel.ids import new_id
from cashback.processes.broker import BYTES_MIN
from cashback.processes.embedded import EmbeddedNats
from tests.integration.cli.conftest import Cashback

LARGE = 900 * 1024
TYPES = (PurchaseCreated.TYPE, TokenMinted.TYPE, TokenMinted.TYPE)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give a NATS server that this test alone uses, with three events of two types."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        asyncio.run(_publish(server.url()))
        yield server


@pytest.fixture
def settings(broker: EmbeddedNats) -> dict[str, str]:
    """Give the settings of the verb."""
    return {"CASHBACK_NATS_URL": broker.url()}


def test_replay_says_how_many_before_it_publishes_any(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """The stream is full, so nothing is published: what will be is said all the same, and how far it came."""
    asyncio.run(_fill(broker.url()))
    said = cashback("replay", settings=settings)
    assert said.code == EXIT_UNAVAILABLE
    assert "· 3 events of 2 types will be published again\n" in said.err
    assert ["token.minted", "2"] in [line.split() for line in said.out.splitlines()]
    assert "cut short: 0 of 3 events were published again; repeat the command" in said.err
    assert "were published again\n" not in said.err


def test_replay_publishes_what_it_counted_and_says_so_to_programs(settings: dict[str, str], cashback: Cashback) -> None:
    """One document with the types; a dry run before it tells the same numbers."""
    expected = {"events": 3, "types": {"purchase.created": 1, "token.minted": 2}}
    stretch = {"first_sequence": 1, "last_sequence": 3}
    assert cashback("replay", "--dry-run", "--json", settings=settings).json == expected | stretch | {"dry_run": True}
    assert cashback("replay", "--json", settings=settings).json == expected | stretch | {"dry_run": False}
    said = cashback("replay", "--type", "token.minted", settings=settings)
    assert said.err.endswith("· 2 events were published again\n")


@pytest.mark.parametrize("start", ["4", "2999-01-01T00:00:00Z"])
def test_replay_from_beyond_the_end_says_where_that_is(
    start: str, settings: dict[str, str], cashback: Cashback
) -> None:
    """A sequence that is not there yet and a time to come are no mistake, and no events."""
    said = cashback("replay", "--from", start, settings=settings)
    assert said.code == 0
    assert "nothing is stored from there on: the stream ends at sequence 3" in said.err
    assert "0 events of 0 types" in said.err


def test_a_replay_that_would_leave_new_events_no_room_is_refused_before_it_begins(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """Half of the stream is used, so that once more is all of it; a dry run says so, and a person may insist."""
    settings["CASHBACK_STREAM_BYTES_MAX"] = str(BYTES_MIN)
    cashback("streams", "apply", "--change", "--yes", settings=settings)
    stored = asyncio.run(_stuff(broker.url(), bytes_=BYTES_MIN * 9 // 20))
    refused = cashback("replay", settings=settings)
    assert refused.code == EXIT_REJECTED
    assert f"of {BYTES_MIN:,}: less than a fifth would be left for new events" in refused.err
    assert asyncio.run(_last(broker.url())) == stored
    told = cashback("replay", "--dry-run", settings=settings)
    assert (told.code, "less than a fifth would be left" in told.err) == (0, True)
    assert cashback("replay", "--type", "token.minted", settings=settings).code == 0
    assert cashback("replay", "--force", settings=settings).code == 0
    assert asyncio.run(_last(broker.url())) > 2 * stored


async def _stuff(url: str, *, bytes_: int) -> int:
    """Have the stream of events hold so much more, in large ones, and return how many there are."""
    async with Bus.connect(url, name="test") as bus:
        await bus.wait_connected()
        for _ in range(bytes_ // LARGE):
            await publish(bus, [_event(PurchaseCreated.TYPE, data=bytes(LARGE))])
    return await _last(url)


async def _last(url: str) -> int:
    """Return how many messages the stream of events has taken."""
    async with Bus.connect(url, name="test") as bus:
        await bus.wait_connected()
        return int((await bus.api("STREAM.INFO.CASHBACK"))["state"]["last_seq"])


async def _publish(url: str) -> None:
    """Store three events."""
    async with Bus.connect(url, name="test") as bus:
        await bus.wait_connected()
        await bus.apply_streams()
        await publish(bus, [_event(type_) for type_ in TYPES])


def _event(type_: str, *, data: bytes = b"{}") -> Message:
    """Return an event."""
    return event_message(
        id=new_id("evt"),
        type=type_,
        source="/test",
        key="cb_1",
        time=datetime.now(UTC),
        traceparent=None,
        partition=0,
        data=data,
    )


async def _fill(url: str) -> None:
    """Let the stream of events hold no more than it does."""
    async with Bus.connect(url, name="test") as bus:
        await bus.wait_connected()
        config = (await bus.api("STREAM.INFO.CASHBACK"))["config"]
        await bus.api("STREAM.UPDATE.CASHBACK", {**config, "max_msgs": len(TYPES)})
