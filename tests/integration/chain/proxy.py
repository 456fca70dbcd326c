"""A JSON-RPC endpoint between the adapter and the node that misbehaves on command, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias

import aiohttp
import msgspec


class Http(msgspec.Struct, frozen=True):
    """What something in front of a node answers in its place: a status and a body, such as a limiter's."""

    status: int
    body: bytes
    headers: bytes = b""


Whim: TypeAlias = Literal["pass", "refuse", "swallow", "hang"] | dict[str, Any] | Http | asyncio.Event
"""Forward; hang up before anything was forwarded; forward and hang up without an answer; take the question and say
nothing; answer each call with this result or error; answer the request with this; forward once this is set."""

Lie: TypeAlias = Callable[[Any], Any]
"""Makes another result of a result."""

_TOO_MUCH: Final = {"error": {"code": -32_005, "message": "query exceeds max block range"}}
_NO_BLOCK: Final = 2**40


class Proxy:
    """Forwards to a node, unless the method asked for has a whim."""

    def __init__(self, upstream: str) -> None:
        """Forward everything to `upstream`, for now."""
        self.url = ""
        self.asked: list[str] = []
        self.in_flight_max = 0
        self._in_flight = 0
        self._upstream = upstream
        self._whims: dict[str, list[Whim]] = {}
        self._lasting: dict[str, Whim] = {}
        self._stale_at: int | None = None
        self._blocks_max: int | None = None
        self._of_trials: Whim = "pass"
        self._trials_left: int | None = None
        self._trial_met = asyncio.Event()
        self._lies: dict[str, Lie | None] = {}
        self._tags: dict[str, dict[str, Any] | None] = {}
        self._tag_met: dict[str, asyncio.Event] = {}

    def once(self, method: str, *whims: Whim) -> None:
        """Let the next calls of `method` meet these whims, one each."""
        self._whims.setdefault(method, []).extend(whims)

    def always(self, method: str, whim: Whim) -> None:
        """Let every call of `method` meet this whim; `*` means every method."""
        self._lasting[method] = whim

    def lie(self, method: str, lie: Lie | None) -> None:
        """Answer with what `lie` makes of the node's result, unless that is null; None tells the truth again."""
        self._lies[method] = lie

    def tag(self, tag: str, block: dict[str, Any] | None) -> None:
        """Answer the block of a tag such as `finalized` with this one; None lets the node answer again."""
        self._tags[tag] = block
        self._tag_met[tag] = asyncio.Event()

    def stale(self, at: int | None) -> None:
        """Know no block after this one, and none that is final before it; None lets the node answer again."""
        self._stale_at = at

    def limit_logs(self, blocks: int) -> None:
        """Refuse questions for logs of more blocks than so many, as providers do."""
        self._blocks_max = blocks

    def whim_of_trials(self, whim: Whim, *, times: int | None = None) -> None:
        """Let trials of a call, which are `eth_call`s with their own gas, meet this whim: the next ones, or every."""
        self._of_trials, self._trials_left = whim, times

    async def trials_met(self, times: int) -> None:
        """Return once so many trials more were answered by their whim."""
        async with asyncio.timeout(10):
            for _ in range(times):
                self._trial_met.clear()
                await self._trial_met.wait()

    async def met(self, tag: str) -> None:
        """Return once that answer was given three times: by then somebody has acted on it."""
        async with asyncio.timeout(10):
            for _ in range(3):
                self._tag_met[tag].clear()
                await self._tag_met[tag].wait()

    @classmethod
    @asynccontextmanager
    async def before(cls, upstream: str) -> AsyncIterator["Proxy"]:
        """Give a proxy in front of `upstream`, listening."""
        proxy = cls(upstream)
        async with aiohttp.ClientSession() as session:
            server = await asyncio.start_server(lambda r, w: proxy._serve(r, w, session), "127.0.0.1", 0)
            proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with server:
                yield proxy

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: aiohttp.ClientSession
    ) -> None:
        """Serve one connection, one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(next(line for line in head.lower().split(b"\r\n") if b"content-length" in line).split(b":")[1])
            body = await reader.readexactly(length)
            self._in_flight += 1
            self.in_flight_max = max(self.in_flight_max, self._in_flight)
            try:
                answer = await self._answer(body, session)
            finally:
                self._in_flight -= 1
            if answer == "hang":
                # Until the other side gives up.
                await reader.read()
            elif isinstance(answer, Http):
                writer.write(b"HTTP/1.1 %d Status\r\ncontent-type: application/json\r\n" % answer.status)
                writer.write(answer.headers)
                writer.write(b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(answer.body), answer.body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: bytes, session: aiohttp.ClientSession) -> Http | Literal["hang"] | None:
        """Return what to answer, None to hang up, `hang` to say nothing."""
        asked = msgspec.json.decode(body)
        calls: list[dict[str, Any]] = asked if isinstance(asked, list) else [asked]
        self.asked += [call["method"] for call in calls]
        whims = [self._whim(call) for call in calls]
        of_all = next((whim for whim in whims if not isinstance(whim, dict) and whim != "pass"), "pass")
        if of_all == "refuse":
            return None
        if of_all == "hang":
            return "hang"
        if isinstance(of_all, Http):
            return of_all
        if isinstance(of_all, asyncio.Event):
            await of_all.wait()
        forwarded = [call for call, whim in zip(calls, whims, strict=True) if not isinstance(whim, dict)]
        results = await self._forward(forwarded, session) if forwarded else {}
        if of_all == "swallow":
            return None
        own = {call["id"]: whim for call, whim in zip(calls, whims, strict=True) if isinstance(whim, dict)}
        answers = [{"jsonrpc": "2.0", "id": call["id"], **{**results, **own}[call["id"]]} for call in calls]
        return _well(answers if isinstance(asked, list) else answers[0])

    async def _forward(self, calls: list[dict[str, Any]], session: aiohttp.ClientSession) -> dict[int, dict[str, Any]]:
        """Return the node's results and errors by the ids of the calls, the results as they are told here."""
        for call in calls:
            self._age(call)
        headers = {"content-type": "application/json"}
        async with session.post(self._upstream, data=msgspec.json.encode(calls), headers=headers) as response:
            answers = msgspec.json.decode(await response.read())
        lies = {call["id"]: self._lies.get(call["method"]) for call in calls}
        told: dict[int, dict[str, Any]] = {}
        for answer in answers:
            lie = lies[answer["id"]]
            if lie is not None and answer.get("result") is not None:
                answer["result"] = lie(answer["result"])
            told[answer["id"]] = {name: answer[name] for name in ("result", "error") if name in answer}
        return told

    def _age(self, call: dict[str, Any]) -> None:
        """Turn a question about a block into one about what a stale node knows."""
        if self._stale_at is None or call["method"] != "eth_getBlockByNumber":
            return
        place = str(call["params"][0])
        number = int(place, 16) if place.startswith("0x") else self._stale_at
        call["params"][0] = hex(number if number <= self._stale_at else _NO_BLOCK)

    def _whim(self, call: dict[str, Any]) -> Whim:
        """Return what this call meets."""
        method = call["method"]
        tag = str(call["params"][0]) if method == "eth_getBlockByNumber" else ""
        if self._tags.get(tag):
            self._tag_met[tag].set()
            return {"result": self._tags[tag]}
        if method == "eth_getLogs" and self._blocks_max and "toBlock" in call["params"][0]:
            first, last = (int(call["params"][0][edge], 16) for edge in ("fromBlock", "toBlock"))
            if last - first + 1 > self._blocks_max:
                return _TOO_MUCH
        if method == "eth_call" and "gas" in call["params"][0] and self._of_trials != "pass":
            return self._whim_of_trial()
        if self._whims.get(method):
            return self._whims[method].pop(0)
        return self._lasting.get(method, self._lasting.get("*", "pass"))

    def _whim_of_trial(self) -> Whim:
        """Return what the trial of a call meets, and count it where only some are to meet it."""
        if self._trials_left == 0:
            return "pass"
        if self._trials_left is not None:
            self._trials_left -= 1
        self._trial_met.set()
        return self._of_trials


def _well(answer: object) -> Http:
    """Return an answer as a healthy node sends it."""
    return Http(200, msgspec.json.encode(answer))
