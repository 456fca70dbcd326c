"""What each user of the broker may do: everything forbidden is tried, and everything needed is done."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats
import pytest

from cashback.kernel.bus import Bus, Consumer, StreamMissing
from cashback.kernel.bus.streams import DEAD_LETTERS, EVENTS
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.outbox.drain import Drainer
from cashback.processes.broker import BrokerSettings, broker_of
from cashback.processes.embedded import ADMIN, HOST, EmbeddedNats, NatsUser
from cashback.processes.stack.rights import DURABLES, broker_rights
from tests.integration.backbone.loops import Script
from tests.integration.backbone.world import (
    SCHEMA,
    TYPE,
    WITHIN_S,
    applied,
    count_stored,
    event,
    eventually,
    happened,
    rows,
    running,
    stored,
)

PASSWORD: Final = "pass-word"
LAST: Final = "the.end"
RELAYS: Final = {"relay-cashback", "relay-minting"}
WORKERS: Final = {"worker-ledger", "worker-mint", "worker-webhooks"}
ALL: Final = RELAYS | WORKERS
PUBLISHED: Final = {
    "purchase.created": {"relay-cashback"},
    "token.mint.requested": {"relay-cashback"},
    "token.minted": {"relay-minting"},
    "token.mint.failed": {"relay-minting"},
    TYPE: set[str](),
}
"""Types, and whose relay may publish them: nobody speaks for another."""
OWNERS: Final = {
    "ledger-approvals": "worker-ledger",
    "ledger-outcomes": "worker-ledger",
    "minting-requests": "worker-mint",
    "webhooks-deliveries": "worker-webhooks",
    "somebodys": None,
}
STREAM_VERBS: Final = {
    "INFO": (ALL, ALL),
    "CREATE": (RELAYS, ALL),
    "MSG.GET": (WORKERS, set()),
    **{
        verb: (set[str](), set[str]())
        for verb in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN", "PEER.REMOVE")
    },
}
"""What is asked of a stream, and who may: of the events, and of the dead letters."""
WHOLE: Final = ("STREAM.NAMES", "STREAM.LIST", "META.LEADER.STEPDOWN", "SERVER.REMOVE", "DIRECT.GET.CASHBACK")


def spoken() -> Iterator[tuple[str, set[str]]]:
    """Yield subjects that somebody could speak on, and who may; written by hand, not from the rights."""
    yield from ((f"cashback.v1.{type_}.0", who) for type_, who in PUBLISHED.items())
    yield "cashback.v1.token.minted", set()
    yield "$JS.API.INFO", ALL
    for verb, (events, letters) in STREAM_VERBS.items():
        yield f"$JS.API.STREAM.{verb}.CASHBACK", events
        yield f"$JS.API.STREAM.{verb}.CASHBACK_DLQ", letters
        yield f"$JS.API.STREAM.{verb}.OTHER", set()
    for name, owner in OWNERS.items():
        own = {owner} if owner else set[str]()
        yield f"cashback.dlq.v1.{name}.token.minted.0", own
        yield f"$JS.ACK.CASHBACK.{name}.1.1.1.1.0", own
        yield f"$JS.ACK.CASHBACK_DLQ.{name}.1.1.1.1.0", set()
        for verb in ("CREATE", "INFO", "MSG.NEXT"):
            yield f"$JS.API.CONSUMER.{verb}.CASHBACK.{name}", own
            yield f"$JS.API.CONSUMER.{verb}.CASHBACK_DLQ.{name}", set()
        for verb in ("DELETE", "PAUSE", "UNPIN", "DURABLE.CREATE", "LEADER.STEPDOWN"):
            yield f"$JS.API.CONSUMER.{verb}.CASHBACK.{name}", set()
        yield f"$JS.API.CONSUMER.CREATE.CASHBACK.{name}.cashback.v1.>", set()
    for stream in ("CASHBACK", "CASHBACK_DLQ"):
        yield from ((f"$JS.API.CONSUMER.{verb}.{stream}", set()) for verb in ("NAMES", "LIST"))
    yield from ((f"$JS.API.{verb}", set()) for verb in WHOLE)
    yield "cashback.dlq.v1._verdict.discarded.1", set()
    yield from ((subject, set()) for subject in ("_INBOX.x", "_INBOX.admin.x", "$SYS.REQ.SERVER.PING", "$KV.x.y", "x"))
    yield from ((f"_INBOX.{user}.x", {user}) for user in ALL)


def heard() -> Iterator[tuple[str, set[str]]]:
    """Yield subjects that somebody could listen on, and who may."""
    yield from ((subject, set()) for subject in (">", "_INBOX.>", "_INBOX.*.*", "_INBOX.admin.>", "$JS.>", "$SYS.>"))
    yield from ((subject, set()) for subject in ("cashback.>", "cashback.v1.>", "cashback.dlq.v1.>"))
    yield from ((f"_INBOX.{user}.>", {user}) for user in ALL)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    """Give a broker with the users of the plan."""
    with EmbeddedNats(tmp_path_factory.mktemp("rights"), users=users(), durable=False) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give such a broker to one test alone, without streams."""
    with EmbeddedNats(tmp_path / "rights", users=users(), durable=False) as server:
        yield server


def users() -> tuple[NatsUser, ...]:
    """Return the users of the plan, with one password."""
    return tuple(
        NatsUser(name=name, password=PASSWORD, publish=rights.publish, subscribe=rights.subscribe)
        for name, rights in broker_rights().items()
    )


@asynccontextmanager
async def as_user(server: EmbeddedNats, name: str) -> AsyncIterator[Bus]:
    """Yield the bus of a process, connected the way that processes come."""
    settings = BrokerSettings(nats_url=f"nats://{HOST}:{server.port}", nats_user=name, nats_password=Secret(PASSWORD))
    async with broker_of(settings, name) as bus:
        assert await bus.wait_connected(at_most_s=10)
        yield bus


@asynccontextmanager
async def with_streams(server: EmbeddedNats) -> AsyncIterator[Bus]:
    """Yield the administrator's bus, of a broker that has its streams."""
    async with Bus.connect(server.url(ADMIN), name="admin") as bus:
        await bus.wait_connected()
        await bus.apply_streams()
        yield bus


async def refused(server: EmbeddedNats, user: str, *, speak: Sequence[str] = (), hear: Sequence[str] = ()) -> set[str]:
    """Return which of the subjects the broker refuses to a user."""
    said: asyncio.Queue[Exception] = asyncio.Queue()
    line = await nats.connect(server.url(user), error_cb=said.put, allow_reconnect=False)
    for subject in speak:
        await line.publish(subject)
    for subject in hear:
        await line.subscribe(subject)
    # Nobody may say it, and the broker refuses in the order of what it was sent.
    await line.publish(LAST)
    told = ""
    async with asyncio.timeout(WITHIN_S):
        while f'"{LAST}"' not in told:
            told += str(await said.get()).lower()  # as the library repeats it
    await line.close()
    return {subject for subject in (*speak, *hear) if f'"{subject.lower()}"' in told}


@pytest.mark.parametrize("user", sorted(ALL))
async def test_a_user_may_do_what_its_process_does_and_nothing_else(guarded: EmbeddedNats, user: str) -> None:
    """Every subject of JetStream's interface, of our streams and of others' answers is tried, allowed or not."""
    subjects, listened = dict(spoken()), dict(heard())
    found = await refused(guarded, user, speak=list(subjects), hear=list(listened))
    assert found == {subject for subject, who in (subjects | listened).items() if user not in who}


def test_every_user_is_tried_with_all_of_its_durables() -> None:
    """Whoever is added to the plan is added here, too: a right that nobody tries is none that is known."""
    assert broker_rights().keys() == ALL
    assert {name: owner for owner, names in DURABLES.items() for name in names} == {
        name: owner for name, owner in OWNERS.items() if owner
    }


async def test_no_user_has_a_stream_changed_or_a_message_removed(server: EmbeddedNats) -> None:
    """Asked as the administrator would ask, none of it happens: the stream and what it holds stay as they were."""
    async with with_streams(server) as admin:
        before = (await admin.api(f"STREAM.INFO.{EVENTS.name}"))["config"]
        requests = {
            f"$JS.API.STREAM.UPDATE.{EVENTS.name}": b'{"name": "CASHBACK", "subjects": ["elsewhere"]}',
            f"$JS.API.STREAM.MSG.DELETE.{EVENTS.name}": b'{"seq": 1}',
            f"$JS.API.STREAM.PURGE.{EVENTS.name}": b"",
            f"$JS.API.STREAM.DELETE.{EVENTS.name}": b"",
        }
        line = await nats.connect(server.url("relay-minting"), error_cb=_unheard, allow_reconnect=False)
        await line.publish("cashback.v1.token.minted.0", b"{}")
        await line.flush()
        for user in sorted(ALL):
            other = await nats.connect(server.url(user), error_cb=_unheard, allow_reconnect=False)
            for subject, body in requests.items():
                await other.publish(subject, body)
            await other.flush()
            await other.close()
        await line.close()
        after = await admin.api(f"STREAM.INFO.{EVENTS.name}")
    assert after["config"] == before
    assert (after["state"]["messages"], after["state"].get("num_deleted", 0)) == (1, 0)


async def _unheard(cause: Exception) -> None:
    """Drop what the broker says: what became of it is looked at instead."""
    del cause


async def test_with_its_rights_a_relay_makes_the_streams_and_publishes(server: EmbeddedNats, shop: Database) -> None:
    """Also on a broker that is new, by the way of the processes: nothing else has to be allowed."""
    one = event(type_="purchase.created")
    await happened(shop, one)
    async with as_user(server, "relay-cashback") as bus, as_user(server, "worker-ledger") as worker:
        await bus.ping()
        with pytest.raises(StreamMissing):
            await count_stored(worker)
        async with running(Drainer(shop, bus, schema=SCHEMA, holder="relay").run):
            await eventually(lambda: _holds(worker, EVENTS.name, 1))


async def test_with_its_rights_a_worker_applies_reports_and_buries(server: EmbeddedNats, shop: Database) -> None:
    """Durable, acknowledgements, lag, dead letters, and their stream where it is missing: all that a worker needs."""
    good, bad = event("good", type_="token.minted"), event("bad", type_="token.minted")
    await happened(shop, good, bad)
    handler = Script({bad.id: [Invalid("wrong")]})
    (name,) = DURABLES["worker-mint"]
    async with as_user(server, "relay-minting") as bus, as_user(server, "worker-mint") as worker:
        async with running(Drainer(shop, bus, schema=SCHEMA, holder="relay").run):
            await eventually(lambda: _holds(worker, EVENTS.name, 2))
        async with Bus.connect(server.url(ADMIN), name="admin") as admin:
            await admin.wait_connected()
            await admin.api(f"STREAM.DELETE.{DEAD_LETTERS.name}")
        consumer = Consumer(worker, shop, schema=SCHEMA, name=name, types=("token.minted",), handler=handler)
        async with running(consumer.run):
            await eventually(lambda: _holds(worker, DEAD_LETTERS.name, 1))
            await eventually(lambda: _acknowledged(worker, name, 2))
        assert (await worker.api(f"STREAM.MSG.GET.{EVENTS.name}", {"seq": 1}))["message"]["seq"] == 1
    assert await applied(shop) == [good.id]


async def test_what_a_worker_has_jetstream_say_in_its_place_is_no_event(server: EmbeddedNats, shop: Database) -> None:
    """Nobody checks where an answer is to go: a worker can have one stored among the events, and no more than that."""
    async with with_streams(server) as admin:
        line = await nats.connect(server.url("worker-ledger"), allow_reconnect=False)
        await line.publish(f"$JS.API.STREAM.INFO.{EVENTS.name}", reply=f"cashback.v1.{TYPE}.0")
        await line.flush()
        await line.close()
        await eventually(lambda: _holds(admin, EVENTS.name, 1))
        async with as_user(server, "worker-mint") as worker:
            (name,) = DURABLES["worker-mint"]
            handler = Script()
            consumer = Consumer(worker, shop, schema=SCHEMA, name=name, types=(TYPE,), handler=handler)
            async with running(consumer.run):
                await eventually(lambda: _holds(admin, DEAD_LETTERS.name, 1))
        (letter,) = await stored(admin, stream=DEAD_LETTERS.name)
    assert letter["headers"]["dlq-reason"].startswith("EventMalformed")
    assert handler.seen == []
    assert await rows(shop, f"select * from {SCHEMA}.inbox") == []


async def _holds(bus: Bus, stream: str, count: int) -> bool:
    """Tell whether a stream is there and has taken so many messages."""
    try:
        return await count_stored(bus, stream=stream) == count
    except StreamMissing:
        return False


async def _acknowledged(bus: Bus, name: str, sequence: int) -> bool:
    """Tell whether a durable consumer is done with all up to `sequence`."""
    info = await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{name}")
    return int(info["ack_floor"]["stream_seq"]) == sequence
