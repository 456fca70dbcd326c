"""The room in the streams: what is declared lasts for the rate that this is built for, and how full it is is shown."""

import math
from datetime import UTC, datetime
from typing import Final

import pytest

from cashback.events import Body, to_event
from cashback.events.ledger import CashbackApproved, TokenMintRequested
from cashback.events.minting import TokenMinted
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.bus import EVENTS, Bus, Stream, publish
from cashback.kernel.bus.declare import fills
from cashback.kernel.bus.errors import ReplayTooLarge
from cashback.kernel.bus.replay import expect_room
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.processes.broker import BYTES_MIN
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import drainer, some
from tests.integration.backbone.test_metrics import shown
from tests.integration.backbone.world import event, eventually, running, to_message

MEAN_PER_S: Final = 32
"""Purchases (DESIGN section 10), each of them granted and minted."""

ALERT_SHARE: Final = 0.7
TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HASH: Final = "0x" + "ab" * 32
PURCHASES: Final = 50


async def test_the_mean_rate_fits_into_the_stream_for_as_long_as_it_is_kept(bus: Bus) -> None:
    """By the broker's own count of a minted purchase's four events, with less than what the alert is about."""
    for _ in range(PURCHASES):
        await publish(bus, [to_message(to_event(one, time=_now(), traceparent=TRACEPARENT)) for one in _minted()])
    [found, _] = await fills(bus)
    of_one = found.bytes / PURCHASES
    assert 2_500 < of_one < 3_200
    assert of_one * MEAN_PER_S * EVENTS.age_max_s < ALERT_SHARE * EVENTS.bytes_max


async def test_a_relay_shows_how_full_each_stream_is(shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the broker holds it now, on a link that holds all the while; a stream without a limit is never full."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.STREAMS_EVERY_S", 0.05)
    name = {"stream": EVENTS.name}

    async def is_shown(held: int, room: float) -> bool:
        """Tell whether the gauges say so."""
        return (shown("cashback_bus_stream_bytes", **name), shown("cashback_bus_stream_bytes_max", **name)) == (
            held,
            room,
        )

    async with running(drainer(shop, bus).run):
        await eventually(lambda: is_shown(0, EVENTS.bytes_max))
        await publish(bus, [to_message(one) for one in some(10)])
        answer = await bus.api(f"STREAM.INFO.{EVENTS.name}")
        assert answer["state"]["bytes"] > 0
        await eventually(lambda: is_shown(answer["state"]["bytes"], EVENTS.bytes_max))
        await bus.api(f"STREAM.UPDATE.{EVENTS.name}", answer["config"] | {"max_bytes": -1})
        await eventually(lambda: is_shown(answer["state"]["bytes"], math.inf))


async def test_a_stream_is_made_as_large_and_for_as_long_as_the_settings_say(broker: EmbeddedNats) -> None:
    """By whichever process comes first."""
    small = Stream(name="CASHBACK", subjects=EVENTS.subjects, bytes_max=BYTES_MIN, age_max_s=7_200)
    async with Bus.connect(broker.url(), name="small", streams=(small,)) as bus:
        await bus.wait_connected()
        await bus.apply_streams()
        config = (await bus.api("STREAM.INFO.CASHBACK"))["config"]
        assert (config["max_bytes"], config["max_age"]) == (BYTES_MIN, 7_200 * 10**9)
        await publish(bus, [to_message(event(data=b'"' + b"x" * 60_000 + b'"')) for _ in range(20)])
        [fill] = await fills(bus)
        assert fill.percent == 100 * fill.bytes // BYTES_MIN > 0


async def test_a_replay_leaves_a_fifth_of_the_room(bus: Bus) -> None:
    """To the byte; where the broker was wiped, what is declared counts."""
    await publish(bus, [to_message(one) for one in some(10)])
    [found, _] = await fills(bus)
    left = found.bytes_max * 4 // 5 - found.bytes
    await expect_room(bus, left)
    with pytest.raises(ReplayTooLarge, match=f"holds {found.bytes:,} of {found.bytes_max:,}"):
        await expect_room(bus, left + 1)
    await bus.api(f"STREAM.DELETE.{EVENTS.name}")
    await expect_room(bus, left + found.bytes)
    with pytest.raises(ReplayTooLarge):
        await expect_room(bus, left + found.bytes + 1)


def _now() -> datetime:
    """Return the instant, in microseconds as purchases have it."""
    return datetime.now(UTC)


def _minted() -> tuple[Body, ...]:
    """Return the events of a purchase that was granted and minted, with ids and numbers as long as they are in use."""
    purchase, user, cashback = new_id("pur"), new_id("usr"), new_id("cb")
    return (
        PurchaseCreated(
            purchase_id=purchase,
            merchant_id=new_id("mer"),
            user_id=user,
            amount_minor="199900",
            currency="USD",
            occurred_at=_now(),
            cashback_id=cashback,
            reference="order-20261128-1042",
        ),
        CashbackApproved(
            cashback_id=cashback,
            purchase_id=purchase,
            user_id=user,
            amount_minor="9900",
            currency="USD",
            token_units="99000000",
        ),
        TokenMintRequested(
            mint_number="1234567890", cashback_id=cashback, recipient="0x" + "c7" * 20, token_units="99000000"
        ),
        TokenMinted(
            mint_number="1234567890",
            cashback_id=cashback,
            token_units="99000000",
            transaction_hash=HASH,
            block_number="12345678",
            block_hash=HASH,
        ),
    )
