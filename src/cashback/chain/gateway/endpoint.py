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
from prometheus_client import Counter

from cashback.chain.gateway import jsonrpc, shapes
from cashback.chain.gateway.jsonrpc import EndpointRefused, EndpointSilent
from cashback.chain.gateway.limits import asked_pause_s
from cashback.chain.gateway.standing import Standing
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.unreached import ENDED, why_unreached

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

REQUESTS: Final = Counter(
    "cashback_chain_rpc_requests_total", "JSON-RPC requests, each of a batch for itself.", ["endpoint", "method"]
)


class Endpoint:
    """One URL. Its name is the host: paths and passwords of a URL are secrets and appear nowhere."""

    def __init__(self, url: str, *, place: int, chain_id: int, timeout_s: float, lag_max: int = LAG_BLOCKS_MAX) -> None:
        """Wrap the URL that stands at `place` in the settings; nothing is asked yet."""
        self.name = f"{place}:{urlsplit(url).hostname}:{urlsplit(url).port}"
        self.standing = Standing(self.name, lag_max=lag_max)
        self.problem = ""
        self.serves: int | None = None
        self.chain_id = chain_id
        self._is_verified = False
        self._failures = 0
        self._rests_until_s = 0.0
        self._asked_until_s = 0.0
        self._timeout_s = timeout_s
        self._gate = asyncio.Semaphore(REQUESTS_IN_FLIGHT_MAX)
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_healthy(self) -> bool:
        """Tell whether the last request was answered, or the pause after a failure is over."""
        return self._failures == 0 or (monotonic_s() >= self._rests_until_s and self.pause_s == 0)

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether it serves another chain than that of the settings, as far as it has told."""
        return self.serves not in {None, self.chain_id}

    @property
    def pause_s(self) -> float:
        """Return how long it has asked to be left alone for yet."""
        return max(self._asked_until_s - monotonic_s(), 0.0)

    async def ask(self, requests: Sequence[Request], *, within_s: float | None = None) -> list[Any]:
        """Return the results of `requests`, made in one HTTP exchange, in their order, each of its method's shape.

        A null is a result where the method allows it. `within_s` shortens how long an answer is waited for.

        Raises:
            EndpointSilent: no usable answer; what was sent may or may not have been acted on. Or it has asked for a
                pause (RFC 9110, `Retry-After`), and is not asked before that is over.
            EndpointRefused: the first JSON-RPC error among the answers.
        """
        answers = await self.ask_each(requests, within_s=within_s)
        refusal = next((answer for answer in answers if isinstance(answer, EndpointRefused)), None)
        if refusal is not None:
            raise refusal.afresh()
        return answers

    async def ask_each(
        self, requests: Sequence[Request], *, within_s: float | None = None, forgives: bool = False
    ) -> list[Any]:
        """Return what `ask` returns, but with the refusal in the place of each result that was refused.

        With `forgives` an answer that does not come is not held against it: it was asked to run a stranger's code. That
        it wants a pause is heeded all the same.

        Raises:
            EndpointSilent: as `ask`.
            EndpointRefused: all of it was refused as one.
        """
        forbid_in_transaction("a chain endpoint")
        if self.pause_s > 0:
            raise EndpointSilent(f"endpoint {self.name} wants a pause, {self.pause_s:.1f} s more: {self.problem}")
        if self._failures and not forgives:
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
            raise self._failed(f"no answer within {bound_s:g} s", forgives=forgives) from cause
        except _SILENT as cause:
            raise self._failed(why_unreached(cause) or str(cause) or ENDED, forgives=forgives) from cause
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
        self.serves = served
        if self.is_elsewhere:
            raise ValueError(f"it serves chain {served}, not {self.chain_id}")
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
        for method, _ in requests:
            REQUESTS.labels(self.name, method).inc()
        # A lone request is no batch: some endpoints answer batches slowly, or not at all.
        body = msgspec.json.encode(calls[0] if len(calls) == 1 else calls)
        async with self._connected().post(self._url, data=body, headers=_HEADERS) as response:
            text = await _bounded(response)
            wanted_s = asked_pause_s(response.status, response.headers)
        if wanted_s is not None:
            self._asked_until_s = monotonic_s() + wanted_s
            raise ValueError(f"HTTP {response.status}, not to be asked for {wanted_s:g} s")
        results = jsonrpc.results(jsonrpc.said(text, response.status), requests=len(requests), status=response.status)
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
        """Note that it is well; what it was asked before it wanted a pause is no sign that the pause is over."""
        self._failures = 0
        if monotonic_s() >= self._asked_until_s:
            self.problem = ""

    def _failed(self, problem: str, *, forgives: bool) -> EndpointSilent:
        """Note a failure unless it is forgiven, and return what to raise."""
        self._is_verified = False
        # An error's words may hold the URL, and with it a key.
        said = problem.replace(self._url, self.name)[:200]
        if not forgives or self.pause_s > 0:
            self._rest(said)
        return EndpointSilent(f"endpoint {self.name} did not answer: {said}")

    def _rest(self, problem: str) -> None:
        """Rest for a while that doubles each time."""
        self._rests_until_s = monotonic_s() + min(
            _COOLDOWN_FIRST_S * 2 ** min(self._failures, _COOLDOWN_DOUBLINGS_MAX), _COOLDOWN_MAX_S
        )
        self._failures += 1
        self.problem = problem


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
