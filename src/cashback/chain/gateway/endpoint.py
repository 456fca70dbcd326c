"""One JSON-RPC endpoint over HTTP: bounded in time, size and concurrency, and refused when it serves another chain.

    ask ──▶ verified? ──▶ one HTTP exchange ──▶ results | EndpointRefused (its words) | EndpointSilent (who knows)

A request is made once: no library repeats it, adds to it or fills in fees, so every send is one that was recorded.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import msgspec

from cashback.chain.model import ChainUnavailable
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction

Request: TypeAlias = tuple[str, Sequence[object]]
"""A method and its parameters."""

REQUESTS_IN_FLIGHT_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 64 * 1_048_576
_COOLDOWN_FIRST_S: Final = 0.25
_COOLDOWN_MAX_S: Final = 8.0
_COOLDOWN_DOUBLINGS_MAX: Final = 6
_HEADERS: Final = {"content-type": "application/json"}
_SILENT: Final = (aiohttp.ClientError, msgspec.DecodeError, TimeoutError, OSError, ValueError)


class Answer(msgspec.Struct, frozen=True):
    """One JSON-RPC answer: a result, or an error in the node's own shape."""

    id: int | None = None
    result: Any = None
    error: Any = None


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

    def __init__(self, url: str, *, place: int, chain_id: int, timeout_s: float) -> None:
        """Wrap the URL that stands at `place` in the settings; nothing is asked yet."""
        self.name = f"{place}:{urlsplit(url).hostname}:{urlsplit(url).port}"
        self.head = 0
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

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of `requests`, made in one HTTP exchange, in their order.

        Raises:
            EndpointSilent: no usable answer; what was sent may or may not have been acted on.
            EndpointRefused: the first JSON-RPC error among the answers.
        """
        forbid_in_transaction("a chain endpoint")
        try:
            async with asyncio.timeout(self._timeout_s), self._gate:
                await self._verify()
                answers = await self._exchange(requests)
        except _SILENT as cause:
            raise self._failed(str(cause) or type(cause).__name__) from cause
        self._failures = 0
        self.problem = ""
        return [_result(answer) for answer in answers]

    async def close(self) -> None:
        """Close the connections; asking again would open new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _verify(self) -> None:
        """Make sure once after every failure that this is the chain of the settings."""
        if self._is_verified:
            return
        [answer] = await self._exchange([("eth_chainId", [])])
        served = int(_result(answer), 16)
        if served != self._chain_id:
            raise ValueError(f"it serves chain {served}, not {self._chain_id}")
        self._is_verified = True

    async def _exchange(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the raw answers of one HTTP exchange, in the order of the requests."""
        calls = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": parameters}
            for place, (method, parameters) in enumerate(requests)
        ]
        # A lone request is no batch: some endpoints answer batches slowly, or not at all.
        body = msgspec.json.encode(calls[0] if len(calls) == 1 else calls)
        async with self._connected().post(self._url, data=body, headers=_HEADERS) as response:
            text = await _bounded(response)
        if not text.startswith((b"{", b"[")):
            raise ValueError(f"HTTP {response.status}")
        said = _answers.decode(text)
        answers = sorted(said, key=_place) if isinstance(said, list) else [said] * len(requests)
        if len(answers) != len(requests):
            raise ValueError(f"{len(requests)} requests got {len(answers)} answers")
        return answers

    def _connected(self) -> aiohttp.ClientSession:
        """Return the session, which keeps its connections."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=REQUESTS_IN_FLIGHT_MAX)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

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


def _place(answer: Answer) -> int:
    """Return an answer's place among the requests; nodes may answer a batch in any order."""
    return -1 if answer.id is None else answer.id


def _result(answer: Answer) -> Any:  # noqa: ANN401 - parsed JSON
    """Return an answer's result.

    Raises:
        EndpointRefused: the answer is an error.
    """
    error = answer.error
    if error is None:
        return answer.result
    if not isinstance(error, dict):
        raise EndpointRefused(str(error))
    problem = f"{error.get('code')}: {error.get('message')}"
    raise EndpointRefused(problem, revert=_revert_of(error.get("data")))


def _revert_of(data: object) -> bytes | None:
    """Return the revert data of an executed call; nodes wrap it differently, or leave it out."""
    nested = data.get("data") if isinstance(data, dict) else data
    if not isinstance(nested, str) or not nested.startswith("0x"):
        return None
    try:
        return bytes.fromhex(nested.removeprefix("0x"))
    except ValueError:
        return None
