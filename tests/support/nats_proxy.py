"""A port between a client and a broker that knows NATS's frames: what the network may do to messages, on request.

    client ──frames──▶ delayed ▶ doubled ▶ shuffled ▶ gate ──▶ broker
           ◀── gate ◀ shuffled ◀ doubled ◀ delayed ◀──frames──

Only messages are doubled and shuffled; what the two sides say of the connection itself keeps its place among them. The
messages of one atomic batch stay together: a connection keeps their order, and a batch out of order is none. Behind a
closed gate everything waits, as TCP has it wait that is sent again until the network is well.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

import msgspec

from cashback.kernel.clock import monotonic_s
from tests.support.facts import pause

Way = Literal["to_broker", "to_client"]

WAYS: Final[tuple[Way, ...]] = ("to_broker", "to_client")
MESSAGES: Final = frozenset({b"PUB", b"HPUB", b"MSG", b"HMSG"})
COMMIT: Final = b"\r\nNats-Batch-Commit:"
IN_BATCH: Final = b"\r\nNats-Batch-Id:"
ROUND_TRIP: Final = b"$JS.API.INFO"
HELD_MAX: Final = 10_000
"""Units on their way through one connection in one direction; more are left with the sender."""
READ_BYTES: Final = 65_536


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to messages: they come later, each `doubled_every`th twice (0: none), and `window` change places."""

    delay_s: float = 0.0
    doubled_every: int = 0
    window: int = 1


CALM: Final = Weather()


class Unit(msgspec.Struct, frozen=True):
    """What stays together: a frame, or the frames of one atomic batch."""

    data: bytes
    is_message: bool


class Seen(msgspec.Struct):
    """What a proxy has done, both ways together."""

    messages: int = 0
    doubled: int = 0
    overtaken: int = 0
    round_trips: int = 0
    """How often the client has asked whether JetStream is there."""


class Splitter:
    """Cuts a stream of bytes into units."""

    def __init__(self) -> None:
        """Have read nothing."""
        self._unread = bytearray()
        self._batch = bytearray()

    def feed(self, data: bytes) -> list[Unit]:
        """Return the units that are whole by now."""
        self._unread += data
        units = []
        while (size := _frame_size(self._unread)) is not None:
            frame = bytes(self._unread[:size])
            del self._unread[:size]
            unit = self._joined(frame)
            if unit is not None:
                units.append(unit)
        return units

    def _joined(self, frame: bytes) -> Unit | None:
        """Return the unit that ends with a frame, None in the middle of an atomic batch."""
        is_message = frame.split(b" ", 1)[0].upper() in MESSAGES
        if is_message and IN_BATCH in frame and frame.startswith(b"HPUB"):
            self._batch += frame
            if COMMIT not in frame:
                return None
            frame, self._batch = bytes(self._batch), bytearray()
        return Unit(frame, is_message)


class NatsProxy:
    """Passes frames both ways in the present weather, through two gates; made by `before`."""

    def __init__(self, port: int, *, seed: int) -> None:
        """Stand before this port of this machine; `seed` repeats what overtakes what."""
        self.port = 0
        self.weather = CALM
        self.swallowed = b""
        """What the client publishes on subjects that begin with this is lost, so long as it is not empty."""
        self.seen = Seen()
        self._upstream = port
        self._chance = random.Random(seed)  # noqa: S311 - moments need no secrecy, they need to be repeatable
        self._gates = _open_gates()
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, url: str, *, seed: int = 1) -> AsyncIterator["NatsProxy"]:
        """Give a proxy before the broker at `url`, listening."""
        proxy = cls(int(url.rpartition(":")[2]), seed=seed)
        server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()
            await server.wait_closed()

    def url(self, url: str) -> str:
        """Return `url` with this port in the place of the broker's."""
        return f"{url.rpartition(':')[0]}:{self.port}"

    def part(self, *ways: Way) -> None:
        """Let nothing through in these directions, both when none is named, on no connection, until healed."""
        for way in ways or WAYS:
            self._gates[way].clear()

    def heal(self) -> None:
        """Let everything through that waited, and what comes."""
        for gate in self._gates.values():
            gate.set()

    def forget(self) -> None:
        """Let nothing through on the connections that there are, for ever; new ones are served.

        So does a firewall that has forgotten them.
        """
        self.part()
        self._gates = _open_gates()

    def cut(self) -> None:
        """Reset every connection that there is: what waited on it is gone."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        ways = [
            asyncio.create_task(self._pass_on("to_broker", reader, there_writer)),
            asyncio.create_task(self._pass_on("to_client", there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= {writer, there_writer}
            for end in (writer, there_writer):
                end.transport.abort()
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is read one way until there is no more, or nobody takes it."""
        queue: asyncio.Queue[tuple[float, Unit]] = asyncio.Queue(HELD_MAX)
        sending = asyncio.create_task(self._send(self._gates[way], queue, writer))
        splitter = Splitter()
        try:
            with suppress(ConnectionError):
                while data := await reader.read(READ_BYTES):
                    for unit in splitter.feed(data):
                        if way == "to_broker" and self._is_swallowed(unit):
                            continue
                        await queue.put((monotonic_s() + self.weather.delay_s, unit))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _is_swallowed(self, unit: Unit) -> bool:
        """Tell whether what the client publishes gets lost; a round trip is counted in any case."""
        if not unit.is_message:
            return False
        subject = unit.data.split(b" ", 2)[1]
        self.seen.round_trips += subject == ROUND_TRIP
        return bool(self.swallowed) and subject.startswith(self.swallowed)

    async def _send(
        self, gate: asyncio.Event, queue: asyncio.Queue[tuple[float, Unit]], writer: asyncio.StreamWriter
    ) -> None:
        """Send what is due through `gate`, in groups of which each may be shuffled."""
        while True:
            due_s, unit = await queue.get()
            await pause(max(0.0, due_s - monotonic_s()))
            group = [unit]
            while len(group) < self.weather.window and not queue.empty():
                group.append(queue.get_nowait()[1])
            await gate.wait()
            writer.write(b"".join(one.data for one in self._weathered(group)))
            await writer.drain()

    def _weathered(self, group: Sequence[Unit]) -> list[Unit]:
        """Return a group as it arrives: runs of messages shuffled, some of them twice."""
        arriving: list[Unit] = []
        run: list[Unit] = []
        for unit in group:
            if unit.is_message:
                run.append(unit)
            else:
                arriving += [*self._shuffled(run), unit]
                run = []
        return [*arriving, *self._shuffled(run)]

    def _shuffled(self, run: Sequence[Unit]) -> list[Unit]:
        """Return messages in the order in which they arrive, and those twice that arrive twice."""
        every = self.weather.doubled_every
        doubled = [unit for place, unit in enumerate(run, self.seen.messages + 1) if every and place % every == 0]
        arriving = [*run, *doubled]
        if self.weather.window > 1:
            self._chance.shuffle(arriving)
        self.seen.messages += len(run)
        self.seen.doubled += len(doubled)
        self.seen.overtaken += sum(one is not other for one, other in zip(arriving, run, strict=False))
        return arriving


def _open_gates() -> dict[Way, asyncio.Event]:
    """Return a gate for each direction, open."""
    gates: dict[Way, asyncio.Event] = {way: asyncio.Event() for way in WAYS}
    for gate in gates.values():
        gate.set()
    return gates


def _frame_size(data: bytearray) -> int | None:
    """Return how long the first frame is, its payload included; None while it is not whole.

    A message's line ends with the number of bytes that follow it, before the next line end (NATS client protocol).
    """
    end = data.find(b"\r\n")
    if end < 0:
        return None
    words = bytes(data[:end]).split()
    size = end + 2
    if words and words[0].upper() in MESSAGES:
        size += int(words[-1]) + 2
    return size if size <= len(data) else None
