"""The REST API as the command line calls it: answers as documents, problems as our own failures."""

from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx

from cashback.kernel.config import Secret
from cashback.kernel.errors import Rejected, Unavailable
from cashback.processes.unanswered import why_no_answer

_ANSWER_WITHIN_S: Final = 15.0
_REPLAYED: Final = "Idempotency-Replayed"
"""Is on an answer that was given before."""


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
        if not api_key.value.isascii():
            raise ApiRejected("an API key is of ASCII characters only")
        headers = {"Authorization": f"Bearer {api_key.value}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=_ANSWER_WITHIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> dict[str, Any]:
        """Return the document at `path`.

        Raises:
            ApiRejected: the API refused.
            ApiUnavailable: it did not answer, or cannot serve now.
        """
        return self._answer("GET", path)[0]

    def post(
        self, path: str, body: dict[str, Any], *, idempotency_key: str, if_match: str | None = None
    ) -> dict[str, Any]:
        """Return the answer to a command; repeating it under the same key does nothing twice.

        With `if_match` it is only done while what it is about has that entity tag.

        Raises:
            As `get`.
        """
        headers = {"Idempotency-Key": idempotency_key} | ({} if if_match is None else {"If-Match": if_match})
        return self._answer("POST", path, json=body, headers=headers)[0]

    def edit(self, path: str, body: dict[str, Any], *, idempotency_key: str) -> dict[str, Any]:
        """Return the answer to an edit of what is at `path`, done unless somebody changes that in this very moment.

        Raises:
            As `get`.
        """
        _, headers = self._answer("GET", path)
        return self.post(path, body, idempotency_key=idempotency_key, if_match=headers.get("ETag"))

    def post_once(self, path: str, body: dict[str, Any], *, idempotency_key: str) -> bool:
        """Have a command be done under a key, and tell whether it was done now, not before.

        Raises:
            As `get`.
        """
        headers = {"Idempotency-Key": idempotency_key}
        return _REPLAYED not in self._answer("POST", path, json=body, headers=headers)[1]

    def _answer(self, method: str, path: str, **request: Any) -> tuple[dict[str, Any], httpx.Headers]:  # noqa: ANN401  # httpx's own options
        """Return the document and the headers of a good answer, raise for any other."""
        try:
            response = self._http.request(method, path, **request)
        except (httpx.LocalProtocolError, UnicodeEncodeError) as cause:
            # Nothing was sent: what is asked for cannot be written as HTTP.
            raise ApiRejected(
                f"{method} {path} cannot be sent: a header or the path has characters that HTTP has not"
            ) from cause
        except httpx.RequestError as cause:
            why = why_no_answer(cause)
            raise ApiUnavailable(f"the API at {self._http.base_url} did not answer: {why}") from cause
        try:
            document: dict[str, Any] = response.json()
        except ValueError as cause:
            raise ApiUnavailable(f"{method} {path} was not answered in JSON: {response.status_code}") from cause
        if response.is_success:
            return document, response.headers
        is_later = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
        kind = ApiUnavailable if is_later or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else ApiRejected
        said = "; ".join(_told(one) for one in document.get("errors") or [document])
        raise kind(f"{document.get('code')}: {said}")


def _told(mistake: dict[str, Any]) -> str:
    """Return what is wrong, and where, for people."""
    place = mistake.get("pointer") or mistake.get("parameter") or ""
    return f"{mistake.get('detail')} ({place})" if place else f"{mistake.get('detail')}"
