"""Sending calls, in a thread or in an event loop: the same calls, the same answers, the same failures.

Call ──> request ──> 2xx                     Answer: the struct, and what the headers say of it
                ├──> 408, 409 busy, 429, 503 the same request again, under the same key, while patience lasts
                ├──> 304                     Unchanged
                ├──> any other problem       ApiProblem
                └──> no word of the API      NoAnswer
"""

import asyncio
import threading
from collections.abc import Generator
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import httpx
import msgspec

from cashback.client.api.structs import Problem
from cashback.client.calls import JSON, Call
from cashback.client.failures import ApiProblem, NoAnswer, Unchanged, Unsendable
from cashback.client.patience import Patience, wait_after_answer, wait_after_nothing
from cashback.client.trust import trusted

ANSWER_WITHIN_S: Final = 15.0
REPLAYED: Final = "Idempotency-Replayed"
REBUILT: Final = "Idempotency-Rebuilt"

T = TypeVar("T")
_NEVER: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)
"""What is the same however often a call is sent."""

_UNWRITABLE: Final = (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeEncodeError)


class Answer(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A good answer: its struct, whether the command was done before, and the tag of what it tells of."""

    told: T
    is_replay: bool
    is_rebuilt: bool
    entity_tag: str | None


class Client:
    """A caller of the API with one key, for a thread; use it as a context manager."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        patience: Patience | None = None,
        answer_within_s: float = ANSWER_WITHIN_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Call the API at `url`, or behind a transport of the caller's own.

        Raises:
            Unsendable: the key cannot be sent.
        """
        self._http = httpx.Client(
            base_url=url,
            headers=_authorised(api_key),
            timeout=answer_within_s,
            transport=transport,
            verify=trusted(url),
        )
        self._patience = patience or Patience()
        self._is_closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed.set()
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Return what the API tells.

        Raises:
            ApiProblem: it refused.
            Unchanged: it has nothing new to tell of this.
            NoAnswer: there was no answer of its.
            Unsendable: the call cannot be written as HTTP.
        """
        return self.answer(call).told

    def answer(self, call: Call[T]) -> Answer[T]:
        """Return the answer with what its headers say.

        Raises:
            As `send`.
        """
        steps = _Sending(call, self._patience)
        for wait_s in steps.waits():
            if wait_s:
                self._is_closed.wait(wait_s)
            try:
                steps.found = self._http.send(steps.request(self._http))
            except httpx.RequestError as cause:
                steps.missed = cause
        return steps.answer()


class AsyncClient:
    """A caller of the API with one key, for an event loop; use it as an asynchronous context manager."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        patience: Patience | None = None,
        answer_within_s: float = ANSWER_WITHIN_S,
        transport: httpx.AsyncBaseTransport | None = None,
        connections_max: int = 32,
    ) -> None:
        """Call the API at `url`, or behind a transport of the caller's own.

        Raises:
            Unsendable: the key cannot be sent.
        """
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=_authorised(api_key),
            # A call that waits for a connection of ours has not been sent: that is our own time.
            timeout=httpx.Timeout(answer_within_s, pool=None),
            transport=transport,
            verify=trusted(url),
            limits=httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max),
        )
        self._patience = patience or Patience()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Return what the API tells.

        Raises:
            As `Client.send`.
        """
        return (await self.answer(call)).told

    async def answer(self, call: Call[T]) -> Answer[T]:
        """Return the answer with what its headers say.

        Raises:
            As `Client.send`.
        """
        steps = _Sending(call, self._patience)
        for wait_s in steps.waits():
            if wait_s:
                await asyncio.sleep(wait_s)
            try:
                steps.found = await self._http.send(steps.request(self._http))
            except httpx.RequestError as cause:
                steps.missed = cause
        return steps.answer()


class _Sending(Generic[T]):
    """One call on its way, however it is sent: what was found last, or why nothing was."""

    def __init__(self, call: Call[T], patience: Patience) -> None:
        self._call = call
        self._patience = patience
        self.found: httpx.Response | None = None
        self.missed: httpx.RequestError | None = None

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the call as a request; what was found before counts no more.

        Raises:
            Unsendable: it cannot be written as HTTP.
        """
        self.found = self.missed = None
        call = self._call
        sent = dict(call.headers) | ({} if call.body is None else {"Content-Type": call.content_type})
        asked: Any = {"params": call.query} if call.query else {}
        try:
            return http.build_request(call.method, call.path, content=call.content, headers=sent, **asked)
        except _UNWRITABLE as cause:
            raise self._unsendable() from cause

    def waits(self) -> Generator[float, None, None]:
        """Yield how long to wait before each time that the call is sent, the first one included."""
        tried, waited_s = 0, 0.0
        wait_s: float | None = 0.0
        while wait_s is not None:
            yield wait_s
            tried, waited_s = tried + 1, waited_s + wait_s
            if isinstance(self.missed, _NEVER):
                return
            if self.found is None:
                wait_s = wait_after_nothing(tried=tried, waited_s=waited_s, by=self._patience)
            else:
                status, after = self.found.status_code, self.found.headers.get("Retry-After")
                wait_s = wait_after_answer(status, after, tried=tried, waited_s=waited_s, by=self._patience)

    def answer(self) -> Answer[T]:
        """Return what was found.

        Raises:
            As `Client.send`.
        """
        if isinstance(self.missed, httpx.LocalProtocolError):
            raise self._unsendable() from self.missed
        if self.found is None:
            raise NoAnswer(f"{self._call.method} {self._call.path} was not answered") from self.missed
        if not self.found.is_success:
            raise self._problem(self.found)
        told, said = self._told(self.found), self.found.headers
        return Answer(told=told, is_replay=REPLAYED in said, is_rebuilt=REBUILT in said, entity_tag=said.get("ETag"))

    def _told(self, found: httpx.Response) -> Any:  # noqa: ANN401  # a struct of the call's, or a text
        """Return what a good answer says.

        Raises:
            NoAnswer: it is nothing that this call is answered by.
        """
        if self._call.answer_as != JSON:
            if found.headers.get("Content-Type", "").partition(";")[0] != self._call.answer_as:
                raise self._nonsense(found)
            return found.text
        try:
            return msgspec.json.decode(found.content, type=self._call.answer)
        except msgspec.MsgspecError as cause:
            raise self._nonsense(found) from cause

    def _problem(self, found: httpx.Response) -> ApiProblem | Unchanged | NoAnswer:
        """Return what a refusal says; who answers with no problem document is not the API."""
        if found.status_code == HTTPStatus.NOT_MODIFIED:
            return Unchanged(f"{self._call.method} {self._call.path}: it is as it was seen")
        try:
            problem = msgspec.json.decode(found.content, type=Problem)
            members = msgspec.json.decode(found.content, type=dict[str, object])
        except msgspec.MsgspecError:
            return self._nonsense(found)
        return ApiProblem(problem, members)

    def _nonsense(self, found: httpx.Response) -> NoAnswer:
        """Return that somebody answered in no words of the API."""
        wanted = "JSON" if self._call.answer_as == JSON else self._call.answer_as
        return NoAnswer(f"{self._call.method} {self._call.path} was not answered in {wanted}: {found.status_code}")

    def _unsendable(self) -> Unsendable:
        """Return that a call is none that HTTP can carry."""
        named = f"{self._call.method} {self._call.path}"
        return Unsendable(f"{named} cannot be sent: a header or the path has characters that HTTP has not")


def _authorised(api_key: str) -> dict[str, str]:
    """Return the header that a key is presented in.

    Raises:
        Unsendable: it cannot be sent.
    """
    if not api_key.isascii():
        raise Unsendable("an API key is of ASCII characters only")
    return {"Authorization": f"Bearer {api_key}"}
