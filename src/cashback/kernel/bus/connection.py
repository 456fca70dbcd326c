"""The bus: a connection to the broker that is replaced for as long as the process lives.

    opening ──▶ up ──lost, or three round trips failed──▶ opening (50 ms .. 1 s apart, with jitter, for ever)
                 └── one round trip each second: how long nothing was answered is known without anybody's asking

A process starts without the broker and waits; what it asks meanwhile is refused at once with `BusUnavailable`.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus import metrics
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.errors import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, BusRefused, BusUnavailable, StreamMissing
from cashback.kernel.bus.frame import publish_frame
from cashback.kernel.bus.link import ASK_TIMEOUT_S, INBOX_PREFIX, Address, Link
from cashback.kernel.bus.streams import (
    STREAMS,
    Replicas,
    Stream,
    StreamReport,
    differences,
    fill_of,
    replicas_of,
    to_config,
)
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.telemetry import logger

PROBE_EVERY_S: Final = 1.0
PROBE_TIMEOUT_S: Final = 2.0
PROBE_FAILURES_MAX: Final = 3
CANCEL_EVERY_S: Final = 0.1
TURNS: Final = 1_000
REOPEN: Final = Backoff(base_s=0.05, cap_s=1.0)

_NO_RESPONDERS: Final = "503"

log = logger(__name__)


class Bus:
    """The broker as one process sees it."""

    def __init__(self, address: Address, *, replicas: Replicas, streams: tuple[Stream, ...]) -> None:
        """Remember where the broker is; `connect` is the way to get a living one."""
        self.streams = streams
        self._address = address
        self._replicas = replicas
        self._link: Link | None = None
        self._why = ""
        self._up = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
        inbox_prefix: str = INBOX_PREFIX,
        replicas: Replicas = "auto",
        streams: tuple[Stream, ...] = STREAMS,
    ) -> AsyncIterator["Bus"]:
        """Yield the bus behind `url` (servers, comma-separated) at once: a broker that is down is no error here.

        `name` appears in the broker's list of connections. Credentials may also stand in the URL. With `tls` nobody is
        talked to in plain text. Answers come on subjects under `inbox_prefix`; `streams` are on `replicas` servers.
        """
        address = Address(url, name=name, user=user, password=password, tls=tls, inbox_prefix=inbox_prefix)
        bus = cls(address, replicas=replicas, streams=streams)
        keeper = asyncio.create_task(bus._keep(), name="bus-keeper")
        try:
            yield bus
        finally:
            while not keeper.done():
                # More than once: nats-py swallows cancellations here and there.
                keeper.cancel()
                await asyncio.wait({keeper}, timeout=CANCEL_EVERY_S)

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a link at this moment."""
        return self._link is not None and self._link.is_open

    @property
    def silent_s(self) -> float:
        """Return for how long what is asked has not been answered; 0 while it is, or when there is no link.

        A network that swallows what is sent says nothing of it, and a process that has nothing to send hears nothing.
        """
        since_s = self._link.silent_since_s if self._link is not None and self._link.is_open else None
        return 0.0 if since_s is None else monotonic_s() - since_s

    @property
    def link(self) -> Link:
        """Return the present link; another object than before means that the connection was replaced.

        Raises:
            BusUnavailable: there is none now.
        """
        if self._link is None or not self._link.is_open:
            raise BusUnavailable(f"the broker is not connected{self._why}")
        return self._link

    @property
    def replicas(self) -> int:
        """Return on how many servers each stream is to be.

        Raises:
            BusUnavailable: that depends on the broker, and there is no link to it now.
        """
        return replicas_of(self._replicas, is_clustered=self.link.is_clustered)

    async def wait_connected(self, *, at_most_s: float = 60.0) -> bool:
        """Return as soon as there is a link, or after `at_most_s`; tell whether there is one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not self.is_connected:
                    await self._up.wait()
                    # A lost link is still on offer until its keeper has had its turn.
                    await asyncio.sleep(0)
        return self.is_connected

    async def ping(self) -> None:
        """Return when the broker's JetStream answered.

        Raises:
            BusUnavailable: it did not.
        """
        await self.api("INFO")

    async def ask(
        self, subject: str, data: bytes = b"", *, headers: bytes = b"", timeout_s: float = ASK_TIMEOUT_S
    ) -> Msg:
        """Publish one message and return the answer to it.

        Raises:
            StreamMissing: nobody listens on the subject.
            BusUnavailable: no answer came; what was asked may have happened.
        """
        forbid_in_transaction("the bus")
        link = self.link
        address = link.reply_address()
        frame = publish_frame(subject, data, headers=headers, reply=address)
        (answer,) = await link.ask([frame], [address], timeout_s=timeout_s)
        refuse_no_responders(answer)
        return answer

    async def api(self, verb: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Ask JetStream's management API and return its answer.

        Raises:
            StreamMissing: the stream is not there, or JetStream is off.
            BusRefused: it answered with another error.
            BusUnavailable: no answer came.
        """
        answer = await self.ask(f"$JS.API.{verb}", b"" if body is None else msgspec.json.encode(body))
        return read_answer(answer)

    async def apply_streams(self) -> list[StreamReport]:
        """Create the streams that are missing, and report, never change, what differs in those that are there.

        Raises:
            BusUnavailable: the broker did not answer or had no room.
        """
        return [await self._apply(stream) for stream in self.streams]

    async def examine_streams(self) -> list[StreamReport]:
        """Report how each stream differs from its declaration, without changing or creating any.

        Raises:
            StreamMissing: one is not there.
            BusUnavailable: the broker did not answer.
        """
        return [await self._examine(stream) for stream in self.streams]

    async def _examine(self, stream: Stream) -> StreamReport:
        """Report on one stream that is there."""
        found = await self.api(f"STREAM.INFO.{stream.name}")
        declared = to_config(stream, replicas=self.replicas)
        return _report(found, differences(declared, found["config"]), created=False)

    async def _apply(self, stream: Stream) -> StreamReport:
        """Bring one stream about."""
        try:
            return await self._examine(stream)
        except StreamMissing:
            declared = to_config(stream, replicas=self.replicas)
            found = await self.api(f"STREAM.CREATE.{stream.name}", declared)
            log.info("stream.created", stream=stream.name)
            return _report(found, differences(declared, found["config"]), created=True)

    async def _keep(self) -> None:
        """Open a link, watch it until it is lost, and begin again; ends only by being cancelled."""
        failures = 0
        # From anywhere: the processes of a cluster's clients spread over its servers.
        for turn in count(secrets.randbelow(TURNS)):
            link = Link()
            try:
                await link.open(self._address, turn=turn)
            except BusUnavailable as cause:
                failures += 1
                self._why = f": {cause.detail}"
                if failures == 1:
                    log.warning("broker.awaited", reason=cause.detail)
                await asyncio.sleep(REOPEN.delay_s(failures))
                continue
            failures, self._why = 0, ""
            await self._hold(link)

    async def _hold(self, link: Link) -> None:
        """Offer `link` to everyone until it is lost, then close it."""
        self._link = link
        self._up.set()
        metrics.connections.inc()
        metrics.connected_now.set(1)
        log.info("broker.connected")
        try:
            await _watch(link)
            log.warning("broker.lost")
        finally:
            metrics.connected_now.set(0)
            self._up.clear()
            self._link = None
            await link.close()


async def _watch(link: Link) -> None:
    """Return when `link` is lost: closed by either side, or `PROBE_FAILURES_MAX` round trips in a row failed.

    The probe goes the way of everything else, out as a frame and back in as a message through nats-py's reader and a
    subscription, because nats-py's own PING ends in its reader and would not notice that no message is handed out.
    """
    failures = 0
    while failures < PROBE_FAILURES_MAX:
        with suppress(TimeoutError):
            async with asyncio.timeout(PROBE_EVERY_S):
                await link.lost.wait()
            return
        address = link.reply_address()
        try:
            await link.ask([publish_frame(address, b"")], [address], timeout_s=PROBE_TIMEOUT_S)
            failures = 0
        except BusUnavailable:
            failures += 1
    log.warning("broker.unresponsive", failures=failures)


def refuse_no_responders(answer: Msg) -> None:
    """Return when somebody answered.

    Raises:
        StreamMissing: the server says that nobody listens there.
    """
    if not answer.data and answer.headers and answer.headers.get("Status") == _NO_RESPONDERS:
        raise StreamMissing("nobody listens there: no such stream, or JetStream is off")


def _report(info: Mapping[str, Any], differing: tuple[str, ...], *, created: bool) -> StreamReport:
    """Return what was found of a stream, told by the metrics too."""
    fill = fill_of(info)
    metrics.observe_fill(fill)
    metrics.differs_now.labels(fill.name).set(len(differing))
    return StreamReport(name=fill.name, created=created, differences=differing)


def read_answer(answer: Msg) -> dict[str, Any]:
    """Return JetStream's answer.

    Raises:
        StreamMissing: it says that the stream or consumer is not there.
        BusRefused: it is another error.
    """
    refuse_no_responders(answer)
    try:
        body: dict[str, Any] = msgspec.json.decode(answer.data, type=dict[str, Any])
    except msgspec.DecodeError as cause:
        raise BusUnavailable("the broker's answer cannot be read") from cause
    error = body.get("error")
    if error is None:
        return body
    err_code = int(error.get("err_code", 0))
    detail = str(error.get("description", "no description"))
    if err_code in {STREAM_NOT_FOUND, CONSUMER_NOT_FOUND}:
        raise StreamMissing(detail)
    raise BusRefused(detail, err_code=err_code)
