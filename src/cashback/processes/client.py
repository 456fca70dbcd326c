"""The REST API as the command line calls it: the typed client, whose failures are told as our own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
import msgspec

from cashback.client import Answer, ApiProblem, Call, NoAnswer, Unsendable
from cashback.client import Client as TypedClient
from cashback.client.failures import mistakes_told
from cashback.kernel.config import Secret
from cashback.kernel.errors import Rejected, Unavailable
from cashback.kernel.problem import Problem
from cashback.processes.unanswered import why_no_answer

T = TypeVar("T")

_OF_ALL: Final = frozenset(Problem.__struct_fields__)
"""The members that every problem may have; those beyond belong to its code."""


class ApiRejected(Rejected):
    """The API refused the request; the detail is its problem's."""

    code = "api_rejected"


class ApiUnavailable(Unavailable):
    """The API cannot be reached, or says that it cannot serve now."""

    code = "api_unavailable"


class Client:
    """A caller with one API key; use it as a context manager."""

    def __init__(self, url: str, api_key: Secret) -> None:
        """Call the API at `url`.

        Raises:
            ApiRejected: the key cannot even be sent.
        """
        self._url = url
        with failures_of(url):
            self._client = TypedClient(url, api_key.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def send(self, call: Call[T]) -> T:
        """Return what the API tells; a command that is sent again is not done twice.

        Raises:
            ApiRejected: the API refused.
            ApiUnavailable: it did not answer, or cannot serve now.
        """
        return self.answer(call).told

    def answer(self, call: Call[T]) -> Answer[T]:
        """Return the answer with what its headers say.

        Raises:
            As `send`.
        """
        with failures_of(self._url):
            return self._client.answer(call)


@contextmanager
def failures_of(url: str) -> Iterator[None]:
    """Have a failure of the typed client be one of ours."""
    try:
        yield
    except Unsendable as cause:
        raise ApiRejected(str(cause)) from cause
    except NoAnswer as cause:
        if isinstance(cause.__cause__, httpx.RequestError):
            raise ApiUnavailable(f"the API at {url} did not answer: {why_no_answer(cause.__cause__)}") from cause
        raise ApiUnavailable(str(cause)) from cause
    except ApiProblem as cause:
        is_later = cause.status == HTTPStatus.TOO_MANY_REQUESTS or cause.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise (ApiUnavailable if is_later else ApiRejected)(f"{cause.code}: {_told(cause)}") from cause


def _told(cause: ApiProblem) -> str:
    """Return all that is wrong, and where, then what belongs to the code, for people."""
    return "; ".join([*mistakes_told(cause.problem), *_own_members(cause.members)])


def _own_members(members: Mapping[str, object]) -> Iterator[str]:
    """Yield the members of a problem that belong to its code, by their names; what is no text stands as JSON."""
    for name in sorted(members.keys() - _OF_ALL):
        value = members[name]
        yield f"{name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
