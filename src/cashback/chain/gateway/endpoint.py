"""One JSON-RPC endpoint over HTTP: bounded in time, size and concurrency, and refused when it serves another chain.

    ask ──▶ verified? ──▶ one HTTP exchange ──▶ results | EndpointRefused (its words) | EndpointSilent (who knows)

A request is made once: no library repeats it, adds to it or fills in fees, so every send is one that was recorded.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import msgspec

from cashback.chain.gateway import shapes
from cashback.chain.gateway.standing import Standing
from cashback.chain.model import ChainUnavailable
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction

Request: TypeAlias = tuple[str, Sequence[object]]
"""A method and its parameters."""

REQUESTS_IN_FLIGHT_MAX: Final = 16
LAG_BLOCKS_MAX: Final = 8
"""An endpoint whose head is further off the others' is reported, unless the settings say otherwise."""
ANSWER_BYTES_MAX: Final = 64 * 1_048_576
_COOLDOWN_FIRST_S: Final = 0.25
_COOLDOWN_MAX_S: Final = 8.0
_COOLDOWN_DOUBLINGS_MAX: Final = 6
_HEADERS: Final = {"content-type": "application/json"}
_SILENT: Final = (aiohttp.ClientError, msgspec.DecodeError, OSError, ValueError)


class Error(msgspec.Struct, frozen=True):
    """A JSON-RPC error; nodes disagree about the types of its members."""

    code: Any = None
    message: Any = None
    data: Any = None


class Answer(msgspec.Struct, frozen=True):
    """One JSON-RPC answer: a result, which may be null, or an error; some nodes write the other one as null."""

    id: int | None = None
    result: Any = msgspec.UNSET
    error: Error | None = None

    def is_to(self, requests: int) -> bool:
        """Tell whether this answers one of so many requests, with a result or an error; an error may lack the id."""
        if self.error is None:
            return self.result is not msgspec.UNSET and self.id in range(requests)
        return (self.result is msgspec.UNSET or self.result is None) and (self.id is None or self.id in range(requests))


_answers: Final = msgspec.json.Decoder(Answer | list[Answer])


class EndpointSilent(ChainUnavailable):
    """The endpoint gave no usable answer: it is down, slow, limiting us, or serves another chain."""

    code = "endpoint_silent"


class EndpointRefused(ChainUnavailable):
    """The endpoint answered with a JSON-RPC error, in its own words; `revert` is the data of a reverted call."""

    code = "endpoint_refused"

    def __init__(self, problem: str, *, revert: bytes | None = None) -> None:
        """Carry the node's words, and the revert data where the call was executed and reverted."""
        super().__init__(problem)
        self.revert = revert


class Endpoint:
    """One URL. Its name is the host: paths and passwords of a URL are secrets and appear nowhere."""

    def __init__(self, url: str, *, place: int, chain_id: int, timeout_s: float, lag_max: int = LAG_BLOCKS_MAX) -> None:
        """Wrap the URL that stands at `place` in the settings; nothing is asked yet."""
        self.name = f"{place}:{urlsplit(url).hostname}:{urlsplit(url).port}"
        self.standing = Standing(self.name, lag_max=lag_max)
        self.problem = ""
        self._chain_id = chain_id
        self._is_verified = False
        self._failures = 0
        self._rests_until_s = 0.0
        self._timeout_s = timeout_s
        self._gate = asyncio.Semaphore(REQUESTS_IN_FLIGHT_MAX)
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_healthy(self) -> bool:
        """Tell whether the last request was answered, or the pause after a failure is over."""
        return self._failures == 0 or monotonic_s() >= self._rests_until_s

    async def ask(self, requests: Sequence[Request], *, within_s: float | None = None) -> list[Any]:
        """Return the results of `requests`, made in one HTTP exchange, in their order, each of its method's shape.

        A null is a result where the method allows it. `within_s` shortens how long an answer is waited for.

        Raises:
            EndpointSilent: no usable answer; what was sent may or may not have been acted on.
            EndpointRefused: the first JSON-RPC error among the answers.
        """
        answers = await self.ask_each(requests, within_s=within_s)
        refusal = next((answer for answer in answers if isinstance(answer, EndpointRefused)), None)
        if refusal is not None:
            raise refusal
        return answers

    async def ask_each(self, requests: Sequence[Request], *, within_s: float | None = None) -> list[Any]:
        """Return what `ask` returns, but with the refusal in the place of each result that was refused.

        Raises:
            EndpointSilent: as `ask`.
            EndpointRefused: all of it was refused as one.
        """
        forbid_in_transaction("a chain endpoint")
        if self._failures:
            # Whoever asks first after a failure finds out how it is; the others need not hang along with it.
            self._rests_until_s = monotonic_s() + self._timeout_s
        bound_s = min(within_s or self._timeout_s, self._timeout_s)
        try:
            async with asyncio.timeout(bound_s), self._gate:
                await self._verify()
                results = await self._exchange(requests)
        except EndpointRefused:
            self._answered()
            raise
        except TimeoutError as cause:
            raise self._failed(f"no answer within {bound_s:g} s") from cause
        except _SILENT as cause:
            raise self._failed(str(cause) or type(cause).__name__) from cause
        self._answered()
        return results

    async def close(self) -> None:
        """Close the connections; asking again would open new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _verify(self) -> None:
        """Make sure once after every failure that this is the chain of the settings."""
        if self._is_verified:
            return
        try:
            [chain_id] = await self._exchange([("eth_chainId", [])])
        except EndpointRefused as refusal:
            chain_id = refusal
        served = 0 if isinstance(chain_id, EndpointRefused) else int(chain_id, 16)
        if served == 0:
            raise ValueError(f"it does not tell its chain: {chain_id}")
        if served != self._chain_id:
            raise ValueError(f"it serves chain {served}, not {self._chain_id}")
        self._is_verified = True

    async def _exchange(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of one HTTP exchange, in the order of the requests, refusals in their places.

        Raises:
            EndpointRefused: all of it was refused as one.
            ValueError: that is no answer to these requests.
        """
        calls = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": parameters}
            for place, (method, parameters) in enumerate(requests)
        ]
        # A lone request is no batch: some endpoints answer batches slowly, or not at all.
        body = msgspec.json.encode(calls[0] if len(calls) == 1 else calls)
        async with self._connected().post(self._url, data=body, headers=_HEADERS) as response:
            text = await _bounded(response)
        results = _results(_said(text, response.status), requests=len(requests), status=response.status)
        for (method, _), result in zip(requests, results, strict=True):
            if not isinstance(result, EndpointRefused):
                shapes.check(method, result)
        return results

    def _connected(self) -> aiohttp.ClientSession:
        """Return the session, which keeps its connections."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=REQUESTS_IN_FLIGHT_MAX)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    def _answered(self) -> None:
        """Note that it is well."""
        self._failures = 0
        self.problem = ""

    def _failed(self, problem: str) -> EndpointSilent:
        """Note a failure, rest for a while that doubles each time, and return what to raise."""
        self._is_verified = False
        self._rests_until_s = monotonic_s() + min(
            _COOLDOWN_FIRST_S * 2 ** min(self._failures, _COOLDOWN_DOUBLINGS_MAX), _COOLDOWN_MAX_S
        )
        self._failures += 1
        # An error's words may hold the URL, and with it a key.
        self.problem = problem.replace(self._url, self.name)[:200]
        return EndpointSilent(f"endpoint {self.name} did not answer: {self.problem}")


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Return a response's body.

    Raises:
        EndpointRefused: it is longer than `ANSWER_BYTES_MAX`; ask for less.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise EndpointRefused(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _said(text: bytes, status: int) -> list[Answer]:
    """Return the answers in a response's body.

    Raises:
        ValueError: there are none; gateways and limiters in front of nodes say such things, also in JSON.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS or not text.startswith((b"{", b"[")):
        raise ValueError(f"HTTP {status}")
    try:
        said = _answers.decode(text)
    except msgspec.DecodeError as cause:
        raise ValueError(f"HTTP {status}, and no JSON-RPC: {cause}") from cause
    return said if isinstance(said, list) else [said]


def _results(answers: Sequence[Answer], *, requests: int, status: int) -> list[Any]:
    """Return the results and refusals in the order of the requests; nodes may answer a batch in any order.

    Raises:
        EndpointRefused: one error stands for the whole batch, or comes with a status of failure.
        ValueError: these are not the answers to so many requests.
    """
    ordered = sorted(answers, key=lambda answer: -1 if answer.id is None else answer.id)
    if any(not answer.is_to(requests) for answer in ordered):
        raise ValueError(f"HTTP {status}, and no answer to what was asked")
    error = next((answer.error for answer in ordered if answer.error is not None), None)
    is_whole = [answer.id for answer in ordered] == list(range(requests))
    if error is not None and not (is_whole and status == HTTPStatus.OK):
        raise _refusal(error, status)
    if status != HTTPStatus.OK:
        raise ValueError(f"HTTP {status}")
    if not is_whole:
        raise ValueError(f"{requests} requests got {len(ordered)} answers, or one of them twice")
    return [answer.result if answer.error is None else _refusal(answer.error, status) for answer in ordered]


def _refusal(error: Error, status: int) -> EndpointRefused:
    """Return an answer's error in the node's words, with the HTTP status where that is one of failure."""
    problem = f"{error.code}: {error.message}"
    words = problem if status == HTTPStatus.OK else f"HTTP {status}: {problem}"
    return EndpointRefused(words, revert=_revert_of(error.data))


def _revert_of(data: object) -> bytes | None:
    """Return the revert data of an executed call; nodes wrap it differently, or leave it out."""
    nested = data.get("data") if isinstance(data, dict) else data
    if not isinstance(nested, str) or not nested.startswith("0x"):
        return None
    try:
        return bytes.fromhex(nested.removeprefix("0x"))
    except ValueError:
        return None
