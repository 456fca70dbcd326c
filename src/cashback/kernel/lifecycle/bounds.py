"""What a client may send before anyone looks at it: a bounded head, within a bounded time, in well-formed HTTP/1.1.

    connection ──▶ head ──────────────▶ body ──────────▶ whole ──▶ the next one
        │ idle        │ too large: 431     │
        │             │ malformed: 400     │
        └── closed ───┴── late: 408 ───────┘

What the body may hold is the application's to say. One of lines, which is worked on while it comes, may take longer as
long as it goes on. Nothing is refused in the place of another request's answer: what comes before is answered, and then
the connection ends.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec
from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from cashback.kernel.lifecycle.together import Together
from cashback.kernel.problem import MEDIA_TYPE, problem_document
from cashback.kernel.safety import Headers, Safety
from cashback.kernel.telemetry import trace

HEAD_BYTES_MAX: Final = 32_768
"""Request line and headers together."""

REQUEST_WITHIN_S: Final = 30.0
"""How long a request may take to arrive, from its first byte to its last."""

CONNECTIONS_MAX: Final = 2_048
TURNED_AWAY_MAX: Final = 128
"""How many more connections are kept for as long as it takes to say that they are too many."""

TURNED_AWAY_WITHIN_S: Final = 2.0
RETRY_AFTER_S: Final = 1

HEALTH: Final = tuple(f"{method} {path} ".encode() for method in ("GET", "HEAD") for path in ("/livez", "/readyz"))
"""What is asked on a connection too many and answered all the same, or whoever balances the load takes us for dead."""

LINES_MEDIA_TYPE: Final = "application/x-ndjson"
LINES_BYTES: Final = 65_536
"""So much of a body of lines must come in the time that any other has for the whole."""

READ_BYTES: Final = 65_536
"""So much of an answer must be read in the time that a request has, once more of it waits than the system takes."""

LINES_WITHIN_S: Final = 600.0
"""How long a body of lines may take."""

MALFORMED: Final = "this is not well-formed HTTP/1.1"
"""What is told whoever sends something else, before any of it is read."""

REFUSED: Final = Counter("cashback_http_connections_refused_total", "Connections that were too many.")
UNFINISHED: Final = Counter("cashback_http_requests_unfinished_total", "Requests that did not come on in time.")
GAVE_UP: Final = "cashback.gave_up"
"""Where a request's scope tells that its body was waited for no longer."""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """How a server stands towards those who come: how many at a time, and with which headers it refuses."""

    connections_max: int = CONNECTIONS_MAX
    headers: Headers = Safety().of("")


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with the bounds that it lacks, and with problems as its own refusals."""

    door = Door()
    _is_turned_away = False
    _asks_for_health = False
    _head_bytes = 0
    _is_in_head = False
    _is_in_body = False
    _is_too_large = False
    _has_one_host = True
    _is_ending = False
    _is_held_up = False
    _deadline: asyncio.TimerHandle | None = None
    _lines_bytes = 0
    _lines_until_s: float | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Give a connection that says nothing as long as one that has nothing more to say.

        One that is too many is answered as soon as it says something, that it is too many or how we are if that is what
        it asks, and one beyond these is closed without a word.
        """
        super().connection_made(transport)
        too_many = len(self.connections) - self.door.connections_max
        patience_s: float = self.timeout_keep_alive
        if too_many > 0:
            REFUSED.inc()
            self._is_turned_away, patience_s = True, TURNED_AWAY_WITHIN_S
        if too_many > TURNED_AWAY_MAX:
            transport.abort()
            return
        self.timeout_keep_alive_task = self.loop.call_later(patience_s, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._stop_waiting()
        self._stop_looking()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Look from now on whether what was answered is read: closing waits for that, and strangers may never do it."""
        super().pause_writing()
        self._stop_looking()
        self._look_again()

    def resume_writing(self) -> None:
        """Look no more."""
        self._stop_looking()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has grown too large without ever ending."""
        if self._is_turned_away and not self._asks_for_health:
            self._asks_for_health = data.startswith(HEALTH)
            if not self._asks_for_health:
                if not self.transport.is_closing():
                    self._refuse(503, "overloaded", "too many connections are open; try again shortly")
                return
        if self._is_ending:
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self._is_too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Start to count, and to wait."""
        super().on_message_begin()
        self._head_bytes, self._is_in_head = 0, True
        self._lines_bytes, self._lines_until_s = 0, None
        self._is_held_up = False
        self._stop_waiting()
        within_s = TURNED_AWAY_WITHIN_S if self._is_turned_away else REQUEST_WITHIN_S
        self._deadline = self.loop.call_later(within_s, self._give_up)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; what comes after a chunked body (a trailer) is none, and would else reach the application."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand a head of bounded size to the application, which names its host once (RFC 9112, section 3.2).

        Raises:
            ValueError: it is too large, or does not; the parser turns this into its own failure.
        """
        self._is_in_head = False
        # Four more for each: a colon, a blank, the end of the line.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES_MAX:
            self._is_too_large = True
            raise ValueError("the head is too large")
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            self._has_one_host = False
            raise ValueError("the head does not name one host")
        kinds = [value.partition(b";")[0].strip().lower() for name, value in self.headers if name == b"content-type"]
        if kinds == [LINES_MEDIA_TYPE.encode()]:
            self._lines_until_s = self.loop.time() + LINES_WITHIN_S
        super().on_headers_complete()
        self._is_in_body = True
        if self.scope["method"] != "HEAD":
            self.cycle.transport = Together(self.transport)  # type: ignore[assignment]  # all that an answer asks of one
        if self._is_turned_away:
            # How we are is told, and then the place is free again, whatever else was sent along.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on; one of lines that goes on is waited for again."""
        super().on_body(body)
        self._lines_bytes += len(body)
        if self._lines_until_s is None or self._deadline is None or self._lines_bytes < LINES_BYTES:
            return
        self._lines_bytes = 0
        self._stop_waiting()
        left_s = self._lines_until_s - self.loop.time()
        self._deadline = self.loop.call_later(max(0.0, min(REQUEST_WITHIN_S, left_s)), self._give_up)

    def on_message_complete(self) -> None:
        """Stop waiting."""
        self._is_in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or end where there is none to be answered before the end."""
        if self._is_ending and not self.pipeline:
            self.transport.close()
        super().on_response_complete()

    def _give_up(self) -> None:
        """End a connection on which a request did not come on, and say so where that is the answer that is due."""
        was_held_up, self._is_held_up = self._is_held_up, self.flow.read_paused
        is_in_time = self._lines_until_s is None or self.loop.time() < self._lines_until_s
        if is_in_time and (was_held_up or self._is_held_up):
            # There is more, and those who are to take it had not come to it: since then it has as long again.
            self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self._give_up)
            return
        UNFINISHED.inc()
        if self._is_in_body:
            self.scope[GAVE_UP] = True  # type: ignore[typeddict-unknown-key]  # a key of our own
        self._end(408, "request_unfinished", "the request did not come on in time, and is waited for no longer")

    def _end(self, status: int, code: str, detail: str) -> None:
        """End a connection with a refusal of what came last; without a word where another answer is due before it."""
        self._stop_waiting()
        if self._is_ending or self.transport.is_closing():
            return
        self._is_ending, is_due, is_answered = True, self._is_due, self._is_answered_before
        if self._is_in_body:
            # Nobody is to take the part that has come for the whole, whenever the connection ends.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if is_answered:
                self.pipeline.popleft()
        if is_due:
            self._refuse(status, code, detail)
        if not is_answered:
            self.transport.close()

    @property
    def _is_answered_before(self) -> bool:
        """Whether something that came before what comes now is still to be answered."""
        if self._is_in_body:
            return bool(self.pipeline)
        return bool(self.cycle) and not self.cycle.response_complete

    @property
    def _is_due(self) -> bool:
        """Whether the next answer is that to what comes now: not where its own has begun."""
        return not self._is_answered_before and not (self._is_in_body and self.cycle.response_started)

    def _look_again(self) -> None:
        """Look after as long as a request has whether another part of what waits was read."""
        waits = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(REQUEST_WITHIN_S, self._look, waits)

    def _look(self, waited: int) -> None:
        """End a connection without any more patience when too little was read since there was so much to be read."""
        if waited - self.transport.get_write_buffer_size() < READ_BYTES:
            self.transport.abort()
            return
        self._look_again()

    def _stop_looking(self) -> None:
        """Forget when to look again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, as a problem, and end the connection."""
        del msg
        if self._is_too_large:
            self._end(431, "head_too_large", f"request line and headers may have {HEAD_BYTES_MAX} bytes together")
        elif not self._has_one_host:
            self._end(400, "http_malformed", "a request names its host in `Host`, and does so once")
        else:
            self._end(400, "http_malformed", MALFORMED)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Write one whole response and close."""
        with trace(None):
            body = problem_document(status, code, detail)
        retry = (b"retry-after: " + str(RETRY_AFTER_S).encode(),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
        head = (
            b"content-type: " + MEDIA_TYPE.encode(),
            b"content-length: " + str(len(body)).encode(),
            b"connection: close",
            *retry,
            *(name + b": " + value for name, value in self.door.headers),
        )
        self.transport.write(STATUS_LINE[status] + b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()

    def _stop_waiting(self) -> None:
        """Let the request that arrived take as long as it needs."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded_by(door: Door) -> type[BoundedHttp]:
    """Return the protocol of a server with that door."""

    class AtTheDoor(BoundedHttp):
        """One connection to it."""

    AtTheDoor.door = door
    return AtTheDoor
