"""`cashback streams` on a broker of its own: what differs is told, what is missing is made, and a person changes it."""

import asyncio
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_INTERRUPTED
from cashback.kernel.bus import Bus
from cashback.kernel.bus.message import new_token
from cashback.processes.broker import BYTES_MIN
from cashback.processes.durables import DURABLES
from cashback.processes.embedded import EmbeddedNats, free_port
from tests.integration.cli.conftest import Cashback

NAMES: Final = ["CASHBACK", "CASHBACK_DLQ", *(one.name for one in DURABLES)]
WEEK_NS: Final = 7 * 86_400 * 10**9


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give a NATS server that this test alone uses."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        yield server


@pytest.fixture
def settings(broker: EmbeddedNats) -> dict[str, str]:
    """Give the settings of the verbs."""
    return {"CASHBACK_NATS_URL": broker.url()}


def api(broker: EmbeddedNats, verb: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Ask JetStream's management API."""

    async def run() -> dict[str, Any]:
        """Connect and ask."""
        async with Bus.connect(broker.url(), name="test") as bus:
            await bus.wait_connected()
            return await bus.api(verb, body)

    return asyncio.run(run())


def plant(broker: EmbeddedNats, **changes: object) -> dict[str, Any]:
    """Change the stream of events as somebody might by hand; return what it was and is."""
    config: dict[str, Any] = api(broker, "STREAM.INFO.CASHBACK")["config"]
    return dict(api(broker, "STREAM.UPDATE.CASHBACK", {**config, **changes})["config"])


def test_streams_apply_creates_what_is_missing(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """Both streams and every durable consumer; a second time there is nothing to do, and diff exits with 0."""
    before = cashback("streams", "diff", "--json", settings=settings)
    assert before.code == EXIT_DIFFERENCE
    states = [(one["name"], one["state"]) for one in msgspec.convert(before.json, list[dict[str, Any]])]
    assert states == [(name, "missing") for name in NAMES]
    made = cashback("streams", "apply", settings=settings)
    assert (made.code, [f"created {name}" in made.err for name in NAMES]) == (0, [True] * len(NAMES))
    assert cashback("streams", "apply", settings=settings).err == ""
    after = cashback("streams", "diff", settings=settings)
    assert (after.code, after.out.count("as declared")) == (0, len(NAMES))
    assert api(broker, "STREAM.INFO.CASHBACK")["config"]["max_msg_size"] == 1024**2


def test_streams_diff_tells_what_differs_and_changes_nothing(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """Found beside declared, as a person reads them; apply without --change leaves it too."""
    cashback("streams", "apply", settings=settings)
    planted = plant(broker, max_age=3_600 * 10**9, max_msgs=10)
    for verb in ("diff", "apply"):
        told = cashback("streams", verb, settings=settings)
        assert told.code == EXIT_DIFFERENCE
        assert ["CASHBACK", "max_age", "1", "h", "7", "d"] in [line.split() for line in told.out.splitlines()]
        assert ["CASHBACK", "max_msgs", "10", "no", "limit"] in [line.split() for line in told.out.splitlines()]
    assert api(broker, "STREAM.INFO.CASHBACK")["config"] == planted


def test_streams_apply_change_changes_what_a_person_saw(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once they said so; what nobody declares stays as it is."""
    cashback("streams", "apply", settings=settings)
    plant(broker, max_age=3_600 * 10**9, description="by hand")
    api(broker, "CONSUMER.CREATE.CASHBACK.ledger-outcomes", _consumer(broker, max_ack_pending=7))
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody answers
    assert cashback("streams", "apply", "--change", settings=settings).code == EXIT_INTERRUPTED
    assert api(broker, "STREAM.INFO.CASHBACK")["config"]["max_age"] == 3_600 * 10**9
    assert cashback("streams", "apply", "--change", "--yes", settings=settings).code == 0
    config = api(broker, "STREAM.INFO.CASHBACK")["config"]
    assert (config["max_age"], config["description"]) == (WEEK_NS, "by hand")
    assert api(broker, "CONSUMER.INFO.CASHBACK.ledger-outcomes")["config"]["max_ack_pending"] > 7
    assert cashback("streams", "diff", settings=settings).code == 0


def test_what_nats_never_changes_is_told_and_holds_up_nothing_else(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """A stream in memory stays one, says the broker; its age is changed all the same."""
    api(broker, "STREAM.CREATE.CASHBACK", {"name": "CASHBACK", "subjects": ["cashback.v1.>"], "storage": "memory"})
    told = cashback("streams", "apply", "--change", "--yes", settings=settings)
    assert told.code == EXIT_DIFFERENCE
    assert "not changed: CASHBACK storage: stream configuration update can not change storage type" in told.err
    config = api(broker, "STREAM.INFO.CASHBACK")["config"]
    assert (config["storage"], config["max_age"], config["deny_purge"]) == ("memory", WEEK_NS, True)


def test_a_consumer_of_others_is_named_and_left_alone(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """Purchases are published for others too; their consumers are no difference."""
    cashback("streams", "apply", settings=settings)
    body = {"stream_name": "CASHBACK", "config": {"durable_name": "partner", "ack_policy": "explicit"}}
    api(broker, "CONSUMER.CREATE.CASHBACK.partner", body)
    told = cashback("streams", "diff", settings=settings)
    assert told.code == 0
    assert ["consumer", "partner", "of", "others"] in [line.split() for line in told.out.splitlines()]


def test_doctor_names_a_consumer_that_differs(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """And one that is missing; nothing but the broker is there, which is told of the rest."""
    settings |= _nobody()
    cashback("streams", "apply", settings=settings)
    api(broker, "CONSUMER.CREATE.CASHBACK.ledger-outcomes", _consumer(broker, max_ack_pending=7))
    api(broker, "CONSUMER.DELETE.CASHBACK.minting-requests")
    state, detail = _of_broker(cashback, settings)
    assert state == "WRONG"
    assert "minting-requests is missing; ledger-outcomes: max_ack_pending is 7, declared" in detail


def test_sizes_and_ages_are_settings_and_a_person_changes_the_streams_to_them(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """Other settings are a difference, told as a person reads it, and applied when one says so."""
    cashback("streams", "apply", settings=settings)
    settings |= {"CASHBACK_STREAM_BYTES_MAX": str(96 * 2**20), "CASHBACK_DEAD_LETTERS_AGE_MAX_S": "86400"}
    told = cashback("streams", "diff", settings=settings)
    assert told.code == EXIT_DIFFERENCE
    assert ["CASHBACK", "max_bytes", "80", "GiB", "96", "MiB"] in [line.split() for line in told.out.splitlines()]
    assert ["CASHBACK_DLQ", "max_age", "30", "d", "1", "d"] in [line.split() for line in told.out.splitlines()]
    assert cashback("streams", "apply", "--change", "--yes", settings=settings).code == 0
    assert api(broker, "STREAM.INFO.CASHBACK")["config"]["max_bytes"] == 96 * 2**20
    assert api(broker, "STREAM.INFO.CASHBACK_DLQ")["config"]["max_age"] == 86_400 * 10**9


@pytest.mark.deep
def test_doctor_says_when_a_stream_is_soon_full(
    broker: EmbeddedNats, settings: dict[str, str], cashback: Cashback
) -> None:
    """From 90 % on it is wrong; below, the share stands beside the name."""
    settings |= _nobody() | {"CASHBACK_STREAM_BYTES_MAX": str(BYTES_MIN)}
    cashback("streams", "apply", settings=settings)
    fill(broker, bytes_=BYTES_MIN // 2)
    state, detail = _of_broker(cashback, settings)
    assert (state, detail.partition(",")[0]) == ("ok", "CASHBACK (50 % full)")
    fill(broker, bytes_=BYTES_MIN * 9 // 20)
    assert _of_broker(cashback, settings) == (
        "WRONG",
        "CASHBACK is full to 95 %, and refuses events when it is full; see the runbook `broker_down`",
    )


def fill(broker: EmbeddedNats, *, bytes_: int) -> None:
    """Have the stream of events hold so much more, and a little."""
    data = bytes(2**19)

    async def run() -> None:
        """Publish large messages, which nobody reads."""
        async with Bus.connect(broker.url(), name="test") as bus:
            await bus.wait_connected()
            for number in range(-(-bytes_ // len(data))):
                await bus.ask("cashback.v1.filler.0", data, headers=f"Nats-Msg-Id: {new_token()}.{number}\r\n".encode())

    asyncio.run(run())


def _nobody() -> dict[str, str]:
    """Return settings that name places where nobody is, for all but the broker."""
    nobody = f"127.0.0.1:{free_port()}"
    dsns = {f"CASHBACK_{name}_AUDIT_DSN": f"postgresql://nobody@{nobody}/x" for name in ("LEDGER", "MINTING", "CHAIN")}
    return dsns | {"CASHBACK_ADAPTER_ADDRESS": nobody}


def _of_broker(cashback: Cashback, settings: dict[str, str]) -> tuple[str, str]:
    """Return what doctor says of the broker."""
    rows = msgspec.convert(cashback("doctor", "--json", settings=settings).json, list[dict[str, str]])
    return next((row["state"], row["detail"]) for row in rows if row["what"] == "broker")


def _consumer(broker: EmbeddedNats, **changes: object) -> dict[str, object]:
    """Return the request that changes the consumer of outcomes."""
    config = api(broker, "CONSUMER.INFO.CASHBACK.ledger-outcomes")["config"]
    return {"stream_name": "CASHBACK", "config": {**config, **changes}}
